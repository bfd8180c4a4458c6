"""Rows of tables into records of topics, and `robocall bridge records`."""
