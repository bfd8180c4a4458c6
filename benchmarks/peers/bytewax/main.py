"""Bytewax with its keyed state, or with a dictionary in a step over whole batches. See README.md."""

import gc
from collections.abc import Iterable
from typing import Any

import orjson
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import run_main
from confluent_kafka import OFFSET_STORED

from benchmarks.peers.arguments import parse
from benchmarks.peers.job import CallerState, answer, caller_end, caller_setup
from benchmarks.peers.memory import MemoryJob

BATCH = 1_000


def main() -> None:
    """Run until SIGTERM: one worker in this process."""
    options = parse("keyed", "memory")
    gc.set_threshold(100_000, 50, 100)
    brokers = [options.bootstrap]
    group = {"group.id": options.group, "enable.auto.commit": "true", "auto.offset.reset": "earliest"}
    flow = Dataflow("peers")
    source = KafkaSource(brokers, [options.input], starting_offset=OFFSET_STORED, add_config=group, batch_size=BATCH)
    records = op.input("input", flow, source)
    steps = keyed if options.state == "keyed" else in_memory
    answers = steps(records)
    op.output("output", answers, KafkaSink(brokers, options.output, add_config={"acks": "all", "linger.ms": "5"}))
    run_main(flow)


def in_memory(records: Any) -> Any:
    """All state in dictionaries, a batch a call."""
    memory = MemoryJob()

    def job(batch: list[Any]) -> Iterable[Any]:
        for record in batch:
            found = memory.answer(orjson.loads(record.value))
            if found is not None:
                yield KafkaSinkMessage(record.key, orjson.dumps(found))

    return op.flat_map_batch("job", records, job)


class Caller(StatefulBatchLogic):  # type: ignore[misc]  # untyped here
    """State and steps of one calling number."""

    def __init__(self, state: CallerState | None) -> None:
        self._state = state or CallerState()

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        """Count the events of a batch; answers are ready to be sent."""
        answers = []
        for key, event, trunk in values:
            if trunk is None:
                caller_end(self._state, event)
                continue
            found = answer(event, caller_setup(self._state, event) + trunk)
            answers.append(KafkaSinkMessage(key, orjson.dumps(found)))
        return answers, False

    def snapshot(self) -> CallerState:
        """What a recovery store would be given."""
        return self._state


def keyed(records: Any) -> Any:
    """Trunk groups are counted where order is still that of the topic: a keyed step sorts a batch by key."""
    memory = MemoryJob()

    def by_caller(record: Any) -> tuple[str, tuple[bytes, dict[str, Any], list[int] | None]]:
        event = orjson.loads(record.value)
        trunk = memory.trunk(event) if event["type"] == "call_setup" else None
        return event["calling_number"], (record.key, event, trunk)

    callers = op.map("by_caller", records, by_caller)
    return op.key_rm("answers", op.stateful_batch("callers", callers, Caller))


if __name__ == "__main__":
    main()
