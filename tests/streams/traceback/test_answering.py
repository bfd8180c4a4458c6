"""Our answer: the upstream behind the ingress trunk, the customer or the gateway; from archives plain and digested."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.query import connected
from streams.contract_docs.examples import examples
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.traceback.answering import CannotSay, Office, Party, answer, hop_of
from streams.traceback.matching import Match
from streams.traceback.questions import Reading
from streams.traceback.records import Hop, Provider, Status
from tests.streams.archive.archive_case import SECRET, START_MS, encoded, put, put_around, setup
from tests.streams.traceback.traceback_case import NOON_MS, archived

OURS = Provider(name="Our Network", ocn="1000")
WEST = Provider(name="West Voice", ocn="2000", country="US")
PARTIES = {
    "nyc-ix-7": Party(WEST),
    "abroad-1": Party(Provider(name="Far Telecom", country="SG")),
    "pbx-9": Party(Provider(name="A Dialler Ltd", contact="office@dialler.example"), is_customer=True),
    "east": Party(Provider(name="East Voice", ocn="3000")),
}
OFFICE = Office(OURS, PARTIES, actions={"pbx-9": "terminated"})


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


def asked(store: ArchiveStore, office: Office = OFFICE, **more: Any) -> Hop:
    row = {"traceback_id": "r", "called_number": "303-555-0142", "calling_number": "202-555-0003"}
    times = {"time": str(START_MS + 3_000 + 90_000)}
    question = Reading(NOON_MS, 300_000, ZoneInfo("UTC")).question(row | times | more)
    with connected(store) as connection:
        return answer(connection, office, question, NOON_MS)


def test_the_upstream_is_named_with_what_it_signed(store: ArchiveStore) -> None:
    signed = {
        "source_ip": "192.0.2.7", "attestation": "A", "origid": "o-1", "signer_spc": "70",
        "own_verstat": "TN-Validation-Passed",
        "own_attestation": "B", "own_origid": "o-2", "own_signer_spc": "71",
        "own_diverted_from": "+13035550177", "own_forwarder_spc": "72",
    }  # fmt: skip
    began = setup(3, **signed)
    end = {name: began[name] for name in setup(3)} | {
        "type": "call_end", "end_time_ms": began["setup_time_ms"] + 60_000, "sip_status": 200, "treatment": "label",
        "egress_trunk_group_id": "east",
    }  # fmt: skip
    put(store, CALL_EVENTS, [encoded(began), encoded(setup(4)), encoded(end)])
    hop = asked(store)
    assert hop == Hop(
        provider=OURS, status=Status.FOUND, answered_ms=NOON_MS, time_ms=START_MS + 3_000, call_id="call-3",
        received_from=WEST, ingress_trunk="nyc-ix-7", source_ip="192.0.2.7", sent_to=PARTIES["east"].provider,
        egress_trunk="east", attestation="B", origid="o-2", signer_spc="71",
        verstat="TN-Validation-Passed", diverted_from="+13035550177", forwarder_spc="72", treatment="label",
    )  # fmt: skip


def test_what_was_only_tried_is_not_said_to_have_been_done(store: ArchiveStore) -> None:
    """In shadow every call passes: an answer must not say that a call was blocked which somebody talked in."""
    began = setup(3)
    (shadow,) = (one for one in examples() if one.name == "shadow")
    decision = json.loads(shadow.value) | {name: began[name] for name in began if name != "type"}
    put(store, CALL_EVENTS, [encoded(began)])
    put(store, CALL_DECISIONS, [encoded(decision | {"would_be": "block"})])
    assert asked(store).treatment == "allow"


def test_digests_are_asked_by_their_digests(store: ArchiveStore) -> None:
    key = NumberKey(SECRET)
    put(store, CALL_EVENTS, [encoded(setup(3)), encoded(setup(4))], first=1, key=key)
    put_around(store, first=3, key=key)
    assert asked(store).status is Status.NOT_FOUND
    assert asked(store, Office(OURS, PARTIES, key)).received_from == WEST


@pytest.mark.parametrize("calling", ["+12025550003", "12025550003", "2025550003"])
@pytest.mark.parametrize("called", ["+13035550142", "13035550142", "3035550142"])
@pytest.mark.parametrize("key", [None, NumberKey(SECRET)])
def test_a_call_is_found_in_whatever_form_a_switch_wrote_its_numbers(
    store: ArchiveStore, called: str, calling: str, key: NumberKey | None
) -> None:
    put(store, CALL_EVENTS, [encoded(setup(3, called_number=called, calling_number=calling))], first=1, key=key)
    put_around(store, first=2, key=key)

    assert asked(store, Office(OURS, PARTIES, key)).status is Status.FOUND


def test_calls_whose_numbers_have_several_forms_are_ambiguous(store: ArchiveStore) -> None:
    again = setup(3, call_id="again", setup_time_ms=START_MS + 60_000, calling_number="2025550003")
    put(store, CALL_EVENTS, [encoded(setup(3)), encoded(again)])

    assert [one.call_id for one in asked(store).candidates] == ["call-3", "again"]


def test_a_digest_of_who_forwarded_a_call_is_told_to_nobody(store: ArchiveStore) -> None:
    """It would be taken for a number; the provider that signed is one all the same."""
    key = NumberKey(SECRET)
    forwarded = setup(3, own_verstat="TN-Validation-Passed", own_diverted_from="+13035550177", own_forwarder_spc="72")
    put(store, CALL_EVENTS, [encoded(forwarded)], key=key)

    hop = asked(store, Office(OURS, PARTIES, key))

    assert (hop.status, hop.diverted_from, hop.forwarder_spc) == (Status.FOUND, None, "72")


def test_a_customer_ends_the_path_and_a_foreign_provider_too() -> None:
    customer = hop_of(OFFICE, Match(Status.FOUND, (archived(NOON_MS, trunk_group_id="pbx-9"),)), NOON_MS)
    assert (customer.status, customer.received_from) == (Status.END_CUSTOMER, None)
    assert customer.customer is not None
    assert (customer.customer.name, customer.customer.action) == ("A Dialler Ltd", "terminated")
    foreign = hop_of(OFFICE, Match(Status.FOUND, (archived(NOON_MS, trunk_group_id="abroad-1"),)), NOON_MS)
    assert (foreign.status, foreign.received_from) == (Status.FOREIGN, PARTIES["abroad-1"].provider)


def test_a_trunk_that_nobody_registered_is_named_by_its_code_or_said_to_be_unknown() -> None:
    by_code = hop_of(OFFICE, Match(Status.FOUND, (archived(NOON_MS, upstream_ocn="7777"),)), NOON_MS)
    assert by_code.received_from == Provider(ocn="7777")
    unknown = hop_of(OFFICE, Match(Status.FOUND, (archived(NOON_MS),)), NOON_MS)
    assert (unknown.received_from, unknown.reason) == (None, "trunk group west is not in the register of upstreams")


def test_ambiguous_calls_name_an_upstream_only_where_it_is_the_same_of_all(store: ArchiveStore) -> None:
    again = setup(3, call_id="again", setup_time_ms=START_MS + 60_000)
    put(store, CALL_EVENTS, [encoded(setup(3)), encoded(again)])
    hop = asked(store)
    assert (hop.status, hop.received_from, hop.call_id) == (Status.AMBIGUOUS, WEST, None)
    assert [one.call_id for one in hop.candidates] == ["call-3", "again"]
    put(store, CALL_EVENTS, [encoded(again | {"call_id": "third", "trunk_group_id": "east"})], first=2)
    assert asked(store).received_from is None
    put(store, CALL_EVENTS, [encoded(again | {"call_id": "fourth", "trunk_group_id": "pbx-9"})], first=3)
    mixed = asked(store)
    assert (mixed.received_from, mixed.is_entry) == (None, False)


def test_ambiguous_calls_that_all_entered_here_say_so() -> None:
    entered = (archived(NOON_MS, trunk_group_id="pbx-9"), archived(NOON_MS, trunk_group_id="abroad-1"))
    assert hop_of(OFFICE, Match(Status.AMBIGUOUS, entered), NOON_MS).is_entry


def test_a_time_in_a_wrong_zone_is_hinted_at(store: ArchiveStore) -> None:
    put(store, CALL_EVENTS, [encoded(setup(3))], first=1)
    put_around(store, first=2)
    hop = asked(store, time=str(START_MS - 4 * 3_600_000))
    assert hop.status is Status.NOT_FOUND
    assert "+4 h away" in str(hop.reason)


def test_an_archive_that_lacks_the_time_never_says_not_found(store: ArchiveStore) -> None:
    """Eight days earlier there was no archive; an hour later the sink was not there yet."""
    with pytest.raises(CannotSay, match="cannot be answered: the archive has no call events"):
        asked(store)
    put(store, CALL_EVENTS, [encoded(setup(3))])
    with pytest.raises(CannotSay, match="the archive begins after 2026-05-20"):
        asked(store, time=str(START_MS - 8 * 86_400_000))
    with pytest.raises(CannotSay, match=r"has not reached 2026-05-28 21:31:40 UTC .*one is -1 h away"):
        asked(store, time=str(START_MS + 3_600_000))
    assert asked(store).status is Status.FOUND
