"""State that outlives a worker: snapshots, recovery, the offsets that they belong to."""
