"""Columns and contract are the same, and values come back as they were."""

import json
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pytest

from detector.contract.decisions import Decision
from detector.contract.events import CallEnd, CallSetup, Feedback
from detector.features.table import FEATURE_NAMES
from streams.archive.numbers import NumberKey
from streams.archive.schema import PLACE, SCHEMAS, Record, to_table
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK, CASE_RECORDS, SCORED_CALLS
from streams.wire.cases import Case
from streams.wire.records import encode, scored_call
from tests.streams.archive.archive_case import SECRET, encoded, setup

PLACE_NAMES = ["kafka_partition", "kafka_offset", "kafka_timestamp_ms"]
DECISION: dict[str, Any] = {
    "call_id": "call-1", "decision_id": "ab", "action": "block", "mode": "enforce", "would_be": None,
    "decided_by": "model", "score": 0.97, "label": {"text": "Spam?", "category": "robocall", "long_text": None},
    "reasons": [{"code": "burst", "text": "Many calls", "value": 41.0, "threshold": 30.0},
                {"code": "short", "text": "Short calls", "value": None, "threshold": None}],
    "sip": {"status": 603, "reason_phrase": "Network Blocked", "reason_header": "SIP;cause=603"},
    "calling_number": "+12025550123", "called_number": "+13035550142", "trunk_group_id": "nyc-ix-7", "switch_id": None,
    "setup_time_ms": 1_780_000_000_000, "decided_time_ms": 1_780_000_000_002, "model_version": "m",
    "policy_version": "p", "feature_schema": "f",
}  # fmt: skip

CASE = encoded(
    {
        "case_id": "redress-1", "kind": "redress", "state": "granted", "subject": "number:+12025550123",
        "opened_ms": 1_780_000_000_000, "updated_ms": 1_780_000_000_000, "is_held": False,
        "details": {"calling_number": "+12025550123", "due_ms": "1780000000000", "contact": "clinic"},
        "history": [{"entry_id": "1", "time_ms": 1_780_000_000_000, "who": "M. Lee", "what": "opened", "why": "why"}],
    }
)  # fmt: skip


def back(topic: str, *values: bytes | None) -> list[dict[str, Any]]:
    records = [Record(7 + i, 1_780_000_000_500 + i, value) for i, value in enumerate(values)]
    return list(to_table(topic, 3, records, None).table.to_pylist())


@pytest.mark.parametrize(
    ("topic", "domains", "more"),
    [
        (CALL_EVENTS, (CallSetup, CallEnd), ["type"]),
        (CALL_DECISIONS, (Decision,), []),
        (SCORED_CALLS, (Decision,), ["features", "margin", "group_score"]),
        (CALL_FEEDBACK, (Feedback,), []),
        (CASE_RECORDS, (Case,), []),
    ],
)
def test_every_field_of_the_contract_is_a_column(topic: str, domains: tuple[Any, ...], more: list[str]) -> None:
    contract = {field.name for domain in domains for field in fields(domain)}
    assert set(SCHEMAS[topic].names) == contract | {*PLACE_NAMES, *more}
    assert [column.name for column in PLACE] == PLACE_NAMES


def test_columns_are_typed() -> None:
    events = SCHEMAS[CALL_EVENTS]
    assert events.field("setup_time_ms").type == pa.int64()
    assert events.field("privacy").type == pa.bool_()
    assert events.field("diversion").type == pa.list_(pa.string())
    assert events.field("attestation").type == pa.string()
    reasons = SCHEMAS[CALL_DECISIONS].field("reasons").type
    assert reasons.value_type.field("threshold").type == pa.float64()


def test_events_come_back_with_the_place_they_had() -> None:
    event = setup(1, diversion=["+13035550100"], privacy=True, attestation="B", unknown_field="dropped")
    (row,) = back(CALL_EVENTS, encoded(event))
    del event["unknown_field"]
    place = {"kafka_partition": 3, "kafka_offset": 7, "kafka_timestamp_ms": 1_780_000_000_500}
    assert {name: value for name, value in row.items() if value is not None} == event | place


def test_refused_records_are_left_out_and_counted_and_the_others_keep_their_offsets() -> None:
    values = [encoded(setup(1)), None, b"{", b'{"type": "call_setup"}', b"\xff", encoded(setup(2))]
    records = [Record(7 + i, 0, value) for i, value in enumerate(values)]
    rows = to_table(CALL_EVENTS, 0, records, None)
    assert rows.refused == 4
    assert rows.table.column("kafka_offset").to_pylist() == [7, 12]


@pytest.mark.parametrize("topic", [CALL_DECISIONS, SCORED_CALLS, CALL_FEEDBACK])
def test_what_is_no_record_of_the_topic_is_refused(topic: str) -> None:
    values = [None, b"", b"[]", b"{}", b"\xff", b'"text"', b"[" * 100_000]
    assert to_table(topic, 0, [Record(i, 0, value) for i, value in enumerate(values)], None).refused == 7


def test_decisions_come_back_with_their_structures() -> None:
    (row,) = back(CALL_DECISIONS, encoded(DECISION))
    assert {name: row[name] for name in DECISION} == DECISION


@pytest.mark.parametrize("time_ms", [2**63, 2**64, 2**80, -(2**70)])
def test_a_number_that_no_column_holds_costs_only_its_record(time_ms: int) -> None:
    """The contract has no bounds for the times of a decision; the sink must not die of one, again and again."""
    values = [encoded(DECISION), encoded(DECISION | {"setup_time_ms": time_ms}), encoded(DECISION | {"call_id": "2"})]
    rows = to_table(CALL_DECISIONS, 0, [Record(i, 0, value) for i, value in enumerate(values)], None)
    assert rows.refused == 1
    assert rows.table.column("kafka_offset").to_pylist() == [0, 2]


def test_a_feature_beyond_float32_is_kept_as_infinite_or_refused() -> None:
    values = [encoded(DECISION | {"features": {"f": value}}) for value in (1e300, 0.5)]
    rows = to_table(SCORED_CALLS, 0, [Record(i, 0, value) for i, value in enumerate(values)], None)
    assert dict(rows.table.to_pylist()[-1]["features"]) == {"f": 0.5}


def test_feature_vectors_of_any_table_fit() -> None:
    """An older or newer worker has other features; none is lost, and the decision says of which table they are."""
    now = dict.fromkeys(FEATURE_NAMES, 0.25)
    older = {"number_attempts_1h": 3.0, "a_feature_of_yesterday": -1.0}
    first, second = back(SCORED_CALLS, encoded(DECISION | {"features": now}), encoded(DECISION | {"features": older}))
    assert dict(first["features"]) == now
    assert dict(second["features"]) == older


def test_what_a_worker_writes_is_read() -> None:
    """The records that the worker's own encoders make, without a label, an answer or a reason."""
    plain = DECISION | {"label": None, "sip": None, "reasons": ()}
    decision = Decision(**plain)
    assert back(CALL_DECISIONS, encode(decision))[0]["call_id"] == "call-1"
    (row,) = back(SCORED_CALLS, scored_call(encode(decision), {"number_attempts_1h": 3.0}, 1.5, float("nan")))
    assert (row["score"], row["reasons"], row["sip"]) == (0.97, [], None)
    assert dict(row["features"]) == {"number_attempts_1h": 3.0}
    assert (row["margin"], row["group_score"]) == (1.5, None)


def test_feedback_comes_back() -> None:
    verdict = {
        "time_ms": 1_780_000_000_000,
        "verdict": "robocall",
        "source": "honeypot",
        "calling_number": "+12025550123",
    }
    (row,) = back(CALL_FEEDBACK, json.dumps(verdict).encode())
    assert {name: row[name] for name in verdict} == verdict


def test_feedback_hides_both_numbers_where_a_key_is_set() -> None:
    """The called number is the subscriber's; the same number has the same digest as in call events."""
    key = NumberKey(SECRET)
    said = {"time_ms": 1_780_000_000_000, "verdict": "robocall", "source": "analyst", "note": "asked for a card",
            "calling_number": "+1-202-555-0123", "called_number": "+13035550142",
            "call_time_ms": 1_780_000_000_000}  # fmt: skip
    (row,) = to_table(CALL_FEEDBACK, 0, [Record(0, 0, json.dumps(said).encode())], key).table.to_pylist()
    assert row["calling_number"] == key.number("+12025550123")
    assert row["called_number"] == key.number("+13035550142") != "+13035550142"
    assert row["note"] is None


def test_a_case_comes_back_whole_and_one_that_was_deleted_is_nothing_refused() -> None:
    (row,) = back(CASE_RECORDS, CASE)
    assert (row["case_id"], row["kind"], row["state"], row["is_held"]) == ("redress-1", "redress", "granted", False)
    assert dict(row["details"]) == {"calling_number": "+12025550123", "due_ms": "1780000000000", "contact": "clinic"}
    assert [(entry["who"], entry["what"]) for entry in row["history"]] == [("M. Lee", "opened")]
    records = [Record(at, 0, value) for at, value in enumerate((CASE, None, b"{}"))]
    assert to_table(CASE_RECORDS, 0, records, None).refused == 1


def test_of_a_case_digests_stay_and_what_somebody_typed_goes() -> None:
    """Facts and reasons are free text: any of them may name a person."""
    key = NumberKey(SECRET)
    (row,) = to_table(CASE_RECORDS, 0, [Record(0, 0, CASE)], key).table.to_pylist()
    assert row["subject"] == f"number:{key.number('+12025550123')}"
    assert dict(row["details"]) == {"calling_number": key.number("+12025550123"), "due_ms": "1780000000000"}
    assert [entry["why"] for entry in row["history"]] == [None]
