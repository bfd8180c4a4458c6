"""Records as bytes: the decoder, the compiled scan beside it, and what both refuse."""
