"""What others ask: lines of JSON or of a table, read as questions about one call each. Knows no file.

Numbers are read as people write them, and times in every usual form. A time without a zone is one of the zone that is
given; where clocks were put back it is two instants, and where they were put forward none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from detector.contract.errors import RobocallError
from models.data.complaints import instant_ms, phone_number
from streams.traceback.matching import Asked

FIELDS: Mapping[str, str] = {
    "traceback_id": "name of the request; the answer has the same",
    "called_number": "who was called",
    "calling_number": "who called, as displayed",
    "time": "when, with a zone or in the one that is given",
    "duration_s": "seconds from answer to end",
    "is_answered": "true or false",
    "received": "when the request came; else now",
    "requester": "who asks",
    "campaign": "name of the campaign",
}
"""What a request may say. The first four are needed."""
NEEDED = ("traceback_id", "called_number", "calling_number", "time")
MOST_TEXT = 512
_TIMED = re.compile(r"[0-9]{10}|[0-9]{13}|.*[0-9]:[0-9]{2}.*")
_HALF = re.compile(r"[\ud800-\udfff]")
"""Surrogates, which JSON may name and UTF-8 does not have."""
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SECONDS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")


class QuestionRefused(RobocallError):
    """A request that cannot be answered. The text is a predicate without its subject, the request."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request about one call.

    Attributes:
        traceback_id: Its name.
        called_number: E.164.
        calling_number: E.164.
        asked: When it was, and what it was like.
        received_ms: When the request came, epoch milliseconds.
        requester: Who asks.
        campaign: Name of the campaign.
    """

    traceback_id: str
    called_number: str
    calling_number: str
    asked: Asked
    received_ms: int
    requester: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows become questions.

    Attributes:
        now_ms: When requests came that do not say it.
        tolerance_ms: How far a call may be from the time that is asked for.
        zone: Of times that name none.
    """

    now_ms: int
    tolerance_ms: int
    zone: ZoneInfo

    def question(self, row: Mapping[str, Any]) -> Question:
        """Read one row.

        Args:
            row: Value by field; fields of other names are left alone, and empty ones are as if they were not there.

        Raises:
            QuestionRefused: It does not say what is needed.
        """
        cells = {name: text for name in FIELDS if (text := _text(row.get(name)))}
        missing = [name for name in NEEDED if name not in cells]
        if missing:
            raise QuestionRefused(f"does not say {', '.join(missing)}")
        long = [name for name, text in cells.items() if len(text) > MOST_TEXT]
        if long:
            raise QuestionRefused(f"has more than {MOST_TEXT} characters in {', '.join(long)}")
        halves = [name for name, text in cells.items() if _HALF.search(text)]
        if halves:
            raise QuestionRefused(f"has half a character, which cannot be written, in {', '.join(halves)}")
        asked = Asked(
            self._instants(cells["time"]), self.tolerance_ms, _duration(cells), _answered(cells.get("is_answered"))
        )
        received = self._instants(cells["received"])[0] if "received" in cells else self.now_ms
        return Question(
            cells["traceback_id"], _number(cells, "called_number"), _number(cells, "calling_number"), asked, received,
            cells.get("requester"), cells.get("campaign"),
        )  # fmt: skip

    def _instants(self, text: str) -> tuple[int, ...]:
        found = instants_ms(text, self.zone)
        if not found:
            raise QuestionRefused(f"has a time that cannot be read, or is none in {self.zone.key}: {text[:40]!r}")
        return found


def instants_ms(text: str, zone: ZoneInfo) -> tuple[int, ...]:
    """Read a time, in epoch milliseconds, the earlier one first; none where it is no time, or only a day.

    Args:
        text: ISO 8601, also with ` UTC` behind it; epoch seconds or milliseconds; or `11/27/2026 2:03 PM`.
        zone: Of a time that names none. An hour that comes twice there gives two instants, one that is left out none.
    """
    there = instant_ms(text, zone) if _TIMED.fullmatch(text) else None
    if there is None:
        return ()
    elsewhere = instant_ms(text, ZoneInfo("UTC"))
    if elsewhere == there:  # it names its own zone, or the zone is UTC
        return (there,)
    wall = datetime.fromtimestamp(int(elsewhere or 0) / 1_000, UTC).replace(tzinfo=None)
    both = {round(wall.replace(tzinfo=zone, fold=fold).timestamp() * 1_000) for fold in (0, 1)}
    return tuple(
        sorted(one for one in both if datetime.fromtimestamp(one / 1_000, zone).replace(tzinfo=None, fold=0) == wall)
    )


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _number(cells: Mapping[str, str], name: str) -> str:
    number = phone_number(cells[name], "1")
    if number is None:
        raise QuestionRefused(f"has a {name} that is no phone number: {cells[name][:40]!r}")
    return number


def _duration(cells: Mapping[str, str]) -> float | None:
    text = cells.get("duration_s")
    if text is not None and not _SECONDS.fullmatch(text):
        raise QuestionRefused(f"has a duration_s that is no number of seconds: {text[:40]!r}")
    return None if text is None else float(text)


def _answered(text: str | None) -> bool | None:
    if text is not None and text.lower() not in _WORDS:
        raise QuestionRefused(f"says neither true nor false in is_answered: {text[:40]!r}")
    return None if text is None else _WORDS[text.lower()]
