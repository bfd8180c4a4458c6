"""Open tracebacks: choose calls of the archive that are worth it, make a record of each, and a case."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from detector.contract.errors import RobocallError
from models.data.complaints import phone_number
from streams.archive.calls import ArchivedCall, SetUp, Sought, find
from streams.archive.files import day_of
from streams.archive.picking import best
from streams.cases.changes import CaseRefused, new_entry
from streams.cases.store import CaseStore
from streams.running.progress import Say
from streams.settings import Settings
from streams.traceback.answering import Office, hop_of
from streams.traceback.casework import case_of
from streams.traceback.matching import Match
from streams.traceback.records import Call, Status, Traceback
from streams.traceback.rule_clock import due_ms
from streams.traceback.settings import TracebackSettings
from streams.wire.cases import CaseKind

NORTH_AMERICA = "1"
IDS_AT_A_TIME, MOST_EVENTS = 500, 20
"""Looked up in one query, and events that are read of each call, repeats included."""
NONE_THERE = (
    "none of these calls is in the archive and under ten days old; `robocall archive run` writes new ones within "
    "ROBOCALL_ARCHIVE_FLUSH_S once it has caught up, so try again"
)


class NothingToTrace(RobocallError):
    """None of the calls can be traced."""


class Opening:
    """Makes tracebacks of calls of one archive.

    Args:
        connection: Of `streams.archive.query.connected`.
        office: Who opens them.
        settings: Where our office is, and how far clocks may be apart.
        about: `campaign` and `requester`, where they are known.
        now_ms: When they are opened, epoch milliseconds.
    """

    def __init__(
        self,
        connection: Any,
        office: Office,
        settings: TracebackSettings,
        about: Mapping[str, str | None],
        now_ms: int,
    ) -> None:
        self._connection, self._office, self._settings = connection, office, settings
        self._about, self._now_ms = about, now_ms

    def best_of(
        self, ids: Sequence[str], most: int, say: Say, span: tuple[int | None, int | None] = (None, None)
    ) -> list[Traceback]:
        """Trace the best of some calls: recent, answered, between different numbers, under ten days old. It blocks.

        Args:
            ids: Of the calls.
            most: That are traced.
            say: Told how far it is.
            span: Where they are looked for, epoch milliseconds; None = everywhere.

        Raises:
            NothingToTrace: none of them is in the archive and under ten days old.
            QueryRefused: DuckDB met a fault.
        """
        chosen = best(self._found(ids, span, say), self._now_ms, most)
        if not chosen:
            raise NothingToTrace(NONE_THERE)
        return [self.traceback(call) for call in chosen]

    def traceback(self, call: ArchivedCall, numbers: tuple[str, str] | None = None) -> Traceback:
        """Make the record of a traceback; its first hop is our own. It blocks for a look-up.

        Args:
            call: Of the archive.
            numbers: Calling and called number, where the archive keeps digests of them.

        Raises:
            QueryRefused: DuckDB met a fault.
        """
        set_up = call.set_up
        rivals = self._near(set_up, numbers) - 1
        hop = hop_of(self._office, Match(Status.FOUND, (call,)), self._now_ms)
        calling, called = numbers or (set_up.calling_number, set_up.called_number)
        return Traceback(
            traceback_id=id_of(set_up),
            opened_ms=self._now_ms,
            due_ms=due_ms(self._now_ms, self._settings.office_zone),
            call=Call(
                time_ms=set_up.setup_time_ms, calling_number=calling, called_number=called,
                duration_s=call.duration_s, is_answered=call.is_answered, attestation=hop.attestation,
                origid=hop.origid, signer_spc=hop.signer_spc,
            ),
            hops=(hop,),
            rivals=max(0, rivals),
            **self._about,
        )  # fmt: skip

    def _near(self, set_up: SetUp, numbers: tuple[str, str] | None) -> int:
        """How many calls there are between both numbers, this one included, that somebody else may take for it."""
        around_ms = 2 * self._settings.tolerance_ms
        begin_ms, end_ms = set_up.setup_time_ms - around_ms, set_up.setup_time_ms + around_ms
        kept = set_up.calling_number, set_up.called_number
        calling, called = map(self._forms, kept, numbers or (None, None))
        return len(find(self._connection, Sought(called, calling, (), begin_ms, end_ms)))

    def _forms(self, archived: str, said: str | None) -> tuple[str, ...]:
        """Forms in which the archive may have a number that it has in one; of a digest alone none follows."""
        if said is None and not self._office.has_numbers:
            return (archived,)
        return self._office.kept(said or phone_number(archived, NORTH_AMERICA) or archived)

    def _found(self, ids: Sequence[str], span: tuple[int | None, int | None], say: Say) -> list[ArchivedCall]:
        calls: list[ArchivedCall] = []
        for start in range(0, len(ids), IDS_AT_A_TIME):
            some = ids[start : start + IDS_AT_A_TIME]
            sought = Sought(call_ids=some, begin_ms=span[0], end_ms=span[1])
            found = find(self._connection, sought, MOST_EVENTS * len(some))
            calls += [call for call in found if call.set_up.calling_number and call.set_up.called_number]
            say(f"{start + len(some):,} of {len(ids):,}", start + len(some), len(ids))
        return calls


def id_of(set_up: SetUp) -> str:
    """Id of the traceback of a call: its kind, the UTC day of the call, and 10 hex digits that are the call's own.

    So a call has one traceback, whoever opens it and however often. Its numbers have no part in that.
    """
    call = f"{set_up.call_id}\n{set_up.setup_time_ms}\n{set_up.trunk_group_id}"
    day = day_of(set_up.setup_time_ms).replace("-", "")
    return f"{CaseKind.TRACEBACK}-{day}-{hashlib.sha256(call.encode()).hexdigest()[:10]}"


async def store(settings: Settings, tracebacks: Sequence[Traceback], who: str, why: str, say: Say) -> list[Traceback]:
    """Open a case for each traceback whose call has none.

    Args:
        settings: Where Kafka is.
        tracebacks: That are opened.
        who: Opens them.
        why: In their words.
        say: Told how far it is.

    Returns:
        Those that were opened.

    Raises:
        CaseRefused: every call has a case already.
        RobocallError: as `CaseStore` says.
    """
    cases, written = CaseStore(settings), []
    for number, one in enumerate(tracebacks, 1):
        made = case_of(one, new_entry(who=who, what="opened", why=why, now_ms=one.opened_ms))
        with suppress(CaseRefused):  # it is there already
            await cases.open(made)
            written.append(one)
        say(f"{number:,} of {len(tracebacks):,}", number, len(tracebacks))
    if not written:
        ids = ", ".join(one.traceback_id for one in tracebacks)
        raise CaseRefused(f"there is a case already, nothing is opened: `robocall traceback show` {ids}")
    return written
