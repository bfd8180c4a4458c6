"""Parts of pages that are only looked at: workers and partitions, whom to call, what a subject did by the hour."""
