"""What others get: JSON that the schema describes, a table that no spreadsheet runs, a page on which nothing runs."""

import csv
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import msgspec
import pytest

from streams.contract_docs.traceback_schema import document
from streams.traceback.questions import Reading
from streams.traceback.records import Answer, Customer, Provider, Status, Traceback
from streams.traceback.report import HEADINGS, Report, as_csv, as_html, as_json, as_request, report_of
from tests.streams.traceback.traceback_case import NOON_MS, hop, provider, traced

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def traceback() -> Traceback:
    """A whole path, with a gap, a contradiction, and texts that are not friendly."""
    return traced(
        hop("us", "=transit()", time_ms=NOON_MS, attestation="A", ingress_trunk="west", source_ip="192.0.2.7",
            diverted_from=EVIL, forwarder_spc="72"),
        hop("=transit()", status=Status.NO_RESPONSE),
        hop(
            "origin", status=Status.END_CUSTOMER, sent_to=provider("=transit()"), time_ms=NOON_MS + 400_000,
            customer=Customer(name=EVIL, action="terminated"),
        ),
    )  # fmt: skip


def schema_of(name: str | None = None) -> dict[str, Any]:
    whole = document()
    return whole if name is None else {"$ref": f"#/$defs/{name}", "$defs": whole["$defs"]}


def test_what_is_exported_is_as_the_schema_says_and_is_read_back(traceback: Traceback) -> None:
    report = report_of(traceback)
    written = json.loads(as_json(report))
    jsonschema.validate(written, schema_of())
    assert (written["path"]["state"], written["path"].get("entry")) == ("contradicted", None)
    assert msgspec.json.decode(as_json(report), type=Report) == report


@pytest.mark.parametrize(
    "wrong",
    [{"format": "other"}, {"path": None}, {"traceback": {"traceback_id": "x"}}],
)
def test_the_schema_refuses_what_is_wrong(traceback: Traceback, wrong: dict[str, Any]) -> None:
    written = json.loads(as_json(report_of(traceback)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written | wrong, schema_of())


def test_an_answer_is_as_the_schema_says(traceback: Traceback) -> None:
    answer = Answer(traceback_id="t", hop=traceback.hops[0], due_ms=NOON_MS)
    jsonschema.validate(json.loads(msgspec.json.encode(answer)), schema_of("Answer"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"traceback_id": "t", "hop": {"provider": {}, "status": "maybe"}}, schema_of("Answer"))


def test_the_table_has_a_row_for_each_step_and_no_formula(traceback: Traceback) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(report_of(traceback)).decode())))
    assert list(rows[0]) == list(HEADINGS)
    assert [(row["provider"], row["status"], row["is_gap"]) for row in rows] == [
        ("us", "found", "False"), ("'=transit()", "no_response", "True"), ("origin", "end_customer", "False"),
    ]  # fmt: skip
    assert (rows[0]["time"], rows[0]["received_from"]) == ("2026-05-28 20:26:40 UTC", "'=transit()")
    assert rows[2]["action"] == "terminated"
    call = (traceback.call.calling_number, traceback.call.called_number, "2026-05-28 20:26:40 UTC")
    assert {(row["calling_number"], row["called_number"], row["call_time"]) for row in rows} == {call}


@pytest.mark.parametrize("is_answered", [True, False, None])
def test_a_request_is_read_by_whoever_answers_and_means_the_same_call(is_answered: bool | None) -> None:
    traced_one = traced(hop("us", "west"))
    call = msgspec.structs.replace(traced_one.call, is_answered=is_answered, duration_s=12.25)
    asked = msgspec.structs.replace(traced_one, call=call, campaign="c5d30a1f7b2")

    line = as_request(report_of(asked))
    question = Reading(NOON_MS, 300_000, ZoneInfo("America/New_York")).question(json.loads(line))

    assert line.count(b"\n") == 1
    assert (question.traceback_id, question.requester, question.campaign) == ("t-1", "us", "c5d30a1f7b2")
    assert (question.calling_number, question.called_number) == (call.calling_number, call.called_number)
    assert question.asked.instants_ms == (call.time_ms,)
    assert (question.asked.duration_s, question.asked.is_answered) == (12.25, is_answered)


def test_the_page_escapes_what_others_wrote_and_shows_what_is_wrong(traceback: Traceback) -> None:
    page = as_html(report_of(traceback)).decode()
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    assert "No point of entry is named: what was said of <strong>origin</strong> contradicts it" in page
    assert "is it the same call?" in page
    assert "no response (gap)" in page
    agreed = as_html(report_of(traced(hop("us", "origin"), hop("origin", status=Status.FOREIGN)))).decode()
    assert "The call entered at <strong>origin</strong>" in agreed
    unresolved = as_html(report_of(traced(hop("us", "x")))).decode()
    assert "The point of entry is not known yet" in unresolved


def test_providers_are_told_apart_by_the_surest_thing_that_both_have() -> None:
    report = report_of(
        traced(
            msgspec.structs.replace(hop("us"), received_from=Provider(name="West Voice, Inc.", ocn="2000")),
            msgspec.structs.replace(hop("WEST VOICE INC"), status=Status.FOREIGN),
            msgspec.structs.replace(hop("x"), provider=Provider(name="West Voice, Inc.", ocn="3000")),
        )
    )
    assert report.path.entry == provider("WEST VOICE INC")
