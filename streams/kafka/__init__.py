"""Everything that speaks to the brokers: the batch transport, fetching, publishing, topics."""
