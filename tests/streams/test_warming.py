"""The first call finds everything compiled."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
from detector import calls, identity, marks, reasons
from detector.decisions import Action
from detector.standing import Held
from streams import plain_allows, stray_keys
from streams.rows import rows_of
from streams.pipeline import Pipeline
from streams.screener import make_screener
from streams.settings import load_settings
from streams.warming import warm_answers

def compiled():
    modules = (calls, identity, marks, reasons, plain_allows)
    functions = ((module.__name__, name, one) for module in modules for name, one in vars(module).items())
    return {f"{module}.{name}": len(one.signatures) for module, name, one in functions if hasattr(one, "signatures")}

warm_answers()
before = compiled()
line = {"type": "call_setup", "call_id": "c", "setup_time_ms": 1760000000000, "calling_number": "+12025550123",
        "called_number": "+13125550145", "trunk_group_id": "t"}
odd = {**line, "call_id": "\\u2603"}
settings = load_settings(partitions=1)
failures = []
pipeline = Pipeline(make_screener(settings, shared_trunks=True), seed=settings.hash_seed, on_failure=failures.append)
pipeline.screener.standing.held.put("+12025550123", Held(Action.LABEL, 1 << 62, ()))
for lines in ([line], [line, odd, {}, line], [odd], [], [{}]):
    values = [json.dumps(one).encode() for one in lines]
    processed = pipeline.process(values, [0] * len(values), decided_time_ms=None)
    records = rows_of((offset, 0, b"key", value) for offset, value in enumerate(values))
    for rows in (records, records[:1], records[1:]):
        rows.key_hashes()
    stray_keys.strays(records.key_hashes(), processed.intake)
assert not failures
json.dump([before, compiled()], sys.stdout)
"""


def test_no_batch_compiles_anything_after_the_warm_up() -> None:
    """Plain calls, calls with escapes, refused records, none at all: in a fresh process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    before, after = json.loads(done.stdout)
    assert after == before
    assert before["streams.plain_allows._write"] == before["detector.reasons._find_leading"] == 1
