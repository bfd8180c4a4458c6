"""Producers that are wrong in one way each: the case that is about it fails, and no other."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest

from detector.columns.decision_ids import decision_id
from detector.contract.events import CallSetup
from streams.conformance.calls import TestCalls, encoded
from streams.conformance.cases import PRODUCER
from streams.conformance.listening import Heard
from streams.conformance.producer import Traffic, judge
from streams.kafka.partitioner import partitions_of
from streams.wire.records import EVENT_DECODER

PARTITIONS = 12
NOW_MS = 1_760_000_100_000
START_MS = 1_760_000_000_000
CALLS = 6
MINUTE_MS = 60_000

Fault = Callable[[list[Heard]], list[Heard]]


def heard(event: dict[str, Any], offset: int) -> Heard:
    """A record of a good producer, 20 ms on its way."""
    key = event["calling_number"].encode()
    (partition,) = partitions_of([key], PARTITIONS)
    at_ms = event.get("end_time_ms", event["setup_time_ms"])
    return Heard(partition, offset, key, encoded(event), at_ms + 20, is_idempotent=True)


def good() -> list[Heard]:
    """Calls with their ends: one blocked, one by the timer, the others routed and answered."""
    calls, found = TestCalls("run"), []
    for number in range(CALLS):
        setup = calls.setup(f"call-{number}", f"+120255501{number:02}", setup_time_ms=START_MS + 1_000 * number)
        identifier = decision_id(cast("CallSetup", EVENT_DECODER.decode(encoded(setup))))
        end = calls.end(setup, treatment="allow", decision_id=identifier, sip_status=200)
        end["answer_time_ms"] = end["setup_time_ms"] + 3_000
        if number == 0:
            end = calls.end(setup, treatment="block", decision_id=identifier, sip_status=603)
        if number == 1:
            end = calls.end(setup, treatment="timeout")
        found += [setup, end]
    return [heard(event, offset) for offset, event in enumerate(found)]


def failed(records: Sequence[Heard], **options: Any) -> dict[str, str]:
    """Cases that fail, with what was seen."""
    traffic = Traffic(PARTITIONS, **options)
    traffic.add(records, NOW_MS)
    return {one.case.identifier: one.seen for one in judge(traffic) if one.passed is False}


def changed(record: Heard, **fields: Any) -> Heard:
    """The record with other fields in its value; None takes one out."""
    event = msgspec.json.decode(record.value or b"") | fields
    return replace(record, value=encoded({name: value for name, value in event.items() if value is not None}))


def on_last(**fields: Any) -> Fault:
    """Something wrong with the last end."""
    return lambda records: [*records[:-1], changed(records[-1], **fields)]


def on_all(change: Callable[[Heard], Heard]) -> Fault:
    return lambda records: [change(record) for record in records]


def at_librdkafka_s(record: Heard) -> Heard:
    return replace(record, partition=zlib.crc32(record.key or b"") % PARTITIONS)


def keyed_by_call_id(record: Heard) -> Heard:
    key = msgspec.json.decode(record.value or b"")["call_id"].encode()
    (partition,) = partitions_of([key], PARTITIONS)
    return replace(record, key=key, partition=partition)


def without_plus(record: Heard) -> Heard:
    number = msgspec.json.decode(record.value or b"")["calling_number"].removeprefix("+")
    (partition,) = partitions_of([number.encode()], PARTITIONS)
    return replace(changed(record, calling_number=number), key=number.encode(), partition=partition)


def test_a_good_producer_passes_every_case() -> None:
    traffic = Traffic(PARTITIONS, "conformance-run")
    traffic.add(good(), NOW_MS)

    assert [(one.case.identifier, one.passed) for one in judge(traffic)] == [(one.identifier, True) for one in PRODUCER]


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ("P01", lambda records: [*records, replace(records[0], value=b'{"type":"call_setup"}')]),
        ("P02", on_all(keyed_by_call_id)),
        ("P03", on_all(at_librdkafka_s)),
        ("P04", on_all(lambda record: replace(record, is_idempotent=False))),
        ("P07", lambda records: [*records, changed(records[0], called_number="+13125550143")]),
        ("P08", on_all(lambda record: replace(record, arrived_ms=(record.arrived_ms or 0) + 15 * MINUTE_MS))),
        ("P09", lambda records: records[:-1]),
        ("P10", lambda records: [replace(records[0], offset=100), *records[1:]]),
        ("P12", on_last(trunk_group_id="another")),
        ("P13", on_last(answer_time_ms=START_MS - 1)),
        ("P15", on_last(decision_id=None)),
        ("P15", on_last(treatment="timeout")),
        ("P16", lambda records: [records[0], changed(records[1], answer_time_ms=START_MS + 10), *records[2:]]),
    ],
)
def test_a_producer_that_is_wrong_in_one_way_fails_that_case(case: str, fault: Fault) -> None:
    assert set(failed(fault(good()))) == {case}


def test_what_takes_other_cases_along_fails_those_too() -> None:
    """Without treatment nobody can name a decision; another set-up time also makes another order of times."""
    assert set(failed(on_last(treatment=None)(good()))) == {"P14", "P15"}
    assert set(failed(on_last(setup_time_ms=START_MS)(good()))) == {"P11"}
    assert "P05" in failed(on_all(without_plus)(good()))
    assert "P06" in failed(on_all(lambda record: changed(record, switch_id=None))(good()))


def test_a_call_that_was_cancelled_before_a_decision_has_no_treatment() -> None:
    assert failed(on_last(treatment=None, decision_id=None, sip_status=487, answer_time_ms=None)(good())) == {}


def test_librdkafka_s_default_is_known_by_its_partitions() -> None:
    assert "librdkafka's default, set partitioner=murmur2" in failed(on_all(at_librdkafka_s)(good()))["P03"]


def test_a_formatted_number_is_compared_with_its_key_as_it_was_written() -> None:
    (record, *_) = good()
    written = b"+1-202-555-0100"
    (partition,) = partitions_of([written], PARTITIONS)
    formatted = replace(changed(record, calling_number=written.decode()), key=written, partition=partition)

    assert "P02" not in failed([formatted], calls_last_ms=10**9)


def test_the_same_bytes_twice_are_no_second_set_up() -> None:
    """A client without idempotence repeats after a lost acknowledgement."""
    records = good()
    assert "P07" not in failed([*records, replace(records[0], offset=50)])


def test_a_call_that_may_still_go_on_needs_no_end() -> None:
    assert failed(good()[:-1], calls_last_ms=10**9) == {}


def test_an_end_of_a_call_that_began_before_is_not_judged() -> None:
    (_, end, *_) = good()
    traffic = Traffic(PARTITIONS)
    traffic.add([end], NOW_MS)

    unjudged = {one.case.identifier for one in judge(traffic) if one.passed is None}
    assert unjudged == {"P06", "P07", "P08", "P09", "P10", "P11", "P12", "P13", "P14", "P15", "P16"}


def test_another_switch_s_events_are_left_out() -> None:
    assert failed(on_all(lambda record: replace(record, is_idempotent=False))(good()), switch_id="sbc-1") == {}


def test_nothing_heard_is_nothing_judged() -> None:
    traffic = Traffic(PARTITIONS)
    traffic.add([], NOW_MS)

    assert {one.passed for one in judge(traffic)} == {None}
