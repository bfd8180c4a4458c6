"""What `robocall doctor` says of cases: what should have been answered, records that wait, who may do what."""

import asyncio
from collections.abc import Iterator, Mapping

from streams.cases.roles import roles_of
from streams.cases.settings import CaseSettings
from streams.cases.spool import Spool
from streams.cases.store import CaseStore
from streams.cases.waiting import Due
from streams.running.clock import wall_clock_ms
from streams.settings import Settings
from streams.wire.cases import Case, CaseKind

PATIENCE_S = 10.0


LISTED = {CaseKind.REDRESS: "robocall redress list --overdue", CaseKind.TRACEBACK: "robocall traceback list --overdue"}


def told(settings: Settings, due_of: Mapping[CaseKind, Due]) -> Iterator[tuple[bool, str]]:
    """Say how cases stand, and what waits: whether all is well, and a sentence. It blocks for reading all cases.

    Args:
        settings: How Kafka is spoken to.
        due_of: By when cases of a kind want an answer.

    Raises:
        RobocallError: cases or a setting of them cannot be read.
    """
    chosen, now = CaseSettings.load(), wall_clock_ms()

    def due(case: Case) -> int | None:
        return due_of[case.kind](case) if case.kind in due_of else None

    waiting = asyncio.run(CaseStore(settings, PATIENCE_S).cases(lambda case: due(case) is not None, due_of))
    for kind in due_of:
        instants = [due(case) or now for case in waiting if case.kind is kind]
        if overdue := sum(at_ms < now for at_ms in instants):
            yield False, f"{kind}: {overdue} of {len(instants)} should have had an answer: `{LISTED[kind]}`"
        else:
            yield True, f"{kind}: {len(instants)} wait for an answer, none is overdue"
    if kept := len(Spool(chosen.spool)):
        yield False, f"{kept} records wait in {chosen.spool}: the next change or look-up of this user sends them"
    if not chosen.record:
        yield False, "changes and look-ups are not recorded: ROBOCALL_CASES_RECORD is false"
    if chosen.roles_file is None:
        yield True, "everybody on this machine may look up, unmask and grant: ROBOCALL_CASES_ROLES_FILE says who may"
    else:
        yield True, f"{chosen.who} may {', '.join(sorted(roles_of(chosen))) or 'nothing'}, says {chosen.roles_file}"
