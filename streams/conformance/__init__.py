"""The conformance kit: what the contract asks of a detector, and of a switch that publishes and reads, by case."""
