"""How long snapshots of many tracked numbers hold up a worker."""
