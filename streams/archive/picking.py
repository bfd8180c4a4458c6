"""Which calls of many to trace: recent, answered, between different numbers. Others need few, and good ones."""

from collections.abc import Iterable

from detector.features.window_constants import DAY_MS
from streams.archive.calls import ArchivedCall

OLDEST_MS = 10 * DAY_MS
"""Providers keep records for some time; the Industry Traceback Group takes calls under ten days old."""


def best(calls: Iterable[ArchivedCall], now_ms: int, count: int) -> list[ArchivedCall]:
    """Choose the best examples, the best one first.

    Answered calls come before others, later ones before earlier ones. A number, calling or called, that was taken is
    taken again only where nothing else is left; a pair of numbers never is.

    Args:
        calls: In any order.
        now_ms: Epoch milliseconds; calls of more than ten days before, and of later than it, are left out.
        count: How many, at most.
    """
    young = [call for call in calls if 0 <= now_ms - call.set_up.setup_time_ms < OLDEST_MS]
    ordered = sorted(
        young, key=lambda call: (call.is_answered is not True, -call.set_up.setup_time_ms, call.set_up.call_id)
    )
    chosen: list[ArchivedCall] = []
    for most_shared in (0, 1):
        for call in ordered:
            if len(chosen) < count and all(_shared(call, one) <= most_shared for one in chosen):
                chosen.append(call)
    return chosen


def _shared(one: ArchivedCall, other: ArchivedCall) -> int:
    mine, theirs = one.set_up, other.set_up
    return (mine.calling_number == theirs.calling_number) + (mine.called_number == theirs.called_number)
