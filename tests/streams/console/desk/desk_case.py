"""A console with real Kafka and Valkey behind it, an archive, and everything that its desk needs."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from streams.archive.files import ArchiveStore
from streams.cases.store import CaseStore
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CALL_EVENTS
from streams.redis.connection import decision_key
from streams.settings import Settings, load_settings
from streams.wire.cases import Case, CaseKind
from tests.conftest import FreshTopics
from tests.streams.archive.archive_case import encoded, put, setup
from tests.streams.console.console_case import Browser, Played, decided
from tests.topic_reader import records
from tests.valkey_process import ValkeyProcess

DESK_CALLER = "+12025550177"
REGISTER = """
upstreams:
  - {trunk_group_id: nyc-ix-7, legal_name: West Voice, role: intermediate, ocn: "2000", country: US,
     contact: noc@west.example}
"""


class Desk:
    """What a test does at the desk, and what it leaves."""

    def __init__(self, settings: Settings, store: ValkeyProcess, folder: Path, **chosen: Any) -> None:
        self.settings, self.folder = settings, folder
        self.played = Played(folder, settings, **chosen)
        self.redis: redis.Redis = redis.Redis.from_url(store.url)

    def path(self, kind: Kind, text: str) -> str:
        """Address of the page of a subject."""
        return self.played.links.path(Subject(kind, text))

    def send(self, role: str, page: str, part: str, **fields: str) -> Any:
        """Open a page, send a form of it; the page that follows."""

        async def visit(browser: Browser) -> Any:
            await browser.get(page)
            return await browser.send(page + part, **fields)

        return self.played.run(role, visit)

    def get(self, role: str, *paths: str) -> list[str]:
        """Texts of pages."""

        async def visit(browser: Browser) -> list[str]:
            return [(await browser.get(path)).text for path in paths]

        return self.played.run(role, visit)  # type: ignore[no-any-return]

    def cases(self, kind: CaseKind | None = None) -> list[Case]:
        """Cases of a kind, the oldest first."""
        return asyncio.run(CaseStore(self.settings).cases(lambda case: kind in {None, case.kind}))

    def known_decision(self, number: int, **fields: Any) -> str:
        """A decision that blocked a call of the caller, as a worker leaves it in Redis; its id."""
        identifier = f"{number:032x}"
        self.redis.set(decision_key(identifier), decided(number, "block", calling_number=DESK_CALLER, **fields))
        return identifier

    def archived_calls(self, count: int) -> list[str]:
        """Calls of an hour ago in the archive; their ids."""
        now_ms = time.time_ns() // 1_000_000 - 3_600_000
        calls = [setup(n, setup_time_ms=now_ms - 1_000 * n, called_number=f"+1303555{n:04}") for n in range(count)]
        put(ArchiveStore(str(self.folder / "archive")), CALL_EVENTS, [encoded(one) for one in calls], at_ms=now_ms)
        return [one["call_id"] for one in calls]

    def records(self, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
        """Key and value of the first records of a topic, once there are so many."""
        return records(self.settings.kafka_bootstrap_servers, topic, count)[:count]


MakeDesk = Callable[..., Desk]


def desk_maker(
    kafka_bootstrap: str, valkey: ValkeyProcess, fresh_topics: FreshTopics, folder: Path, patch: pytest.MonkeyPatch
) -> MakeDesk:
    """A function that makes a desk on empty topics and an empty store; keyword arguments are settings of a console."""
    fresh_topics(1)
    (folder / "upstreams.yaml").write_text(REGISTER)
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "REDIS_URL": valkey.url,
        "ARCHIVE_URL": str(folder / "archive"),
        "UPSTREAMS_FILE": str(folder / "upstreams.yaml"),
        "TRACEBACK_NAME": "Our Network",
        "TRACEBACK_ZONE": "America/Denver",
        "CASES_RECORD": "true",
        "CASES_SPOOL": str(folder / "spool"),
    }
    for name, value in variables.items():
        patch.setenv(f"ROBOCALL_{name}", value)
    return lambda **chosen: Desk(load_settings(), valkey, folder, **chosen)
