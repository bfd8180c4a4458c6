"""The field by which a worker finds the bridge's span, and what strangers may write in its place."""

import json

import pytest

from detector.contract.events import MAX_RECORD_BYTES
from streams.tracing.traceparent import parent_of, with_parent

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7
WRITTEN = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"


def test_what_was_added_is_found_and_the_event_is_what_it_was() -> None:
    """It has the form of W3C Trace Context."""
    event = {"type": "call_setup", "call_id": "1"}
    value = with_parent(json.dumps(event).encode(), TRACE, SPAN)

    assert json.loads(value) == event | {"traceparent": WRITTEN}
    assert parent_of(value, TRACE) == SPAN


def test_an_event_that_would_become_too_long_stays_as_it_is() -> None:
    """The call matters more."""
    longest = json.dumps({"call_id": "x" * (MAX_RECORD_BYTES - 15)}).encode()
    assert len(longest) == MAX_RECORD_BYTES

    assert with_parent(longest, TRACE, SPAN) == longest


@pytest.mark.parametrize(
    "said",
    [
        WRITTEN.replace("0af7", "0bf7"),  # of another trace
        WRITTEN.replace("00f067aa0ba902b7", "0" * 16),
        WRITTEN.upper(),
        WRITTEN[:-1],
        WRITTEN.removesuffix("1") + "0",  # not sampled
        "ff" + WRITTEN[2:],
        WRITTEN.replace("00f067aa0ba902b7", "00f067aa_ba902b7"),
        f'"traceparent":"{WRITTEN}"',  # its quotes are escaped
        "",
        7,
        None,
        [WRITTEN],
    ],
)
def test_what_is_not_ours_names_no_parent(said: object) -> None:
    """Whatever a switch writes there."""
    value = json.dumps({"call_id": "1", "traceparent": said}, separators=(",", ":")).encode()

    assert parent_of(value, TRACE) is None


def test_no_key_is_repeated() -> None:
    """Such a record would be refused."""
    theirs = json.dumps({"call_id": "1", "traceparent": WRITTEN.replace("0af7", "0bf7")}).encode()

    assert with_parent(theirs, TRACE, SPAN) == theirs
