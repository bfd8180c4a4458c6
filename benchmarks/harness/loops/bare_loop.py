"""The floor of every comparison: librdkafka reads the topic and answers each call setup with padding.

An answer has as many bytes as a decision. Nothing else is done.

python -m benchmarks.harness.loops.bare_loop BOOTSTRAP_SERVERS SOURCE SINK LINGER_MS
"""

import signal
import sys
import uuid

from confluent_kafka import Consumer, Producer

DECISION_BYTES = 504
"""Of a published decision, mean of the generated traffic."""
FILL = b" " * DECISION_BYTES
SETUP = b'"type":"call_setup"'


def main() -> None:
    """Loop until SIGTERM."""
    servers, source, sink, linger_ms = sys.argv[1:5]
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": f"loop-{uuid.uuid4()}", "auto.offset.reset": "earliest"}
    )
    producer = Producer({"bootstrap.servers": servers, "linger.ms": float(linger_ms), "acks": "all"})
    consumer.subscribe([source])
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        first = consumer.poll(0.1)  # consume(n, timeout) would wait for n records
        if first is None:
            continue
        for message in [first, *consumer.consume(511, 0)]:
            value = b"" if message.error() else message.value() or b""
            if SETUP in value:
                answer = (value + FILL)[:DECISION_BYTES]
                while not _sent(producer, sink, answer, message.key(), message.partition() or 0):
                    producer.poll(0.01)
        producer.poll(0)
    producer.flush(10)
    consumer.close()


def _sent(producer: Producer, sink: str, answer: bytes, key: bytes | str | None, partition: int) -> bool:
    try:
        producer.produce(sink, answer, key, partition=partition)
    except BufferError:  # the queue is full
        return False
    return True


if __name__ == "__main__":
    main()
