"""The classifier: traffic generator, training, evaluation, artifacts and fast inference. It knows no Kafka and no Redis."""
