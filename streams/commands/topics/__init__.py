"""`robocall topics`: the topics that are used, made and looked at."""
