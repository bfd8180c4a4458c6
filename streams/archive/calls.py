"""Calls of the archive by what people know of one: both numbers and about when, one number, or its id.

A look-up reads little of a large archive. Rows of a file stand in order of arrival, so the statistics of its row groups
say which of them can have the time; compacted files have Bloom filters, which say which can have the number or the id
(`streams.archive.files.SOUGHT`). Numbers are asked for in the form in which the archive keeps them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, TypeVar

from detector.features.window_constants import DAY_MS
from streams.archive.files import day_of
from streams.archive.output import fetched, names_of
from streams.archive.query import ask, quoted

DAYS_AROUND = 1
"""Records arrive on the day of their call, or the next one; Kafka keeps them 25 hours, and clocks differ."""
LONGEST_CALL_MS = DAY_MS
T = TypeVar("T")

_EVENTS = """
SELECT type, {columns} FROM call_events WHERE {condition}
ORDER BY kafka_timestamp_ms, kafka_partition, kafka_offset LIMIT {limit}
"""
_DECISIONS = """
SELECT call_id, setup_time_ms, calling_number, called_number, trunk_group_id, decision_id, action
FROM call_decisions WHERE {condition}
"""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What the archive has of a set-up that a look-up is about. Fields are those of the contract."""

    call_id: str
    setup_time_ms: int
    calling_number: str
    called_number: str
    trunk_group_id: str
    switch_id: str | None = None
    upstream_ocn: str | None = None
    source_ip: str | None = None
    attestation: str | None = None
    origid: str | None = None
    signer_spc: str | None = None
    own_attestation: str | None = None
    own_origid: str | None = None
    own_signer_spc: str | None = None
    own_verstat: str | None = None
    own_diverted_from: str | None = None
    own_forwarder_spc: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """What the archive has of a call's end, likewise."""

    end_time_ms: int
    answer_time_ms: int | None = None
    sip_status: int | None = None
    treatment: str | None = None
    egress_trunk_group_id: str | None = None
    egress_ocn: str | None = None


@dataclass(frozen=True, slots=True)
class ArchivedCall:
    """A call: its set-up, its end where one is archived, and what was decided.

    Attributes:
        set_up: How it came.
        end: How it ended; None where no end is archived.
        decision_id: Of the decision; None where none is archived.
        action: What the detector answered: `allow`, `label`, `block`. In shadow that is `allow`.
    """

    set_up: SetUp
    end: End | None = None
    decision_id: str | None = None
    action: str | None = None

    @property
    def is_answered(self) -> bool | None:
        """Whether it was answered; None where no end says so."""
        return None if self.end is None else self.end.answer_time_ms is not None

    @property
    def duration_s(self) -> float | None:
        """Seconds from answer to end; None where it was not answered or no end is archived."""
        if self.end is None or self.end.answer_time_ms is None:
            return None
        return max(0, self.end.end_time_ms - self.end.answer_time_ms) / 1_000


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of the calls that are looked for; at least one of number and ids.

    Attributes:
        called_number: In the form that the archive keeps; any of several.
        calling_number: Likewise.
        call_ids: As the switch had them: any of these.
        begin_ms: First instant of the set-up, epoch milliseconds.
        end_ms: Last one, itself inclusive. Both None: any time, which reads something of every file.
    """

    called_number: str | tuple[str, ...] | None = None
    calling_number: str | tuple[str, ...] | None = None
    call_ids: Sequence[str] = ()
    begin_ms: int | None = None
    end_ms: int | None = None

    def condition(self) -> str:
        """The same in SQL."""
        names = ("called_number", "calling_number")
        found = [is_any_of(name, value) for name in names if (value := getattr(self, name)) is not None]
        if self.call_ids:
            found.append(is_any_of("call_id", self.call_ids))
        if self.begin_ms is not None and self.end_ms is not None:
            found += [f"setup_time_ms BETWEEN {self.begin_ms} AND {self.end_ms}", self._days(self.end_ms)]
        return " AND ".join(found)

    def open_ends(self) -> str | None:
        """The same of ends that do not say when their call was set up; None where the numbers are not both known."""
        called, calling = self.called_number, self.calling_number
        if self.begin_ms is None or self.end_ms is None or called is None or calling is None:
            return None
        latest_ms = self.end_ms + LONGEST_CALL_MS
        return (
            f"{is_any_of('called_number', called)} AND {is_any_of('calling_number', calling)} "
            f"AND setup_time_ms IS NULL AND end_time_ms BETWEEN {self.begin_ms} AND {latest_ms} "
            f"AND {self._days(latest_ms)}"
        )

    def _days(self, last_ms: int) -> str:
        first_day = day_of(max(0, int(self.begin_ms or 0) - DAYS_AROUND * DAY_MS))
        return f"day BETWEEN DATE '{first_day}' AND DATE '{day_of(last_ms + DAYS_AROUND * DAY_MS)}'"


def is_any_of(column: str, values: str | Sequence[str]) -> str:
    """Write that a column has one of some texts as SQL.

    Args:
        column: Its name.
        values: One text, or several.
    """
    several = [values] if isinstance(values, str) else values
    return f"{column} IN ({', '.join(map(quoted, several))})"


def find(connection: Any, sought: Sought, limit: int = 2_000) -> list[ArchivedCall]:
    """Calls that are looked for, earliest first, each once however often its set-up was published.

    It blocks for two short queries, a third where an end does not say when its call began.

    Args:
        connection: Of `streams.archive.query.connected`.
        sought: What is known of them.
        limit: At most so many set-ups and ends, the first ones by arrival; what is beyond them is left out.

    Raises:
        QueryRefused: DuckDB met a fault, a file that went meanwhile for one.
    """
    rows = _events(connection, sought.condition(), limit)
    if not any(row["type"] == "call_setup" for row in rows):
        return []
    open_ends = sought.open_ends()
    if open_ends is not None and any(call.end is None for call in joined(rows)):
        rows += _events(connection, open_ends, limit)
    return joined(rows, _decisions(connection, sought))


def joined(
    rows: Sequence[Mapping[str, Any]], decisions: Mapping[tuple[Any, ...], tuple[str, str]] = MappingProxyType({})
) -> list[ArchivedCall]:
    """Join set-ups and ends to calls, earliest first, each once however often its set-up was published.

    Args:
        rows: Of the view `call_events`; columns without a value may be left out.
        decisions: Id and action of each decision, where they are known.
    """
    set_ups = list(dict.fromkeys(_of(SetUp, row) for row in rows if row["type"] == "call_setup"))
    ends = _ends(rows)
    return [
        ArchivedCall(
            one, ends.get(_key(one)) or ends.get(_key(one, is_timed=False)), *decisions.get(_key(one), (None, None))
        )
        for one in sorted(set_ups, key=lambda one: one.setup_time_ms)
    ]


def _events(connection: Any, condition: str, limit: int) -> list[dict[str, Any]]:
    columns = ", ".join(field.name for kind in (SetUp, End) for field in fields(kind))
    return _rows(connection, _EVENTS.format(columns=columns, condition=condition, limit=limit))


def _ends(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], End]:
    return {_key_of(row): _of(End, row) for row in rows if row["type"] == "call_end"}


def _of(kind: type[T], row: Mapping[str, Any]) -> T:
    """The part of a row that a type has."""
    return kind(**{field.name: row.get(field.name) for field in fields(kind)})  # type: ignore[arg-type]  # a dataclass


def _decisions(connection: Any, sought: Sought) -> dict[tuple[Any, ...], tuple[str, str]]:
    rows = _rows(connection, _DECISIONS.format(condition=sought.condition()))
    return {_key_of(row): (row["decision_id"], row["action"]) for row in rows}


def _key(one: SetUp, *, is_timed: bool = True) -> tuple[Any, ...]:
    time_ms = one.setup_time_ms if is_timed else None
    return one.call_id, time_ms, one.calling_number, one.called_number, one.trunk_group_id


def _key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id")
    return tuple(row.get(name) for name in names)


def _rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    cursor = ask(connection, sql)
    names = names_of(cursor)
    return [dict(zip(names, row, strict=True)) for row in fetched(cursor)]
