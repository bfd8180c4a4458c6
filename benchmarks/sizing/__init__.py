"""How many workers, partitions and bytes a rate of calls needs."""
