"""The floor: librdkafka reads, copies as many bytes as an answer has, and writes them, at least once. No job."""

import signal
import time

from confluent_kafka import Consumer, Message, Producer

from benchmarks.peers.arguments import parse

COPIED_BYTES = 180
SETUP = b'{"type":"call_setup"'
COMMIT_S = 0.5
CHUNK = 1_000


def main() -> None:
    """Loop until SIGTERM."""
    options = parse()
    consumer = Consumer(
        {
            "bootstrap.servers": options.bootstrap,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer({"bootstrap.servers": options.bootstrap, "acks": "all", "linger.ms": 5})
    consumer.subscribe([options.input])
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    committed_s = time.monotonic()
    last: Message | None = None
    while running:
        for message in consumer.consume(CHUNK, 0.1):
            value = message.value() or b""
            if value.startswith(SETUP):
                producer.produce(options.output, value[:COPIED_BYTES], message.key())
            last = message
        producer.poll(0)
        if last is not None and time.monotonic() - committed_s > COMMIT_S:
            producer.flush()
            consumer.commit(message=last, asynchronous=True)
            committed_s, last = time.monotonic(), None
    producer.flush(10)
    consumer.close()


if __name__ == "__main__":
    main()
