"""`robocall ask`: which clusters of calls an analyst should judge now, each with its calls and why it is asked."""
