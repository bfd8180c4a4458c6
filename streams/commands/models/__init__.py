"""`robocall models`: artifacts of the registry, what is promoted, and what the doctor says of both."""
