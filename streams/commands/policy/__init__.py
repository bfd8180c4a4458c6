"""`robocall policy`: what is in force, a change tried on recorded calls, and saved."""
