"""Other streaming systems on the same job, topic, broker and core. See README.md. Imports nothing: peers run it too."""
