"""Follow the carrier's lists, the standing decisions and the models in use that stand in Redis.

One small round trip a second asks whether anything changed; only then is anything read. What was read last stays in
force while Redis is away, or when its keys have vanished: an emptied Redis must not take the lists with it. Nobody
takes the emergency list by accident: it becomes empty only where `robocall lists` says so. Until any lists are known
the screener has none, and every call passes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from redis.asyncio import Redis

from detector.columns.windows_port import Windows
from detector.policy.lists import ORDERS, Lists
from detector.policy.screening import Screener
from streams.redis.bounded import MAX_NAME_BYTES, PAGE, Skipped, answers, ask_value, number, run_script, text, value
from streams.redis.connection import (
    ACTIVE_MODEL,
    E164,
    EMERGENCY_EMPTIED,
    ENTITIES_VERSION,
    LIST_NAMES,
    LISTS_VERSION,
    MODELS_TOLD,
    SHADOW_MODEL,
    Guard,
    list_key,
)
from streams.redis.entities import EntityFollower
from streams.redis.kept_lists import Kept, ListKeeper
from streams.redis.list_entries import ListEntryRefused, checked_entry
from streams.redis.list_notes import (
    FOLLOWED_NOTES,
    MAX_ENTRY_BYTES,
    MAX_LIST_BYTES,
    MAX_LIST_ENTRIES,
    SCAN_COUNT,
    Note,
    read_notes,
)
from streams.running.clock import wall_clock_ms

MAX_VERSION_BYTES = 64
Source = Literal["redis", "kept", "none", "unknown"]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListsView:
    """Which lists are in force, for operators.

    Attributes:
        source: `redis`; `kept` from an earlier run of a worker; `none`, as nobody keeps any; `unknown`, so that every
            call passes.
        age_s: since Redis last said that they are in force, seconds; None where it never did.
        emergency_held: the emergency list is empty in Redis, nobody said that it shall be, and the last one holds.
    """

    source: Source
    age_s: float | None = None
    emergency_held: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one look says: each is b"" where there is nothing, None where it makes no sense."""

    version: bytes | None
    entities: bytes | None
    told: bytes | None
    models: dict[str, bytes | None]


class ListFollower:
    """Keep a screener's lists and standing decisions like those in Redis.

    Args:
        redis: client.
        guard: shared by all users of the client.
        screener: its `lists` are replaced between two batches, its `standing` decisions are set and removed. Lists that
            it has at the beginning are taken for none: nobody keeps any.
        keeper: keeps the lists for the next start; None = they are not kept.
        on_model: told the content of the key `robocall:model:active`, each time it changes or is announced again;
            called on the event loop, so it must return at once, and must not raise.
        on_shadow: the same of `robocall:model:shadow`; it may be `off`.
        interval_s: between two looks.
    """

    def __init__(
        self,
        redis: Redis,
        guard: Guard,
        screener: Screener[Windows],
        *,
        keeper: ListKeeper | None = None,
        on_model: Callable[[str], None] | None = None,
        on_shadow: Callable[[str], None] | None = None,
        interval_s: float = 1.0,
    ) -> None:
        self._redis = redis
        self._guard = guard
        self._screener = screener
        self._keeper = keeper
        self._followers = {ACTIVE_MODEL: on_model, SHADOW_MODEL: on_shadow}
        self._interval_s = interval_s
        self._source: Source = "unknown" if screener.lists is None else "none"
        self._version: bytes | None = None
        self._confirmed_ms = 0
        self._ends_ms: int | None = None
        self._emergency_held = False
        self._models: dict[str, bytes | None] = {}
        self.told = 0
        """Up to which announcement of the active model it has heard."""
        self._complained = ""
        self._too_large: bytes | None = None
        self._text_bytes = 0
        self._looking = asyncio.Lock()
        self.skipped = Skipped()
        """What was ignored because it makes no sense, by kind: list entries, standing decisions, names of models."""
        self.entities = EntityFollower(redis, guard, screener.standing, self.skipped)
        self.loads = 0
        """How often the lists were replaced."""

    def view(self) -> ListsView:
        """Say which lists are in force."""
        age_s = max(0, wall_clock_ms() - self._confirmed_ms) / 1_000 if self._confirmed_ms else None
        return ListsView(self._source, age_s, self._emergency_held)

    async def run(self) -> None:
        """Take what an earlier run kept, then follow until cancelled; a fault of Redis never ends it."""
        async with self._looking:
            await self._recall()
        while True:
            await self.poll()
            await asyncio.sleep(self._interval_s)

    async def poll(self) -> bool:
        """Look once, and read what changed.

        Returns:
            False when Redis is away; everything then stays as it was.
        """
        async with self._looking:
            asked = await self._guard.attempt(self._ask)
            if asked is None:
                return False
            self._follow_told(asked.told)
            for key, name in asked.models.items():
                self._follow_model(key, name)
            await self._follow_lists(asked.version)
            await self._follow_entities(asked.entities)
            await self.entities.look_at_restored()
            await self.entities.forget_old()
            return True

    async def look_at_restored(self) -> None:
        """Look at the standing decisions that came back with a partition: they may have been released since.

        Without Redis they are looked at when it is back. It does not wait for lists or a journal that are being read.
        """
        await self.entities.look_at_restored()

    async def _ask(self) -> _Asked:
        pipeline = self._redis.pipeline(transaction=False)
        ask_value(pipeline, LISTS_VERSION, MAX_VERSION_BYTES)
        ask_value(pipeline, ENTITIES_VERSION, MAX_VERSION_BYTES)
        ask_value(pipeline, MODELS_TOLD, MAX_VERSION_BYTES)  # before the names: whoever knows it knows them
        for key in self._followers:
            ask_value(pipeline, key, MAX_NAME_BYTES)
        lists, entities, told, *models = await answers(pipeline)
        return _Asked(
            value(lists, MAX_VERSION_BYTES),
            value(entities, MAX_VERSION_BYTES),
            value(told, MAX_VERSION_BYTES),
            {key: value(raw, MAX_NAME_BYTES) for key, raw in zip(self._followers, models, strict=True)},
        )

    async def _recall(self) -> None:
        """Take the lists of an earlier run, where there are any."""
        kept = None if self._keeper is None else await self._keeper.recall()
        if kept is not None:
            self._screener.lists = kept.lists
            self._source, self._confirmed_ms = "kept", kept.confirmed_ms
            age_s = self.view().age_s
            log.warning("lists of an earlier time hold until Redis answers", age_s=age_s, version=kept.version)

    async def _follow_lists(self, version: bytes | None) -> None:
        """Read the lists where their version is another, or an entry has ended; where it has vanished, they stay."""
        is_other = version not in (self._version, self._too_large)
        if version is None:
            self.skipped.note("version")
        elif (is_other and (version or self._source == "unknown")) or self._has_ended(version):
            await self._load_lists(version)
        elif is_other:
            self._version = None
            if self._source != "none":
                self._complain("the lists have vanished from Redis: the last ones hold, see `robocall lists`")
        if version is not None and version == self._version:
            self._confirmed_ms = wall_clock_ms()
        if self._source == "redis" and self._keeper is not None and self._screener.lists is not None:
            version_text = (self._version or b"").decode("utf-8", "replace")
            self._keeper.keep(Kept(self._screener.lists, version_text, self._confirmed_ms))

    def _has_ended(self, version: bytes) -> bool:
        """Whether an entry of the lists in force has ended since they were read."""
        return version == self._version and self._ends_ms is not None and self._ends_ms <= wall_clock_ms()

    async def _load_lists(self, version: bytes) -> None:
        found = await self._guard.attempt(self._sizes)
        if found is None:
            return
        sizes, is_emptied = found
        if sum(size or 0 for size in sizes.values()) > MAX_LIST_ENTRIES:
            self._complain(f"more than {MAX_LIST_ENTRIES} list entries, keeping the lists as they were")
            return
        loaded: dict[str, frozenset[str]] = {}
        self._text_bytes = 0
        for name, size in sizes.items():
            entries = self._known(name) if size is None else await self._entries(name)
            if self._text_bytes > MAX_LIST_BYTES:
                self._complain(f"list entries of more than {MAX_LIST_BYTES} bytes, keeping the lists as they were")
                self._too_large = version  # not read again before it is another
            if entries is None:
                return
            loaded[name] = entries
        notes: dict[str, dict[str, Note]] = {}
        for name in FOLLOWED_NOTES:
            known_of = await self._guard.attempt(lambda: read_notes(self._redis, name))  # noqa: B023 - awaited at once
            if known_of is None:
                return
            self.skipped.note("list_note", known_of.skipped)
            notes[name] = known_of.by_entry
        asked = await self._guard.attempt(self._ask)
        if asked is None or bool(asked.version) != bool(version):
            return  # emptied while it was read: what was read may be half of it
        known = self._known("emergency")
        self._emergency_held = bool(known) and not loaded["emergency"] and not is_emptied
        if known and self._emergency_held:
            loaded["emergency"] = known
        # In a thread: bringing millions of entries to their form is Python code that lets the event loop run meanwhile.
        now_ms = wall_clock_ms()
        self._screener.lists = await asyncio.to_thread(_lists, loaded, notes, now_ms)
        ends_ms = (note.until_ms for note in notes["allow"].values() if note.until_ms is not None)
        self._ends_ms = min((end_ms for end_ms in ends_ms if end_ms > now_ms), default=None)
        self._version, self._source = version, "redis"
        self.loads += 1
        self._complained = ""
        log.info("lists loaded", **{name: len(entries) for name, entries in loaded.items()})
        if self._emergency_held:
            self._complain("the emergency list has vanished from Redis: the last one holds, see `robocall lists`")

    def _known(self, name: str) -> frozenset[str] | None:
        """A list as it is in force; None, and said, when it is not known."""
        lists = self._screener.lists
        if lists is None:
            return None
        known: frozenset[str] = getattr(lists, name)
        return known

    async def _sizes(self) -> tuple[dict[str, int | None], bool]:
        """How many entries each list has, None where its key is no list; whether `emergency` was emptied on purpose."""
        pipeline = self._redis.pipeline(transaction=False)
        for name in LIST_NAMES:
            pipeline.scard(list_key(name))
        pipeline.exists(EMERGENCY_EMPTIED)
        *sizes, is_emptied = await answers(pipeline)
        self.skipped.note("list", sizes.count(None))
        return dict(zip(LIST_NAMES, sizes, strict=True)), bool(is_emptied)

    async def _entries(self, name: str) -> frozenset[str] | None:
        entries: set[str] = set()
        cursor = 0
        while True:
            page = await self._guard.attempt(lambda: self._page(name, cursor))  # noqa: B023 - awaited at once
            if page is None:
                return None
            cursor, found = page
            if found is None:
                return self._known(name)
            entries.update(found)
            if self._text_bytes > MAX_LIST_BYTES:
                return None
            if cursor == 0 or len(entries) > MAX_LIST_ENTRIES:
                return frozenset(entries)

    async def _page(self, name: str, cursor: int) -> tuple[int, list[str] | None]:
        found: Any = await run_script(self._redis, PAGE, list_key(name), cursor, SCAN_COUNT, MAX_ENTRY_BYTES)
        if found is None:  # it is no list any more
            self.skipped.note("list")
            return 0, None
        following, members, too_long = found
        entries = [entry for raw in members if (entry := _entry(name, raw)) is not None]
        self.skipped.note("list_entry", too_long + len(members) - len(entries))
        self._text_bytes += sum(map(len, entries))
        return int(following), entries

    async def _follow_entities(self, raw: bytes | None) -> None:
        count = number(raw or b"0")
        if count is None or raw is None:
            self.skipped.note("version")
        else:
            await self.entities.follow(count)

    def _follow_told(self, raw: bytes | None) -> None:
        """Look at the active model once more where it was announced again: what was wrong with it may be put right."""
        told = number(raw or b"0")
        if told is None:
            self.skipped.note("model")
        elif told != self.told:
            self.told = told
            self._models.pop(ACTIVE_MODEL, None)

    def _follow_model(self, key: str, raw: bytes | None) -> None:
        if raw in (b"", self._models.get(key, b"")):
            return
        self._models[key] = raw
        name = text(raw)
        follower = self._followers[key]
        if name is None or not name.isprintable():
            self.skipped.note("model")
        elif follower is not None:
            follower(name)

    def _complain(self, message: str) -> None:
        if message != self._complained:
            log.warning(message)
            self._complained = message


def _entry(name: str, raw: bytes) -> str | None:
    try:
        return checked_entry(name, raw.decode())
    except (ListEntryRefused, UnicodeDecodeError):
        return None


def _lists(loaded: dict[str, frozenset[str]], notes: dict[str, dict[str, Note]], now_ms: int) -> Lists:
    """Build the lists, without entries that have ended; a note on what is no entry says nothing."""
    ended = {entry for entry, note in notes["allow"].items() if note.until_ms is not None and note.until_ms <= now_ms}
    loaded = loaded | {"allow": loaded["allow"] - ended}
    audited = {entry for entry, note in notes["allow"].items() if note.is_audited and E164.fullmatch(entry)}
    orders = {entry: note.basis for entry, note in notes["block"].items() if note.basis in ORDERS}
    return Lists(
        **loaded,
        audited=loaded["allow"] & audited,
        orders={entry: basis for entry, basis in orders.items() if basis is not None and entry in loaded["block"]},
    )
