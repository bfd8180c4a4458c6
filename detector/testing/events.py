"""Builders of events and batches: say what matters to a test, the rest is an ordinary call."""

from collections.abc import Sequence
from typing import Any

from detector.columns.call_columns import CallBatch, build_batch
from detector.contract.events import CallEnd, CallEvent, CallSetup

START_MS = 1_700_000_000_000
"""When calls are set up unless a test says otherwise: 2023-11-14, epoch milliseconds."""
CALLER = "+12125550123"
CALLEE = "+13105550456"
TRUNK_GROUP = "t-1"
SEED = 7
"""Seed of the hashes of `batch_of`, and of `detector.testing.windows.small_windows`."""


def call_setup(call_id: str = "call-1", **fields: Any) -> CallSetup:
    """Make a call setup from `CALLER` to `CALLEE` by `TRUNK_GROUP` at `START_MS`, unless said otherwise.

    Args:
        call_id: Identifies the call.
        **fields: Any field of `CallSetup`.
    """
    usual: dict[str, Any] = {
        "setup_time_ms": START_MS,
        "calling_number": CALLER,
        "called_number": CALLEE,
        "trunk_group_id": TRUNK_GROUP,
    }
    return CallSetup(call_id=call_id, **{**usual, **fields})


def call_end(of: CallSetup, *, after_ms: int, answered_after_ms: int | None = None, sip_status: int = 200) -> CallEnd:
    """Make the end of a call.

    Args:
        of: The call.
        after_ms: When it ended, milliseconds after its set-up.
        answered_after_ms: When it was answered, milliseconds after its set-up; None = never.
        sip_status: Final SIP status.
    """
    return CallEnd(
        call_id=of.call_id,
        setup_time_ms=of.setup_time_ms,
        end_time_ms=of.setup_time_ms + after_ms,
        answer_time_ms=None if answered_after_ms is None else of.setup_time_ms + answered_after_ms,
        calling_number=of.calling_number,
        called_number=of.called_number,
        trunk_group_id=of.trunk_group_id,
        sip_status=sip_status,
    )


def batch_of(events: Sequence[CallEvent], *, partition: int = 0, seed: int = SEED) -> CallBatch:
    """Make columns of events, as screening and windows take them.

    Args:
        events: In order of arrival.
        partition: The one that all of them came from.
        seed: Seed of the hashes; the windows must have the same.
    """
    is_setup = [isinstance(event, CallSetup) for event in events]
    return build_batch(events, is_setup, [partition] * len(events), seed=seed)
