"""Records of what commands do. They never keep a change from happening: a block must be lifted without Kafka too.

A record that cannot be sent waits in the spool, and one line says so.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterable, Mapping

from detector.contract.errors import RobocallError
from streams.cases.changes import CLOSED, new_entry, opened
from streams.cases.settings import CaseSettings
from streams.cases.spool import Spool
from streams.cases.store import CaseStore
from streams.log import NumberDigest
from streams.running.clock import wall_clock_ms
from streams.running.printable import printable
from streams.running.progress import step
from streams.settings import Settings, load_settings
from streams.wire.cases import MAX_NAME, MAX_WHY, Case, CaseKind

SEND_S = 10.0
"""That sending may take; what is not sent by then waits for the next command."""
ENTRIES_SHOWN = 100


def record(
    kind: CaseKind, what: str, *, subject: str | None, details: Mapping[str, str] | None = None, why: str | None = None
) -> None:
    """Record what was just done, as a case of its own that has ended. Raises nothing; it blocks for some tenths of a s.

    Args:
        kind: Of the case.
        what: A short word for programs.
        subject: What it was done to.
        details: Facts, by name.
        why: In the words of who did it, where they gave any.
    """
    try:
        settings = load_settings()
    except RobocallError as error:
        said = f"this command is not recorded: {error}"
    else:
        with step("Recording it", quick=True):
            said = recorded(settings, kind, what, who=None, subject=subject, details=details, why=why)
    if said:
        sys.stderr.write(f"{printable(said)}\n")


def recorded(
    settings: Settings,
    kind: CaseKind,
    what: str,
    *,
    who: str | None,
    subject: str | None,
    details: Mapping[str, str] | None = None,
    why: str | None = None,
) -> str:
    """Do the same for a program, which says what is returned: empty where all is well. Raises nothing; it blocks.

    Args:
        settings: Where Kafka is.
        kind: Of the case.
        what: A short word for programs.
        who: Did it; None = whoever runs this.
        subject: What it was done to.
        details: Facts, by name.
        why: In their words, where they gave any.
    """
    try:
        chosen = CaseSettings.load()
        if not chosen.record:
            return ""
        case = done(kind, what, who=who or chosen.who, subject=subject, details=details, why=why)
        return send_or_keep(settings, chosen, case)
    except (RobocallError, OSError) as error:
        return f"this command is not recorded: {error}"


def done(
    kind: CaseKind,
    what: str,
    *,
    who: str,
    subject: str | None,
    details: Mapping[str, str] | None = None,
    why: str | None = None,
) -> Case:
    """Make a case of its own, which has ended, of what was just done; texts that are too long are cut.

    Args:
        kind: Of the case.
        what: A short word for programs.
        who: Did it.
        subject: What it was done to.
        details: Facts, by name.
        why: In their words, where they gave any.

    Raises:
        CaseRefused: It is larger than a case may be.
    """
    why = (why or "")[:MAX_WHY].strip() or None
    entry = new_entry(who=who[:MAX_NAME], what=what, why=why, now_ms=wall_clock_ms())
    return opened(kind, entry, subject=(subject or "")[: 2 * MAX_NAME] or None, details=details or {}, state=CLOSED)


def send_or_keep(settings: Settings, chosen: CaseSettings, case: Case) -> str:
    """Send a new case and those that wait, or let it wait too; says what is to be said, empty where all is well.

    Raises:
        OSError: it can neither be sent nor kept.
        SpoolFull: likewise.
    """
    spool = Spool(chosen.spool)
    try:
        asyncio.run(_send(settings, spool, case))
    except (RobocallError, OSError) as error:
        spool.keep(case)
        return f"the record of this command waits in {chosen.spool}, the next command sends it ({error})"
    return ""


async def _send(settings: Settings, spool: Spool, case: Case) -> None:
    """Send a case, then what waits as far as time allows."""
    until_s = time.monotonic() + SEND_S
    store = CaseStore(settings, patience_s=SEND_S)
    await store.open(case)
    with contextlib.suppress(RobocallError, OSError):  # it waits on; `robocall doctor` says so
        for path, waiting in spool.waiting():
            if time.monotonic() > until_s:
                return
            await store.open(waiting)
            path.unlink(missing_ok=True)


def list_details(list_name: str, entries: Iterable[str], changed: int) -> dict[str, str]:
    """Facts of a change of a list: its entries, the first 100 of them, and how many there were."""
    entries = list(entries)
    shown = {"entries": " ".join(entries[:ENTRIES_SHOWN]), "asked": str(len(entries))} if entries else {}
    return {"list": list_name, "changed": str(changed), **shown}


def looked_up(kind: str, subject: str) -> tuple[str, dict[str, str]]:
    """Subject and facts of a look-up: a number as its digest where ROBOCALL_LOG_KEY is set, else not at all.

    Args:
        kind: `number`, `trunk` or `decision`.
        subject: Its name.
    """
    if kind != "number":
        return f"{kind}:{subject}", {}
    key = load_settings().log_key
    if key is None:
        return "number", {}
    return f"number:{NumberDigest(key.get_secret_value())(subject)}", {"digest": "ROBOCALL_LOG_KEY"}
