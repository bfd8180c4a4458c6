"""What the tests of tracebacks share: archived calls, providers, hops."""

from typing import Any

from streams.archive.calls import ArchivedCall, End, SetUp
from streams.traceback.records import Call, Hop, Provider, Status, Traceback

NOON_MS = 1_780_000_000_000  # 2026-05-28T20:26:40Z
CALLED, CALLING = "+13035550142", "+12025550123"


def archived(at_ms: int, *, duration_s: float | None = None, is_ended: bool = True, **more: Any) -> ArchivedCall:
    """A call of the archive; answered where it has a duration."""
    names = {"call_id": f"call-{at_ms}", "trunk_group_id": "west", "calling_number": CALLING, "called_number": CALLED}
    end = None
    if is_ended:
        answer_ms = None if duration_s is None else at_ms + 8_000
        end = End(end_time_ms=at_ms + 8_000 + round(1_000 * (duration_s or 0)), answer_time_ms=answer_ms)
    return ArchivedCall(SetUp(setup_time_ms=at_ms, **names | more), end)


def provider(name: str) -> Provider:
    return Provider(name=name)


def hop(who: str, source: str | None = None, status: Status = Status.FOUND, **more: Any) -> Hop:
    """What `who` says, who had the call from `source`."""
    return Hop(
        provider=provider(who), status=status, received_from=None if source is None else provider(source), **more
    )


def traced(*hops: Hop, rivals: int = 0) -> Traceback:
    call = Call(time_ms=NOON_MS, calling_number=CALLING, called_number=CALLED)
    return Traceback(
        traceback_id="t-1", opened_ms=NOON_MS, due_ms=NOON_MS + 86_400_000, call=call, hops=hops, rivals=rivals
    )
