"""The classifier: traffic, training, evaluation, artifacts, fast inference. It knows no Kafka and no Redis."""
