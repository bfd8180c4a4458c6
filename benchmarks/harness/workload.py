"""The one seeded source of benchmark traffic. It reads no clock and no network."""

import json
import random

from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec

POOL = 20_000
_RANDOM = random.Random(7)
_CALLING = [
    f"+1{_RANDOM.randint(201, 989)}{_RANDOM.randint(200, 999)}{_RANDOM.randint(0, 9999):04}" for _ in range(POOL)
]
_CALLED = [
    f"+1{_RANDOM.randint(201, 989)}{_RANDOM.randint(200, 999)}{_RANDOM.randint(0, 9999):04}" for _ in range(POOL)
]


def event_lines(number: int, *, seed: int) -> list[bytes]:
    """The first `number` events of the generator's default traffic as JSON lines."""
    lines: list[bytes] = []
    for block in generate(TrafficSpec(seed=seed, hours=24.0, calls_per_second=60.0)):
        lines += [line.encode() for line in block.json_lines()]
        if len(lines) >= number:
            break
    return lines[:number]


def latency_event(index: int, call_id: str, setup_time_ms: int) -> tuple[bytes, bytes]:
    """Key and value of one call setup of about 500 bytes; numbers come from a fixed pool."""
    calling = _CALLING[index * 7919 % POOL]
    value = {
        "type": "call_setup",
        "call_id": call_id,
        "setup_time_ms": setup_time_ms,
        "calling_number": calling,
        "called_number": _CALLED[index * 104_729 % POOL],
        "trunk_group_id": f"trunk-{index % 40}",
        "upstream_ocn": "7421",
        "source_ip": "192.0.2.17",
        "verstat": "TN-Validation-Passed",
        "attestation": "ABC"[index % 3],
        "origid": f"6b2f7a52-55c8-4d8d-9a0f-{index % 200:012}",
        "signer_spc": f"{700 + index % 60}J",
        "user_agent": "SBC/9.2",
        "icid": f"icid-{index:012}",
        "role": "terminating",
    }
    return calling.encode(), json.dumps(value, separators=(",", ":")).encode()
