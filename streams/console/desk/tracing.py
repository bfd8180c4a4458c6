"""Open tracebacks of calls from the console: the archive is asked, and each call that is worth it becomes a case."""

import asyncio
from collections.abc import Sequence

from streams.archive.files import ArchiveStore
from streams.archive.picking import OLDEST_MS
from streams.archive.query import connected
from streams.archive.settings import ArchiveSettings
from streams.running.clock import wall_clock_ms
from streams.settings import Settings
from streams.traceback.office import office_of
from streams.traceback.opening import NothingToTrace, Opening, store
from streams.traceback.settings import TracebackSettings

MOST_TRACED = 5


def trace(settings: Settings, call_ids: Sequence[str], campaign: str | None, who: str, why: str) -> list[str]:
    """Open tracebacks of the best of some calls, as `robocall traceback open` does; ids of their cases.

    It blocks for the archive and for Kafka.

    Args:
        settings: where Kafka is.
        call_ids: of the calls.
        campaign: that they belong to.
        who: opens them.
        why: in their words.

    Raises:
        NothingToTrace: there is no archive, it keeps digests, or none of the calls can be traced.
        CaseRefused: each of the calls has a case already.
        RobocallError: nobody said who we are, or archive or Kafka does not answer.
    """
    chosen, archive, now_ms = TracebackSettings.load(), ArchiveSettings.load(), wall_clock_ms()
    if "url" not in archive.model_fields_set:
        raise NothingToTrace("there is no archive: set ROBOCALL_ARCHIVE_URL and start the console again")
    if archive.key is not None:
        raise NothingToTrace("the archive keeps digests, which nobody can find: `robocall traceback open --called`")
    with connected(ArchiveStore(archive.url)) as connection:
        opening = Opening(connection, office_of(chosen, archive, {}), chosen, {"campaign": campaign}, now_ms)
        made = opening.best_of(call_ids, MOST_TRACED, _unsaid, (now_ms - OLDEST_MS, now_ms))
    opened = asyncio.run(store(settings, made, who, why, _unsaid))
    return [one.traceback_id for one in opened]


def _unsaid(detail: str = "", done: float | None = None, of: float | None = None) -> None:
    """Nobody watches: the page is there when it is done."""
