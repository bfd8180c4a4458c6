"""The second author's traffic, written without sight of how the first generates."""
