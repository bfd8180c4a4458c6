"""What two Kafka clients cost on the same bytes."""
