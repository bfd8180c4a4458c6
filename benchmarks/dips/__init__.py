"""How long after it is due an INVITE is answered."""
