"""Commands about packages for authorities."""
