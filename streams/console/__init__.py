"""The console: pages for people, beside the stream. It reads Kafka, Redis and the archive, and decides no call."""
