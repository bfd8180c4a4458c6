"""How long pages of the console take at a full desk, while decisions stream behind it."""
