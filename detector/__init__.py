"""The domain: events, numbering, windows, features, policy, decisions. It knows no Kafka, Redis, file or clock."""
