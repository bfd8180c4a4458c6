"""`robocall redress` and `robocall blocked`: for those who were blocked, and for those who were called."""
