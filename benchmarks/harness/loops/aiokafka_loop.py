"""The bare copy loop with aiokafka: what this client costs a program that does nothing else.

python -m benchmarks.harness.loops.aiokafka_loop BOOTSTRAP_SERVERS SOURCE SINK
"""

import asyncio
import signal
import sys
import uuid

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.harness.loops.bare_loop import DECISION_BYTES, FILL, SETUP


async def main() -> None:
    """Loop until SIGTERM."""
    servers, source, sink = sys.argv[1:4]
    consumer = AIOKafkaConsumer(
        source, bootstrap_servers=servers, group_id=f"loop-{uuid.uuid4()}", auto_offset_reset="earliest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=0, acks="all")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await consumer.start()
    await producer.start()
    while not ended.is_set():
        for place, rows in (await consumer.getmany(timeout_ms=100, max_records=512)).items():
            batch = producer.create_batch()
            for row in rows:
                if SETUP not in row.value:
                    continue
                answer = (row.value + FILL)[:DECISION_BYTES]
                if batch.append(key=row.key, value=answer, timestamp=None) is None:  # full
                    await producer.send_batch(batch, sink, partition=place.partition)
                    batch = producer.create_batch()
                    batch.append(key=row.key, value=answer, timestamp=None)
            if batch.record_count():
                await producer.send_batch(batch, sink, partition=place.partition)
    await producer.stop()
    await consumer.stop()


if __name__ == "__main__":
    uvloop.run(main())
