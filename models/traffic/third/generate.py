"""The third author's traffic: a terminating carrier for some hours of a working day, its events in order of time.

It was written from the event contract and the figures of the field alone. Its author did not look at how the two other
authors' callers behave or their calls are carried, nor at what models had been found to miss. The authors share the
names of kinds (`models.traffic.kinds`), so that figures by kind can be compared, the first instant
(`models.traffic.span`) and how big a carrier is (`models.traffic.carrier_size`).

Calls come at an even rate. The seed decides on peers of seven types, trunk groups, shares of lawful callers and of
campaigns, and how much is told of each call. All calls are held in memory as columns, about 300 bytes a call.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from detector.contract.events import Attestation, CallEnd, CallSetup, ReleasedBy, Role
from models.traffic.carrier_size import drawn_size
from models.traffic.span import DEFAULT_START_MS, after_hours
from models.traffic.third.callers import lawful
from models.traffic.third.calls import KINDS, Calls, Columns
from models.traffic.third.campaigns import campaigns
from models.traffic.third.carrier import NONE, Carrier
from models.traffic.truth import Truth

_DRAWN = "otherwise"
"""Part of the seed and of call ids, of no meaning: with another all traffic would be another than models learnt."""
_LEAST_HOURS = 0.1
_CHUNK = 1 << 15
_CAUSES = {200: 16, 404: 1, 484: 28, 486: 17, 480: 19, 487: 16, 503: 34, 603: 21}
_RELEASED_BY = (ReleasedBy.CALLING, ReleasedBy.CALLED, ReleasedBy.NETWORK)
_LEVELS = (None, Attestation.A, Attestation.B, Attestation.C)
_TOLD = (
    "kind", "caller", "called", "provider", "campaign", "customer", "trunk", "attest", "forwarded", "failed", "origid",
    "status", "by", "setup", "answer", "end",
)  # fmt: skip
"""Columns that events are made of."""


@dataclass(frozen=True, slots=True)
class ThirdTraffic:
    """What to generate of the third author's traffic.

    Attributes:
        seed: at least 0; all else about the carrier and its calls follows from it.
        start_ms: first instant, epoch milliseconds UTC.
        hours: length of the span.
        history_hours: the first part of the span only fills windows; its calls are neither learnt nor judged.
        calls_per_second: mean rate of all calls, about.
        robocall_share: share of robocalls among all calls, about.

    Raises:
        ValueError: the history leaves no room for calls that are judged.
    """

    seed: int = 1
    start_ms: int = DEFAULT_START_MS
    hours: float = 4.0
    history_hours: float = 2.5
    calls_per_second: float = 20.0
    robocall_share: float = 0.08

    def __post_init__(self) -> None:
        """Refuse what has no room for campaigns."""
        if not 0.0 <= self.history_hours <= self.hours - _LEAST_HOURS:
            raise ValueError(
                f"history_hours is {self.history_hours}: leave {_LEAST_HOURS} of {self.hours} hours or more"
            )

    @property
    def judged_ms(self) -> int:
        """First instant whose calls are learnt or judged."""
        return after_hours(self.start_ms, self.history_hours)


def drawn(seed: int, *, start_ms: int, calls: int) -> ThirdTraffic:
    """Draw a carrier from wide ranges.

    Args:
        seed: Of the draws and of the traffic.
        start_ms: First instant of its traffic, epoch milliseconds.
        calls: How many calls are judged, about.
    """
    random = Random(f"{_DRAWN} {seed}")
    calls_per_second, history_hours, hours = drawn_size(random, calls)
    return ThirdTraffic(seed, start_ms, hours, history_hours, calls_per_second, random.uniform(0.05, 0.12))


def generate(spec: ThirdTraffic) -> Iterator[tuple[CallSetup | CallEnd, Truth]]:
    """Events in order of their time, a call's end when it ends, each with what the call was.

    It takes processor time alone. The same description always gives the same events. All calls are drawn and held in
    memory before the first event is given.
    """
    carrier = Carrier(
        spec.seed,
        calls_per_second=spec.calls_per_second,
        history_s=spec.history_hours * 3_600,
        span_s=spec.hours * 3_600,
        robocall_share=spec.robocall_share,
    )
    calls = Calls(carrier)
    lines = lawful(carrier, calls)
    campaigns(carrier, calls, lines)
    columns = calls.columns(spec.start_ms)
    n = len(columns["setup"])
    order = np.argsort(np.concatenate([columns["setup"], columns["end"]]), kind="stable")
    for first in range(0, 2 * n, _CHUNK):
        yield from _events(carrier, columns, order[first : first + _CHUNK])


def _events(carrier: Carrier, columns: Columns, places: Any) -> Iterator[tuple[CallSetup | CallEnd, Truth]]:
    """Tell setups, which are at their call's place, and ends, which are behind all setups."""
    n = len(columns["setup"])
    calls = places % n
    chosen = [columns[name][calls].tolist() for name in _TOLD]
    for is_end, call, *values in zip((places >= n).tolist(), calls.tolist(), *chosen, strict=True):
        row = dict(zip(_TOLD, values, strict=True))
        kind, number = KINDS[row["kind"]], row["campaign"]
        truth = Truth(number >= 0, f"{kind}-{number}" if number >= 0 else "", kind)
        yield (_end if is_end else _setup)(carrier, call, row), truth


def _common(carrier: Carrier, call: int, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "call_id": f"{carrier.seed}-{call:x}@{_DRAWN}.example",
        "setup_time_ms": row["setup"],
        "calling_number": carrier.number(row["caller"]),
        "called_number": carrier.number(row["called"]),
        "trunk_group_id": carrier.trunk_style.format(row["trunk"] + carrier.first_trunk),
        "switch_id": f"sw{row['trunk'] % 3}" if carrier.tells["switch"] else None,
    }


def _setup(carrier: Carrier, call: int, row: dict[str, Any]) -> CallSetup:
    level, provider, trunk, tells = row["attest"], row["provider"], row["trunk"], carrier.tells
    is_signed, own = level != NONE, carrier.own
    common = _common(carrier, call, row)
    return CallSetup(
        **common,
        upstream_ocn=str(carrier.spc[carrier.owner[trunk]]) if tells["ocn"] else None,
        source_ip=f"198.51.{trunk % 100}.{row['customer'] % 4 + 1}" if tells["ip"] else None,
        privacy=common["calling_number"] == "anonymous" or None,
        diversion=[carrier.number(int(own[call % len(own)]))] if row["forwarded"] else None,
        verstat=_verstat(carrier, row),
        attestation=_LEVELS[level],
        origid=_uuid(carrier, row["origid"]) if is_signed else None,
        signer_spc=str(carrier.spc[provider]) if is_signed and tells["spc"] else None,
        icid=f"ic{carrier.seed}{call:x}" if tells["icid"] else None,
        calling_ocn=str(carrier.spc[provider]) if tells["cocn"] and row["caller"] > 0 and provider != 0 else None,
        role=Role.ORIGINATING if provider == 0 else Role.TERMINATING,
    )


def _verstat(carrier: Carrier, row: dict[str, Any]) -> str | None:
    level = row["attest"]
    if level != NONE:
        suffix = f"-{'NABC'[level]}" if carrier.tells_verstat == 1 else ""
        return f"TN-Validation-{'Failed' if row['failed'] else 'Passed'}{suffix}"
    return None if row["provider"] == 0 or carrier.tells_verstat == 2 else "No-TN-Validation"


def _uuid(carrier: Carrier, value: int) -> str:
    text = f"{(value * 0x9E3779B97F4A7C15F39CC0605CEDC835 + carrier.seed) % 2**128:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _end(carrier: Carrier, call: int, row: dict[str, Any]) -> CallEnd:
    status = row["status"]
    return CallEnd(
        **_common(carrier, call, row),
        end_time_ms=row["end"],
        sip_status=status,
        answer_time_ms=row["answer"] if status == 200 else None,
        q850_cause=_CAUSES[status],
        released_by=_RELEASED_BY[row["by"]],
    )
