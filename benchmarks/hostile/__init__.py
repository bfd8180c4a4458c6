"""How much longer good calls wait beside everything that is hostile."""
