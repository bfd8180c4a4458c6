"""What is known of list entries beside their names: on what a block rests; who allowed a number, when and why.

A hash beside each set of entries. Workers of earlier versions do not look at it: for them every block is analytics.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from redis.asyncio import Redis

from detector.policy.lists import Basis
from streams.redis.bounded import is_instant, record, run_script
from streams.redis.connection import list_key
from streams.running.clock import wall_clock_ms

NOTED_LISTS = ("allow", "block", "dno")
FOLLOWED_NOTES = ("allow", "block")
"""Those that decide something, so that workers read them."""
MAX_LIST_ENTRIES = 5_000_000
MAX_LIST_BYTES = 64 * 1024 * 1024
"""Of the entries of all lists, numbers as long as numbers are: with 5,000,000 of those a worker has about 1 GB more."""
MAX_ENTRY_BYTES = 264
SCAN_COUNT = 1_000
"""Entries asked for at a time, so that neither Redis nor the event loop stands still for a long list."""
MAX_BY, MAX_REASON = 128, 500
MAX_NOTE_BYTES = 4_096
MAX_NOTES_BYTES = 256 * 1024 * 1024
"""Of all notes of a list together, with their entries; what is beyond is left out."""

# A page of a hash, without fields and values that are too long: answers cursor, fields and values, how many were left
# out. Its key is its first argument, see `streams.redis.bounded`.
PAGE = """
local page = redis.call('HSCAN', ARGV[1], ARGV[2], 'COUNT', ARGV[3])
local kept, skipped = {}, 0
for i = 1, #page[2], 2 do
  if #page[2][i] <= tonumber(ARGV[4]) and #page[2][i + 1] <= tonumber(ARGV[5]) then
    kept[#kept + 1] = page[2][i]
    kept[#kept + 1] = page[2][i + 1]
  else
    skipped = skipped + 1
  end
end
return {page[1], kept, skipped}
"""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of one entry.

    Attributes:
        basis: on what a block rests; None = analytics.
        by: who added the entry.
        reason: why.
        at_ms: when, epoch milliseconds.
        until_ms: of `allow`, from when on it no longer holds, epoch milliseconds; None = until it is removed. Workers
            of earlier versions do not look at it.
    """

    basis: Basis | None = None
    by: Annotated[str, msgspec.Meta(max_length=MAX_BY)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] | None = None
    at_ms: int | None = None
    until_ms: int | None = None

    @property
    def is_audited(self) -> bool:
        """Whether it says who, why and when."""
        return bool(self.by and self.reason and self.at_ms is not None)

    def text(self) -> str:
        """All of it in one line."""
        until = f"until {_when(self.until_ms)}" if self.until_ms is not None else None
        parts = (self.basis, f"by {self.by}" if self.by else None, _when(self.at_ms), until, self.reason)
        return ", ".join(part for part in parts if part)


DECODER = msgspec.json.Decoder(Note)


def _when(at_ms: int | None) -> str:
    """An instant for people, to the minute; empty where there is none."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(" ", "minutes").removesuffix("+00:00")


def notes_key(name: str) -> str:
    """Hash of the notes on the entries of a list, by entry."""
    return f"{list_key(name)}:notes"


def note_now(
    *, basis: Basis | None = None, by: str | None = None, reason: str | None = None, until_ms: int | None = None
) -> bytes:
    """Write a note of this instant; empty where there is nothing to say."""
    if basis is None and by is None and reason is None and until_ms is None:
        return b""
    return msgspec.json.encode(Note(basis, by, reason, wall_clock_ms(), until_ms))


def note_of(raw: Any) -> Note | None:
    """Read a note; None where it is none."""
    found = record(raw, DECODER, MAX_NOTE_BYTES)
    return None if found is None or not is_instant(found.at_ms or 0, found.until_ms or 0) else found


@dataclass(frozen=True, slots=True)
class Notes:
    """All notes of a list.

    Attributes:
        by_entry: by the entry as its list has it.
        skipped: how many made no sense.
    """

    by_entry: dict[str, Note]
    skipped: int = 0


async def read_notes(redis: Redis, name: str) -> Notes:
    """Read the notes of a list, as far as they have 256 MiB together; a key that holds something else has none.

    Raises:
        redis.exceptions.RedisError: the server is away.
    """
    notes: dict[str, Note] = {}
    cursor, skipped, read_bytes = 0, 0, 0
    while True:
        page: Any = await run_script(redis, PAGE, notes_key(name), cursor, SCAN_COUNT, MAX_ENTRY_BYTES, MAX_NOTE_BYTES)
        if page is None:
            return Notes({}, 1)
        cursor, pairs, too_long = int(page[0]), page[1], page[2]
        for raw, value in zip(pairs[::2], pairs[1::2], strict=True):
            note = note_of(value)
            if note is None:
                skipped += 1
            else:
                notes[raw.decode("utf-8", "replace")] = note
        skipped += too_long
        read_bytes += sum(map(len, pairs))
        if cursor == 0:
            return Notes(notes, skipped)
        if read_bytes > MAX_NOTES_BYTES:
            return Notes(notes, skipped + 1)
