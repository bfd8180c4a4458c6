"""Builders of suspect calls: say what matters to a test, the rest is an ordinary call."""

from dataclasses import replace
from itertools import count

from detector.campaigns.calls import SuspectCall

START_MS = 1_700_000_000_000
_numbers = count()


def suspect(at_s: float = 0.0, **fields: object) -> SuspectCall:
    """Make a suspect call, from and to numbers that no other one has unless said otherwise.

    Args:
        at_s: Set-up, seconds after `START_MS`.
        **fields: Any field of `SuspectCall`.
    """
    number = next(_numbers)
    usual = SuspectCall(
        f"call-{number}",
        f"decision-{number}",
        START_MS + round(1_000 * at_s),
        f"+1212555{number * 7919 % 10_000:04d}",
        f"+1310{200 + number // 10_000 % 700}{number % 10_000:04d}",
        "tg-1",
        score=0.95,
    )
    return replace(usual, **fields)  # type: ignore[arg-type]
