"""Fetching: requests and answers, batches of records, unpacking, and the fetcher that an aiokafka consumer gets."""
