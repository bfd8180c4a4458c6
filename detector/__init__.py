"""The domain: events, numbers, windows, features, policy, trust, decisions. It knows no Kafka, Redis, file or clock."""
