"""`robocall cases`: the records of who did what, their legal hold and their end."""
