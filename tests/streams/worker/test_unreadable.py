"""What is said of a batch that cannot be read."""

import json

from faust.types import TP

from streams.kafka.fetched import Unreadable
from streams.kafka.topics import CALL_EVENTS, DEAD_LETTERS
from streams.metrics import Metric
from streams.wire.refusals import Code
from streams.worker.metrics import Metrics
from streams.worker.unreadable import UnreadableBatches
from tests.streams.worker.fakes import Side

WHAT = Unreadable(4, 9, Code.BATCH_DAMAGED, "The batch is damaged: a checksum is wrong.")
COUNTED = f'{Metric.UNREADABLE}{{code="batch_damaged",topic="call-events"}} 1.0'


def test_a_batch_becomes_one_dead_letter() -> None:
    """With the offsets that are left out, and without anything of what was in it."""
    metrics, side = Metrics(), Side()

    UnreadableBatches(metrics, side).tell(TP(CALL_EVENTS, 3), WHAT)

    (record,) = side.records[DEAD_LETTERS]
    said = json.loads(record[1] or b"")
    assert said.pop("rejected_time_ms") > 0
    assert said == {
        "topic": CALL_EVENTS, "partition": 3, "offset": 4, "last_offset": 9, "code": "batch_damaged",
        "message": WHAT.message, "value": None, "value_bytes": 0, "key_bytes": 0,
    }  # fmt: skip
    assert COUNTED in metrics.exposition().decode()


def test_a_batch_that_was_told_of_before_is_only_counted() -> None:
    """Whoever catches up reads again what another has read first."""
    metrics, side = Metrics(), Side()

    UnreadableBatches(metrics, side).note(TP(CALL_EVENTS, 3), WHAT)

    assert side.records == {}
    assert COUNTED in metrics.exposition().decode()
