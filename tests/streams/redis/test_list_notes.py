"""Notes on list entries: what they say to people, and an entry that ends. On a real Valkey."""

import pytest
from redis.asyncio import Redis

from detector.policy.lists import Basis, Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecisions
from detector.windows.engine import WindowEngine
from streams.redis import lists
from streams.redis.connection import Guard
from streams.redis.list_changes import change_list
from streams.redis.list_notes import Note, note_now, note_of
from streams.redis.lists import ListFollower
from tests.streams.redis.test_lists import CALLING, OTHER, SMALL, Even, lists_of
from tests.valkey_process import ValkeyProcess, run


def test_a_note_says_all_that_is_known_in_one_line() -> None:
    """1,790,000,000 s is 2026-09-21 14:13:20 UTC."""
    note = Note(Basis.FCC_ORDER, "M. Lee", "DA 26-1", 1_790_000_000_000, 1_790_000_060_000)
    assert note.text() == "fcc_order, by M. Lee, 2026-09-21 14:13, until 2026-09-21 14:14, DA 26-1"
    assert note_now() == b""
    said = note_of(note_now(by="M. Lee", until_ms=1_790_000_000_000))
    assert said is not None
    assert (said.by, said.until_ms, said.is_audited) == ("M. Lee", 1_790_000_000_000, False)
    assert note_of(b'{"until_ms":-1}') is None


def test_an_allow_entry_ends_while_redis_says_nothing_new(
    valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redress allows for a while: nobody changes a list when that is over. An entry without an end stays."""
    at_ms = 1_790_000_000_000
    monkeypatch.setattr(lists, "wall_clock_ms", lambda: at_ms)
    screener = Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), StandingDecisions())

    async def work(client: Redis) -> None:
        nonlocal at_ms
        until = note_now(by="M. Lee", until_ms=at_ms + 1_000)
        await change_list(client, "allow", [CALLING], is_addition=True, note=until)
        await change_list(client, "allow", [OTHER], is_addition=True)
        sync = ListFollower(client, Guard(), screener)
        await sync.poll()
        await sync.poll()
        assert lists_of(screener).allow == {CALLING, OTHER}
        assert lists_of(screener).audited == frozenset()
        assert sync.loads == 1

        at_ms += 1_000
        await sync.poll()
        await sync.poll()
        assert lists_of(screener).allow == {OTHER}
        assert sync.loads == 2

    run(work, valkey.url)
