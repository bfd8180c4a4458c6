"""The first call finds everything compiled: a compilation on a busy machine can outlast the group's patience."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.decisions import Action
from detector.policy.lists import Lists
from detector.policy.held import Held
from detector.policy.standing import StandingDecision
from streams.kafka.partitioner import partitions_of
from streams.screening.pipeline import Pipeline
from streams.kafka.fetched import FetchedBatch, rows_of
from streams.wire.record_columns import records_of
from faust.types import TP
from streams.screening.build import make_screener
from streams.settings import load_settings
from streams.screening.stray_keys import strays
from streams.worker.warming import warm

def compiled():
    modules = [one for name, one in sys.modules.items() if name.partition(".")[0] in ("detector", "models", "streams")]
    functions = {one for module in modules for one in vars(module).values() if hasattr(type(one), "dispatcher")}
    return {f"{one.__module__}.{one.__name__}": len(one.dispatcher.signatures) for one in functions}

settings = load_settings(partitions=12)
screener = make_screener(settings, shared_trunks=True)
warm(screener.classifier)
before = compiled()
line = {"type": "call_setup", "call_id": "c", "setup_time_ms": 1760000000000, "calling_number": "+12025550123",
        "called_number": "+13125550145", "trunk_group_id": "t"}
end = {**line, "type": "call_end", "end_time_ms": 1760000009000, "answer_time_ms": 1760000001000, "sip_status": 200}
odd = {**line, "call_id": "\\u2603"}
failures = []
pipeline = Pipeline(screener, seed=PUBLIC_SEED, on_failure=failures.append)
listed = frozenset(["+12025550123", "t", "x"])
everything = Lists(emergency=listed, opt_out=listed, allow=listed, block=listed, dno=frozenset(["202", "2025550123"]))
for lists in (Lists(), everything):
    screener.lists = lists
    for lines in ([line], [line, odd, {}, line, end], [odd], [], [{}], [end], [line] * 300):
        values = [json.dumps(one, separators=(",", ":")).encode() for one in lines]
        rows = rows_of((offset, 0, b"key", value) for offset, value in enumerate(values))
        for parts in ([(TP("t", 0), rows)], [(TP("t", 0), rows[:1]), (TP("t", 1), rows[1:])]):
            if all(len(some) for _, some in parts):
                fetched = FetchedBatch(parts)
                batch = pipeline.process(fetched.records, decided_time_ms=None)
                strays(fetched.key_hashes(), batch.reading)
        pipeline.process(records_of(values), decided_time_ms=None)
        partitions_of([b"key"] * len(values), 12)
    screener.standing.held.put("+12025550123", Held(Action.LABEL, 4_000_000_000_000, ()))
    screener.standing.set(StandingDecision("trunk:t", Action.LABEL, "c", 0, 4_000_000_000_000, "analyst"))
assert not failures, failures
json.dump([before, compiled()], sys.stdout)
"""


def test_no_batch_compiles_anything_after_the_warm_up() -> None:
    """Calls and ends of calls, escapes, refused records, none at all, lists and standing decisions."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    before, after = json.loads(done.stdout)
    late = {name: count for name, count in after.items() if count != before.get(name, 0)}
    assert late == {}
    for name in (
        "streams.kafka.fetch.record_batches._read",
        "streams.kafka.publishing.record_batch._put",
        "streams.screening.bulk_allows._write",
        "detector.policy.reasons._find_leading",
    ):
        assert before[name] == 1
