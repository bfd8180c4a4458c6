"""Apache Kafka and Valkey on this machine, from pip alone."""
