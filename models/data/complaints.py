"""Tables of complaints and verdicts, as agencies and analysts keep them, read as feedback on calls.

A table is told apart from another by which column holds what. Numbers get the form E.164, times become epoch
milliseconds, and a row that does not say what is needed is refused with a reason. Knows no file and no transport.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo

from detector.contract.errors import RobocallError
from detector.contract.events import (
    EARLIEST_TIME_MS,
    LATEST_TIME_MS,
    Feedback,
    FeedbackSource,
    Verdict,
    says_which_call,
)
from detector.contract.numbers import is_e164, normal_form
from models.data.cells import as_it_was

FIELDS: Mapping[str, str] = {
    "verdict": "robocall or legitimate; also yes, spam, scam, fraud, lawful",
    "source": "who says so: " + ", ".join(FeedbackSource),
    "time": "when it was said",
    "call_id": "the call",
    "call_ids": "several calls, with blanks between them: the verdict is about each",
    "calling_number": "who called",
    "called_number": "who was called",
    "call_time": "when it was called",
    "campaign": "name of the campaign, of robocalls",
    "kind": "kind of campaign, or of lawful caller",
    "note": "free text",
}
"""What a column can hold, and what that means."""

NO_VERDICT = "says neither robocall nor legitimate"
LEFT_OPEN = "is left open"
UNSURE = "unsure"
"""What whoever cannot tell may write in place of a verdict."""
NO_SOURCE = f"has no source, which is one of {', '.join(FeedbackSource)}"
NO_TIME = "has a time that cannot be read: write 2026-11-27T14:03, 11/27/2026 2:03 PM, or epoch seconds"
NO_NUMBER = "has a number that is no phone number"
NO_INSTANT = "does not say when it was said or when it was called"
NO_CALL = "names no call: a call id, a calling number, or a called number with the time of the call is needed"

_VERDICTS = {
    **dict.fromkeys(("robocall", "yes", "y", "true", "1", "spam", "scam", "fraud"), Verdict.ROBOCALL),
    **dict.fromkeys(("legitimate", "lawful", "wanted", "ham"), Verdict.LEGITIMATE),
}
_SOURCES = {source.value: source for source in FeedbackSource}
_FORMATS = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y")
_DATE_ONLY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}")
_EPOCH = re.compile(r"[0-9]{10}|[0-9]{13}")
_MILLISECONDS = 13
_WRITTEN = re.compile(r"[0-9 ().-]+")
_NANP_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of table that is known.

    Attributes:
        columns: column by field; of those named here the table has to have all.
        source: of its rows; None where a column says so.
    """

    columns: Mapping[str, str]
    source: FeedbackSource | None


PRESETS: Mapping[str, Preset] = {
    # https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data
    "ftc": Preset(
        {
            "calling_number": "Company_Phone_Number",
            "time": "Created_Date",
            "call_time": "Violation_Date",
            "verdict": "Recorded_Message_Or_Robocall",
            "note": "Subject",
        },
        FeedbackSource.SUBSCRIBER_REPORT,
    ),
    "analyst": Preset({"verdict": "verdict"}, FeedbackSource.ANALYST),
}
"""By name. A column that is called like a field holds that field, unless the preset names another one."""


class ColumnMissing(RobocallError):
    """A table has not the columns that it was said to have."""


class ComplaintRefused(RobocallError):
    """A row that does not say what is needed. The text is a predicate without its subject, the row."""


class RowLeftOpen(ComplaintRefused):
    """A row of whoever could not tell, or did not say: it has no verdict, or is unsure."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows become feedback.

    Attributes:
        columns: column by field.
        now_ms: when a row was said that names a call and no time. Others have to say when.
        verdict: of rows that have no column for it.
        source: likewise.
        zone: of times that name none.
        country_code: of numbers without `+`, digits.
    """

    columns: Mapping[str, str]
    now_ms: int
    verdict: Verdict | None = None
    source: FeedbackSource | None = None
    zone: tzinfo = UTC
    country_code: str = "1"

    def row(self, row: Mapping[str, str | None]) -> Feedback:
        """Read one row.

        Args:
            row: Text by column; what is empty counts as not there.

        Raises:
            ComplaintRefused: it does not say what is needed; `RowLeftOpen` where that is the verdict.
        """
        return self._feedback(self._cells(row))

    def rows(self, row: Mapping[str, str | None]) -> list[Feedback]:
        """Read one row that may be about several calls, as `row` does; one for each.

        Args:
            row: Text by column; what is empty counts as not there.

        Raises:
            ComplaintRefused: it does not say what is needed.
        """
        cells = self._cells(row)
        several = as_it_was(cells.pop("call_ids", "")).split()
        return [self._feedback({**cells, "call_id": one}) for one in several] or [self._feedback(cells)]

    def _cells(self, row: Mapping[str, str | None]) -> dict[str, str]:
        return {field: text for field, column in self.columns.items() if (text := (row.get(column) or "").strip())}

    def _feedback(self, cells: Mapping[str, str]) -> Feedback:
        time_ms, call_time_ms = self._instant(cells.get("time")), self._instant(cells.get("call_time"))
        said_ms = time_ms or call_time_ms or (self.now_ms if "call_id" in cells else None)
        if said_ms is None:
            raise ComplaintRefused(NO_INSTANT)
        verdict = self._verdict(cells.get("verdict"))
        feedback = Feedback(
            time_ms=said_ms,
            verdict=verdict,
            source=self._source(cells.get("source")),
            call_id=cells.get("call_id"),
            calling_number=self._number(cells.get("calling_number")),
            called_number=self._number(cells.get("called_number")),
            call_time_ms=call_time_ms,
            campaign=cells.get("campaign") if verdict is Verdict.ROBOCALL else None,
            kind=cells.get("kind"),
            note=cells.get("note"),
        )
        if not says_which_call(feedback):
            raise ComplaintRefused(NO_CALL)
        return feedback

    def _verdict(self, text: str | None) -> Verdict:
        verdict = self.verdict if text is None else verdict_of(text)
        if verdict is None:
            is_open = "verdict" in self.columns if text is None else text.lower() == UNSURE
            raise RowLeftOpen(LEFT_OPEN) if is_open else ComplaintRefused(NO_VERDICT)
        return verdict

    def _source(self, text: str | None) -> FeedbackSource:
        source = self.source if text is None else _SOURCES.get(text.lower().replace(" ", "_"))
        if source is None:
            raise ComplaintRefused(NO_SOURCE)
        return source

    def _number(self, text: str | None) -> str | None:
        number = None if text is None else phone_number(text, self.country_code)
        if text is not None and number is None:
            raise ComplaintRefused(NO_NUMBER)
        return number

    def _instant(self, text: str | None) -> int | None:
        time_ms = None if text is None else instant_ms(text, self.zone)
        if text is not None and time_ms is None:
            raise ComplaintRefused(NO_TIME)
        return time_ms


def verdict_of(text: str) -> Verdict | None:
    """What somebody wrote as a verdict; None where that is no word for one."""
    return _VERDICTS.get(text.strip().lower())


def columns_of(header: list[str], preset: Preset | None, named: Mapping[str, str]) -> dict[str, str]:
    """Which column holds which field: as named, else as the preset says, else the one that is called like it.

    Args:
        header: Names of the columns.
        preset: Kind of table; None = none that is known.
        named: Column by field, as somebody typed them.

    Raises:
        ColumnMissing: the table lacks a column that was named, or the preset's; the text says which it has.
    """
    wanted = {**(preset.columns if preset else {}), **named}
    missing = [column for column in wanted.values() if column not in header]
    if missing:
        raise ColumnMissing(f"has no column {', '.join(missing)}; its columns are {', '.join(header) or 'none'}")
    taken = set(wanted.values())
    return {field: field for field in FIELDS if field in header and field not in taken} | wanted


def phone_number(text: str, country_code: str) -> str | None:
    """A number as people write it, in E.164 with `+`; None where it is none.

    Args:
        text: `(202) 555-0123`, `1-202-555-0123`, `+12025550123`, `tel:+12025550123`.
        country_code: Of a number without `+`, digits.
    """
    number = normal_form(text.strip())
    if not number.startswith("+"):
        digits = "".join(filter(str.isdigit, number)) if number.isascii() and _WRITTEN.fullmatch(number) else ""
        is_whole = country_code == "1" and len(digits) == _NANP_DIGITS + 1 and digits.startswith("1")
        number = f"+{digits}" if is_whole else f"+{country_code}{digits.lstrip('0') if country_code != '1' else digits}"
    return number if is_e164(number) else None


def instant_ms(text: str, zone: tzinfo) -> int | None:
    """A time as tables write it, in epoch milliseconds; a day without a time is its end. None where it cannot be read.

    Args:
        text: ISO 8601, the American form `11/27/2026 2:03 PM`, either with ` UTC` or ` GMT` behind it; or epoch seconds
            or milliseconds.
        zone: Of a time that names none.
    """
    text, zoned = text.strip(), text.strip().removesuffix(" UTC").removesuffix(" GMT")
    if zoned != text:
        instant = _parsed(zoned)
        is_whole = instant is not None and instant.tzinfo is None and not _DATE_ONLY.fullmatch(zoned)
        return _bounded(int(instant.replace(tzinfo=UTC).timestamp() * 1_000)) if instant and is_whole else None
    if _EPOCH.fullmatch(text):
        return _bounded(int(text) * (1 if len(text) == _MILLISECONDS else 1_000))
    instant = _parsed(text)
    if instant is None:
        return None
    if _DATE_ONLY.fullmatch(text):
        instant = datetime.combine(instant.date(), time.max)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=zone)
    return _bounded(int(instant.timestamp() * 1_000))


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the caller's
        except ValueError:
            continue
    return None


def _bounded(time_ms: int) -> int | None:
    return time_ms if EARLIEST_TIME_MS <= time_ms <= LATEST_TIME_MS else None
