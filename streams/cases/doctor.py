"""What `robocall doctor` says of cases: redress that should have been answered, records that wait, who may do what."""

import asyncio
import time
from collections.abc import Iterator

from streams.cases.redress import is_waiting, left_ms
from streams.cases.roles import roles_of
from streams.cases.settings import load_case_settings
from streams.cases.spool import Spool
from streams.cases.store import CaseStore
from streams.settings import Settings

PATIENCE_S = 10.0


def told(settings: Settings) -> Iterator[tuple[bool, str]]:
    """Say how redress stands, and what waits: whether all is well, and a sentence. It blocks for reading all cases.

    Raises:
        RobocallError: cases or a setting of them cannot be read.
    """
    chosen, now_ms = load_case_settings(), time.time_ns() // 1_000_000
    waiting = asyncio.run(CaseStore(settings, PATIENCE_S).cases(is_waiting))
    overdue = sum((left_ms(case, now_ms) or 0) < 0 for case in waiting)
    if overdue:
        yield False, f"{overdue} of {len(waiting)} should have had an answer: `robocall redress list --overdue`"
    else:
        yield True, f"{len(waiting)} wait for an answer, none longer than 24 hours"
    if kept := len(Spool(chosen.spool)):
        yield False, f"{kept} records wait in {chosen.spool}: the next change or look-up of this user sends them"
    if not chosen.record:
        yield False, "changes and look-ups are not recorded: ROBOCALL_CASES_RECORD is false"
    if chosen.roles_file is None:
        yield True, "everybody on this machine may look up and grant: ROBOCALL_CASES_ROLES_FILE says who may"
    else:
        yield True, f"{chosen.who} may {', '.join(sorted(roles_of(chosen))) or 'nothing'}, says {chosen.roles_file}"
