"""The domain: events, numbering, windows, features, policy, decisions, screening. It knows no Kafka, Redis, file or clock."""
