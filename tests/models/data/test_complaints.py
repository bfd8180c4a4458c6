"""Tables of complaints become feedback: numbers, times and words as agencies and people write them."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detector.contract.events import Feedback, FeedbackSource, Verdict
from models.data.complaints import (
    NO_CALL,
    NO_INSTANT,
    NO_NUMBER,
    NO_SOURCE,
    NO_TIME,
    NO_VERDICT,
    PRESETS,
    ColumnMissing,
    ComplaintRefused,
    Reading,
    RowLeftOpen,
    columns_of,
    instant_ms,
    phone_number,
)

NOW_MS = 1_795_800_000_000
AT_14_03_MS = 1_795_788_180_000  # 2026-11-27T14:03:00Z
FTC_HEADER = [
    "Company_Phone_Number", "Created_Date", "Violation_Date", "Consumer_City", "Consumer_State", "Consumer_Area_Code",
    "Subject", "Recorded_Message_Or_Robocall",
]  # fmt: skip


def read(cells: dict[str, str], **options: Any) -> Feedback:
    return Reading({name: name for name in cells}, NOW_MS, **options).row(cells)


def test_a_row_of_the_ftc_is_a_report_on_a_number_with_the_time_of_the_call() -> None:
    """The file as the agency publishes it (https://www.ftc.gov/.../do-not-call-data)."""
    ftc = PRESETS["ftc"]
    row = dict(
        zip(
            FTC_HEADER,
            ["2025550123", "2026-11-28 08:00:00", "2026-11-27 14:03:00", "Austin", "Texas", "512", "Warranties", "Y"],
            strict=True,
        )
    )

    said = Reading(columns_of(FTC_HEADER, ftc, {}), NOW_MS, source=ftc.source).row(row)

    assert said == Feedback(
        time_ms=AT_14_03_MS + 64_620_000,  # 17 h 57 min later
        verdict=Verdict.ROBOCALL,
        source=FeedbackSource.SUBSCRIBER_REPORT,
        calling_number="+12025550123",
        call_time_ms=AT_14_03_MS,
        note="Warranties",
    )


def test_a_complaint_about_a_person_who_called_is_no_verdict() -> None:
    """The agency's N: nobody says that the call was lawful."""
    with pytest.raises(ComplaintRefused, match=NO_VERDICT):
        read({"verdict": "N", "calling_number": "2025550123", "time": "2026-11-27"}, source=FeedbackSource.ANALYST)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"verdict": "maybe"}, NO_VERDICT),
        ({"source": "subscriber report of sorts"}, NO_SOURCE),
        ({"source": ""}, NO_SOURCE),
        ({"calling_number": "unknown"}, NO_NUMBER),
        ({"called_number": "555-0123"}, NO_NUMBER),
        ({"time": "yesterday"}, NO_TIME),
        ({"call_time": "1999-01-01"}, NO_TIME),
        ({"time": ""}, NO_INSTANT),
        ({"calling_number": ""}, NO_CALL),
        ({"calling_number": "", "called_number": "2025550123"}, NO_CALL),
    ],
)
def test_a_row_that_does_not_say_what_is_needed_is_refused(cells: dict[str, str], reason: str) -> None:
    whole = {"verdict": "spam", "source": "analyst", "calling_number": "2025550123", "time": "2026-11-27T14:03Z"}
    assert read(whole).time_ms == AT_14_03_MS
    with pytest.raises(ComplaintRefused) as refused:
        read(whole | cells)
    assert str(refused.value) == reason


@pytest.mark.parametrize("verdict", ["", " ", "unsure", "Unsure "])
def test_a_row_of_whoever_cannot_tell_is_left_open(verdict: str) -> None:
    with pytest.raises(RowLeftOpen):
        read({"verdict": verdict, "source": "analyst", "call_id": "7f3a@sbc1"})


def test_a_table_without_verdicts_is_refused() -> None:
    """Its column may have another name: nobody left that open."""
    with pytest.raises(ComplaintRefused) as refused:
        read({"source": "analyst", "call_id": "7f3a@sbc1"})

    assert str(refused.value) == NO_VERDICT


def test_a_row_that_names_the_call_needs_no_time() -> None:
    said = read({"verdict": "legitimate", "source": "redress", "call_id": "7f3a@sbc1"})
    assert (said.time_ms, said.call_id, said.verdict) == (NOW_MS, "7f3a@sbc1", Verdict.LEGITIMATE)


def test_a_row_about_several_calls_says_the_same_of_each() -> None:
    """One record a call; a row without several is one record, and what is wrong with it is said once."""
    row = {"verdict": "yes", "source": "analyst", "call_ids": " a  b\tc ", "campaign": "warranty", "kind": "flood"}
    reading = Reading({name: name for name in row}, NOW_MS)

    found = reading.rows(row)

    assert [one.call_id for one in found] == ["a", "b", "c"]
    assert {(one.verdict, one.campaign, one.kind, one.time_ms) for one in found} == {
        (Verdict.ROBOCALL, "warranty", "flood", NOW_MS)
    }
    with pytest.raises(ComplaintRefused):
        reading.rows(row | {"call_ids": ""})
    with pytest.raises(ComplaintRefused):
        reading.rows(row | {"verdict": ""})


def test_lawful_calls_are_of_no_campaign() -> None:
    said = read({"verdict": "lawful", "source": "analyst", "call_id": "a", "campaign": "warranty", "kind": "person"})

    assert (said.campaign, said.kind) == (None, "person")


@pytest.mark.parametrize(
    "text", ["2025550123", "(202) 555-0123", "1-202-555-0123", "+1 202 555 0123", "tel:+1-202-555-0123", "202.555.0123"]
)
def test_a_number_as_people_write_it_is_one_number(text: str) -> None:
    assert phone_number(text, "1") == "+12025550123"


@pytest.mark.parametrize(
    "text", ["5550123", "anonymous", "", "+", "20255501234567890", "call 2025550123", "٢٠٢٥٥٥٠١٢٣"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert phone_number(text, "1") is None


def test_a_number_of_another_country_loses_the_zero_that_is_dialled_within_it() -> None:
    assert phone_number("030 901820", "49") == "+4930901820"
    assert phone_number("+442079460123", "49") == "+442079460123"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27T14:03:00Z", "2026-11-27 14:03", "2026-11-27T09:03-05:00", "11/27/2026 2:03 PM", "11/27/2026 14:03",
        "11/27/2026 02:03:00 PM", "1795788180", "1795788180000",
        "2026-11-27 14:03:00 UTC",
    ],
)  # fmt: skip
def test_a_time_as_tables_write_it_is_one_instant(text: str) -> None:
    assert instant_ms(text, UTC) == AT_14_03_MS


def test_a_time_without_a_zone_is_in_the_zone_that_is_given() -> None:
    """14:03 in New York is 19:03 UTC in November."""
    assert instant_ms("2026-11-27 14:03", ZoneInfo("America/New_York")) == AT_14_03_MS + 5 * 3_600_000


@pytest.mark.parametrize("text", ["2026-11-27", "11/27/2026"])
def test_a_day_is_its_end_so_that_its_calls_are_before_it(text: str) -> None:
    """23:59:59.999 is 9 h 56 min 59.999 s after 14:03."""
    assert instant_ms(text, UTC) == AT_14_03_MS + 35_819_999


def test_columns_are_named_or_of_the_preset_or_called_like_their_field() -> None:
    header = ["Phone", "call_time", "verdict", "note"]
    assert columns_of(header, None, {"called_number": "Phone"}) == {
        "called_number": "Phone", "call_time": "call_time", "verdict": "verdict", "note": "note",
    }  # fmt: skip
    assert columns_of(["Subject", *FTC_HEADER], PRESETS["ftc"], {"campaign": "Subject"})["campaign"] == "Subject"


@pytest.mark.parametrize(("preset", "named"), [("ftc", {}), (None, {"called_number": "Phone"})])
def test_a_table_without_a_column_that_it_is_said_to_have_is_refused(preset: str | None, named: dict[str, str]) -> None:
    with pytest.raises(ColumnMissing, match="its columns are a, b"):
        columns_of(["a", "b"], PRESETS[preset] if preset else None, named)
