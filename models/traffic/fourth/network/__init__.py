"""Between caller and called: numbers, providers and their trunk groups, and how a call ends."""
