"""What calling numbers that were chosen to collide cost."""
