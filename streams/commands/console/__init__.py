"""The command `robocall console`."""
