"""Follow the carrier's lists, the standing decisions and the models in use that stand in Redis.

One small round trip a second asks whether anything changed; only then is anything read. What was read last stays in
force while Redis is away, or when its keys have vanished: an emptied Redis must not take the emergency list with it.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis

from detector.columns.windows_port import Windows
from detector.contract.errors import RobocallError
from detector.policy.lists import NUMBER_ENTITY, TRUNK_ENTITY, Lists, dno_digits
from detector.policy.screening import Screener
from detector.policy.standing import MAX_TRUNKS, StandingDecision
from streams.redis.connection import (
    ACTIVE_MODEL,
    E164,
    ENTITIES_CHANGED,
    ENTITIES_VERSION,
    LIST_NAMES,
    LISTS_VERSION,
    SHADOW_MODEL,
    Guard,
    entity_key,
    list_key,
)
from streams.wire.records import ENTITY_DECISION_DECODER

MAX_LIST_ENTRIES = 5_000_000
MAX_ENTRY_LENGTH = 264
MAX_ENTITY_BYTES = 16 * 1024
MAX_MODEL_LENGTH = 1_024
SCAN_COUNT = 1_000
"""Entries asked for at a time, so that neither Redis nor the event loop stands still for a long list."""
ENTITIES_PER_TRIP = 200

SHORT_CODE = re.compile(r"[0-9]{3,6}")
TRUNK_ID = re.compile(r"[^\x00-\x20\x7f]{1,256}")

log = structlog.get_logger(__name__)


class ListEntryRefused(RobocallError):  # noqa: N818 - the name states what is wrong
    """An entry that its list cannot hold."""


def checked_entry(list_name: str, entry: str) -> str:
    """Bring an entry to the form in which its list keeps it.

    Numbers are E.164 with `+` (`emergency` takes short codes too), trunk groups `trunk:ID`, do-not-originate entries
    bare national digits.

    Raises:
        ListEntryRefused: it is none of those.
    """
    text = entry.strip()
    if list_name == "dno":
        try:
            return dno_digits(text)
        except RobocallError as error:
            raise ListEntryRefused(str(error)) from error
    bare = text.removeprefix(NUMBER_ENTITY)
    if E164.fullmatch(bare) or (list_name == "emergency" and SHORT_CODE.fullmatch(bare)):
        return bare
    if list_name in {"allow", "block"}:
        if text.startswith(TRUNK_ENTITY) and TRUNK_ID.fullmatch(text.removeprefix(TRUNK_ENTITY)):
            return text
        raise ListEntryRefused(f"{entry!r} is neither +E.164 number nor trunk:ID, for instance +12025550123")
    raise ListEntryRefused(f"{entry!r} is no number in E.164 with +, for instance +12025550123")


class ListFollower:
    """Keep a screener's lists and standing decisions like those in Redis.

    Args:
        redis: client.
        guard: shared by all users of the client.
        screener: its `lists` are replaced between two batches, its `standing` decisions are set and removed.
        on_model: told the new content of the key `robocall:model:active`, each time it changes; called on the event
            loop, so it must return at once, and must not raise.
        on_shadow: the same of `robocall:model:shadow`; it may be `off`.
        interval_s: between two looks.
    """

    def __init__(
        self,
        redis: Redis,
        guard: Guard,
        screener: Screener[Windows],
        *,
        on_model: Callable[[str], None] | None = None,
        on_shadow: Callable[[str], None] | None = None,
        interval_s: float = 1.0,
    ) -> None:
        self._redis = redis
        self._guard = guard
        self._screener = screener
        self._followers = {ACTIVE_MODEL: on_model, SHADOW_MODEL: on_shadow}
        self._interval_s = interval_s
        self._lists_version: bytes | None = None
        self._entity_count = 0
        self._models: dict[str, bytes] = {}
        self._complained = ""
        self._looking = asyncio.Lock()
        self.invalid = 0
        """List entries, standing decisions and model names that were ignored because they make no sense."""
        self.loads = 0
        """How often the lists were replaced."""

    async def run(self) -> None:
        """Follow until cancelled; a fault of Redis never ends it."""
        while True:
            await self.poll()
            await asyncio.sleep(self._interval_s)

    async def poll(self) -> bool:
        """Look once, and read what changed.

        Returns:
            False when Redis is away; everything then stays as it was.
        """
        async with self._looking:
            return await self._poll()

    async def _poll(self) -> bool:
        versions = await self._guard.attempt(self._versions)
        if versions is None:
            return False
        lists_version, entity_count, models = versions
        if lists_version is None:
            self._lists_version = None
        elif lists_version != self._lists_version:
            await self._load_lists(lists_version)
        await self._load_entities(entity_count)
        for key, name in models.items():
            self._follow_model(key, name)
        return True

    async def read_again(self) -> bool:
        """Look at all standing decisions again: old ones were put back from a snapshot, of before they were released.

        Returns:
            False when Redis is away; they are then looked at when it is back.
        """
        async with self._looking:  # a look under way would put its own place in the journal over ours
            self._entity_count = 0
            versions = await self._guard.attempt(self._versions)
            if versions is not None:
                await self._load_entities(versions[1])
            return versions is not None

    async def _versions(self) -> tuple[bytes | None, int, dict[str, bytes | None]]:
        answer: list[Any] = await self._redis.mget(LISTS_VERSION, ENTITIES_VERSION, *self._followers)
        lists, entities, *models = answer
        count = int(entities) if entities is not None and entities.isdigit() else 0
        return lists, count, dict(zip(self._followers, models, strict=True))

    async def _load_lists(self, version: bytes) -> None:
        sizes = await self._guard.attempt(self._sizes)
        if sizes is None:
            return
        if sum(sizes) > MAX_LIST_ENTRIES:
            self._complain(
                f"{sum(sizes)} list entries are more than {MAX_LIST_ENTRIES}, keeping the lists as they were"
            )
            return
        loaded: dict[str, set[str]] = {}
        for name in LIST_NAMES:
            entries = await self._entries(name)
            if entries is None:
                return
            loaded[name] = entries
        # In a thread: bringing millions of entries to their form is Python code that lets the event loop run meanwhile.
        self._screener.lists = await asyncio.to_thread(_lists, loaded)
        self._lists_version = version
        self.loads += 1
        self._complained = ""
        log.info("lists loaded", **{name: len(entries) for name, entries in loaded.items()})

    async def _sizes(self) -> list[int]:
        pipeline = self._redis.pipeline(transaction=False)
        for name in LIST_NAMES:
            pipeline.scard(list_key(name))
        sizes: list[int] = await pipeline.execute()
        return sizes

    async def _entries(self, name: str) -> set[str] | None:
        entries: set[str] = set()
        cursor = 0
        while True:
            answer = await self._guard.attempt(lambda: self._scan(name, cursor))  # noqa: B023 - awaited at once
            if answer is None:
                return None
            cursor, found = answer
            entries.update(entry for entry in (self._read_entry(name, raw) for raw in found) if entry is not None)
            if cursor == 0:
                return entries

    async def _scan(self, name: str, cursor: int) -> tuple[int, list[bytes]]:
        answer: Any = await self._redis.sscan(list_key(name), cursor, count=SCAN_COUNT)
        return int(answer[0]), answer[1]

    def _read_entry(self, name: str, raw: bytes) -> str | None:
        try:
            if len(raw) <= MAX_ENTRY_LENGTH:
                return checked_entry(name, raw.decode())
        except (ListEntryRefused, UnicodeDecodeError):
            pass
        self.invalid += 1
        return None

    async def _load_entities(self, count: int) -> None:
        if count < self._entity_count:  # Redis was emptied or replaced: everything in it is news
            self._entity_count = 0
        while self._entity_count < count:
            changed = await self._guard.attempt(self._changed_entities)
            if not changed:
                self._entity_count = count if changed == [] else self._entity_count
                return
            for entity, value in changed:
                self._take_entity(entity, value)

    async def _changed_entities(self) -> list[tuple[str, bytes | None]]:
        journal: list[Any] = await self._redis.zrangebyscore(
            ENTITIES_CHANGED, f"({self._entity_count}", "+inf", start=0, num=ENTITIES_PER_TRIP, withscores=True
        )
        if not journal:
            return []
        names = [member.decode("utf-8", "replace") for member, _ in journal]
        values: list[Any] = await self._redis.mget([entity_key(name) for name in names])
        self._entity_count = int(journal[-1][1])
        return list(zip(names, values, strict=True))

    def _take_entity(self, entity: str, value: bytes | None) -> None:
        standing = self._screener.standing
        # Wall clock: it only tells an expiry in Redis from a deletion. Whether a decision holds is asked in event time.
        known = standing.active(entity, time.time_ns() // 1_000_000)
        if value is None:
            if known is not None:
                standing.remove(entity)
            return
        decision = _standing(entity, value)
        if decision is None:
            self.invalid += 1
        elif known is None or decision.since_ms >= known.since_ms:
            standing.set(decision)

    def _follow_model(self, key: str, model: bytes | None) -> None:
        if model is None or model == self._models.get(key):
            return
        self._models[key] = model
        try:
            name = model.decode()
        except UnicodeDecodeError:
            name = ""
        follower = self._followers[key]
        if not name or len(name) > MAX_MODEL_LENGTH or not name.isprintable():
            self.invalid += 1
        elif follower is not None:
            follower(name)

    def _complain(self, message: str) -> None:
        if message != self._complained:
            log.warning(message)
            self._complained = message


def _lists(loaded: dict[str, set[str]]) -> Lists:
    return Lists(**{name: frozenset(entries) for name, entries in loaded.items()})


def _standing(entity: str, value: bytes) -> StandingDecision | None:
    """Read a standing decision of somebody else; None when it is not one on this entity."""
    if len(value) > MAX_ENTITY_BYTES:
        return None
    try:
        found = ENTITY_DECISION_DECODER.decode(value)
    except (msgspec.MsgspecError, ValueError):
        return None
    if found.entity != entity or not entity.startswith((NUMBER_ENTITY, TRUNK_ENTITY)):
        return None
    return StandingDecision(
        entity,
        found.action,
        found.category,
        found.since_ms,
        found.expires_ms,
        found.source,
        trunk_group_ids=(found.trunk_group_ids or ())[:MAX_TRUNKS],
        is_vouched=bool(found.signed),
    )
