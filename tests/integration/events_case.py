"""Events for a worker of these tests: lines of JSON that are published by their calling numbers."""

import json

from confluent_kafka import Producer

from streams.kafka.topics import CALL_EVENTS
from tests.waiting import HANG_S


def produce(bootstrap: str, lines: list[bytes]) -> None:
    """Publish events in this order; return once the broker has them."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 5})
    for line in lines:
        producer.produce(CALL_EVENTS, key=json.loads(line)["calling_number"], value=line)
        producer.poll(0)
    assert producer.flush(HANG_S) == 0


def setups(lines: list[bytes]) -> set[str]:
    """Ids of the calls that these events set up."""
    return {event["call_id"] for event in map(json.loads, lines) if event["type"] == "call_setup"}
