"""`robocall demo`: everything on one machine, and what is shown of it."""
