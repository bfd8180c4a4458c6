"""Damaged datagrams, one after the other, into one dip: every INVITE that can be read is answered, nothing is kept."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any, cast

import pytest

from streams.bridge.settings import BridgeSettings
from streams.bridge.sip.responses import Source
from streams.metrics import Metric
from tests.streams.bridge.sip.damage import RICH, damaged
from tests.streams.bridge.sip.sip_case import invite
from tests.streams.bridge.sip.test_server import Case
from tests.waiting import until

DATAGRAMS, SEED = 20_000, 7
"""A million of them, once and by the same changes, found no more."""
VIA = "SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-1"


class Sent:
    """Takes datagrams in the place of a socket."""

    def __init__(self) -> None:
        self.count = 0

    def is_closing(self) -> bool:
        return False

    def sendto(self, data: bytes, address: object) -> None:
        assert data.startswith(b"SIP/2.0 "), address
        self.count += 1


@pytest.mark.slow
def test_damaged_datagrams_break_nothing_and_leave_nothing_behind(reference_data: Path) -> None:
    """INVITEs and the messages of RFC 4475. The asker never breaks here, so no error may be counted."""
    seeds = [invite(via=VIA), invite(*RICH, via=VIA)]
    seeds += [path.read_bytes() for path in sorted((reference_data / "sip_torture").glob("*.dat"))]
    rng = random.Random(SEED)

    async def run() -> tuple[Case, int]:
        case, sent = Case(BridgeSettings.load(sip_port=0)), Sent()
        case.asker.is_perfect = True
        case.dip._datagrams = cast("Any", sent)
        for number in range(DATAGRAMS):
            case.dip.take(
                damaged(rng.choice(seeds), rng), Source("127.0.0.1" if rng.random() < 0.9 else "192.0.2.1", 5060)
            )
            if number % 50 == 0:
                await asyncio.sleep(0)
        await until(lambda: not case.dip._asking)
        list(case.dip._transactions.due(time.monotonic() + 80))
        return case, sent.count

    case, sent = asyncio.run(run())
    assert case.counted(Metric.BRIDGE_FAIL_OPEN, reason="internal_error") == 0
    assert len(case.dip._transactions) == 0
    assert case.counted(Metric.BRIDGE_DIPS, answer="allow") == len(case.asker.asked) > 100
    assert sent >= len(case.asker.asked)
