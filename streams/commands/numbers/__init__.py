"""Commands about what others say of numbers."""
