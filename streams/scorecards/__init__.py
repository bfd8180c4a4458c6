"""What came in by each trunk group in a day, from the archive: whom to call today, and what to change in the policy."""
