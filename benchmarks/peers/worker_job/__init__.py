"""The common job on the parts that the worker is made of. See README.md."""
