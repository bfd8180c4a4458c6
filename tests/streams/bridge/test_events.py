"""Events that are published fit into a record, however much a caller writes into its INVITE."""

import pytest

from detector.contract.events import MAX_RECORD_BYTES
from streams.bridge.events import fitted
from streams.bridge.sip.mapping import call_setup
from streams.wire.decoder import decode_one
from tests.streams.bridge.sip.sip_case import peer, request

WIDE = "\U0001f600" * 256
"""4 bytes a character."""
ESCAPED = "\x01" * 256
"""6 bytes a character, in JSON."""


DIVERTED = [f"Diversion: <sip:{n}{'8' * 250}@a>" for n in range(16)]


def asserted(user: str) -> list[str]:
    return [f"P-Asserted-Identity: <sip:{user}@host>"] * 16


@pytest.mark.parametrize(
    ("headers", "gone"),
    [
        ([], set()),
        ([*asserted("9" * 240), *DIVERTED], set()),
        (
            [*asserted("9" * 240), *DIVERTED, f"Identity: {'e' * 8_000}"],
            {"identity"},
        ),
        ([*asserted(WIDE), f"User-Agent: {WIDE}", f"Identity: {'e' * 4_000}"], {"identity", "asserted_numbers"}),
        (
            [*asserted(ESCAPED), *[f"{name}: {ESCAPED}" for name in ("User-Agent", "Priority", "Attestation-Info")]],
            {"asserted_numbers"},
        ),
    ],
)
def test_a_caller_who_writes_much_is_asked_about_all_the_same(headers: list[str], gone: set[str]) -> None:
    setup = call_setup(request(*headers), peer(), "192.0.2.10", 1_760_000_000_000)
    data = fitted(setup)

    assert len(data) <= MAX_RECORD_BYTES
    event = decode_one(data)
    assert not isinstance(event, tuple), event
    kept = {name for name in setup if name != "type" and getattr(event, name) is not None}
    assert kept == set(setup) - gone - {"type"}


def test_the_longest_give_way_and_what_we_found_ourselves_comes_last() -> None:
    setup = call_setup(request(), peer(), "192.0.2.10", 1_760_000_000_000)
    long = dict.fromkeys(("own_cause", "own_origid", "user_agent"), "x" * 6_000) | {"calling_name": "y" * 7_000}
    event = decode_one(fitted(setup | long))

    assert not isinstance(event, tuple)
    found = {name: getattr(event, name) is not None for name in long}
    assert found == {"own_cause": True, "own_origid": True, "user_agent": False, "calling_name": False}


def test_an_event_that_is_one_by_nothing_else_stays_too_large() -> None:
    """Nothing of what names a call is left out, so no other call is asked about."""
    setup = call_setup(request(), peer(), "192.0.2.10", 1_760_000_000_000)
    assert len(fitted(setup | {"trunk_group_id": "t" * 20_000})) > MAX_RECORD_BYTES
