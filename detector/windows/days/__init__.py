"""The memory of days: what numbers, origins, blocks and trunk groups did on the last 28 days."""
