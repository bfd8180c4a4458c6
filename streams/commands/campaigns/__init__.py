"""`robocall campaigns`: group suspect calls, look at campaigns, find them in the past, say what they were."""
