"""The floor of every comparison: librdkafka consumes, copies 230 bytes of each record, produces. Nothing else.

python -m benchmarks.bare_loop BOOTSTRAP_SERVERS SOURCE SINK
"""

import signal
import sys
import uuid

from confluent_kafka import Consumer, Producer

COPIED_BYTES = 230


def main() -> None:
    """Loop until SIGTERM."""
    servers, source, sink = sys.argv[1:4]
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": f"loop-{uuid.uuid4()}", "auto.offset.reset": "earliest"}
    )
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0, "acks": "all"})
    consumer.subscribe([source])
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        first = consumer.poll(0.1)  # consume(n, timeout) would wait for n records
        if first is None:
            continue
        for message in [first, *consumer.consume(511, 0)]:
            if not message.error():
                value, partition = message.value() or b"", message.partition() or 0
                producer.produce(sink, value[:COPIED_BYTES], message.key(), partition=partition)
        producer.poll(0)
    producer.flush(10)
    consumer.close()


if __name__ == "__main__":
    main()
