"""Lists that outlive an outage of Redis: what is written is read again, for its owner only, and damage is refused."""

import asyncio
import stat
from pathlib import Path

import pytest

from detector.policy.lists import Basis, Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecisions
from detector.windows import WindowEngine
from models.errors import StorageError
from models.serve.signing import Signing
from streams.redis import kept_lists
from streams.redis.connection import Guard, connect
from streams.redis.kept_lists import REFRESH_MS, RETRY_S, Kept, KeptLists, KeptListsRefused, ListKeeper
from streams.redis.lists import ListFollower
from streams.settings import load_settings
from tests.streams.redis.test_lists import SMALL, Even
from tests.waiting import until

TOPIC = "call-events.0123"
LISTS = Lists(
    emergency=frozenset({"911", "+12025550911"}),
    opt_out=frozenset({"+13125550188"}),
    allow=frozenset({"+12025550123", "trunk:nyc-ix-7", "trunk:\u2028odd", "trunk:allow"}),
    block=frozenset({"trunk:bad-7", "+12025550123/+13125550142"}),
    audited=frozenset({"+12025550123"}),
    orders={"trunk:bad-7": Basis.FCC_ORDER},
    dno=frozenset({"900", "2025550199"}),
)
KEPT = Kept(LISTS, "57", 1_764_000_000_000)


def file_in(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    """Entries, version and time; the lists of another topic are not there."""
    KeptLists(str(tmp_path / "s"), TOPIC).write(KEPT)

    assert KeptLists(str(tmp_path / "s"), TOPIC).read() == KEPT
    assert KeptLists(str(tmp_path / "s"), "call-events.4567").read() is None
    assert KeptLists(str(tmp_path / "never"), TOPIC).read() is None


def test_later_lists_take_the_place_of_those_before_and_are_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    kept = KeptLists(str(folder), TOPIC)
    kept.write(KEPT)
    later = Kept(Lists(), "58", KEPT.confirmed_ms + 1)
    kept.write(later)

    assert kept.read() == later
    assert stat.S_IMODE(file_in(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_changed_byte_anywhere_is_refused(tmp_path: Path) -> None:
    """As is a file that is cut short, empty, or of something else."""
    kept = KeptLists(str(tmp_path), TOPIC)
    kept.write(KEPT)
    file = file_in(tmp_path)
    whole = file.read_bytes()
    damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
    for content in (*damaged, whole[:-1], b"", b"\n", b"robocall lists 1 ", whole + b"+12025550100\n"):
        file.write_bytes(content)
        with pytest.raises(KeptListsRefused):
            kept.read()


def test_with_a_key_only_lists_that_it_signed_are_used(tmp_path: Path) -> None:
    """Forged ones, however whole, were used; those of another fleet under the same key are not these either."""
    url, keys = str(tmp_path), Signing(b"the key of this year", b"the key of last year")
    KeptLists(url, TOPIC).write(KEPT)
    with pytest.raises(KeptListsRefused, match="it is not signed, and ROBOCALL_SIGNING_KEY is set"):
        KeptLists(url, TOPIC, keys).read()
    KeptLists(url, TOPIC, Signing(b"somebody else's key")).write(KEPT)
    with pytest.raises(KeptListsRefused, match="signed with another key"):
        KeptLists(url, TOPIC, keys).read()

    KeptLists(url, TOPIC, Signing(b"the key of last year")).write(KEPT)
    assert KeptLists(url, TOPIC, keys).read() == KEPT
    KeptLists(url, TOPIC, keys).write(KEPT)
    assert KeptLists(url, TOPIC, keys).read() == KEPT
    assert KeptLists(url, TOPIC).read() == KEPT

    file = file_in(tmp_path)
    file.rename(tmp_path / file.name.replace(TOPIC, "others"))
    with pytest.raises(KeptListsRefused, match="signed with another key"):
        KeptLists(url, "others", keys).read()


def test_what_is_too_large_is_neither_kept_nor_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lists kept before stay."""
    kept = KeptLists(str(tmp_path), TOPIC)
    kept.write(KEPT)
    with monkeypatch.context() as patch:
        patch.setattr(kept_lists, "MAX_BYTES", 50)
        with pytest.raises(KeptListsRefused, match="the most is 50"):
            kept.write(Kept(Lists(allow=frozenset({"+12025550124"})), "58", 1))
    assert kept.read() == KEPT

    monkeypatch.setattr(kept_lists, "MAX_BYTES", 0)
    monkeypatch.setattr(kept_lists, "LINE_BYTES", 50)
    with pytest.raises(KeptListsRefused, match="larger than 50 bytes"):
        kept.read()


def test_the_keeper_writes_what_is_new_once_and_again_when_its_age_would_be_false(tmp_path: Path) -> None:
    kept, now_s = KeptLists(str(tmp_path), TOPIC), 0.0
    later = Kept(KEPT.lists, "57", KEPT.confirmed_ms + REFRESH_MS)

    async def work() -> None:
        keeper = ListKeeper(kept, lambda: now_s)
        assert await keeper.recall() is None
        keeper.keep(KEPT)
        await until(lambda: kept.read() == KEPT)
        keeper.keep(Kept(KEPT.lists, "57", later.confirmed_ms - 1))
        keeper.keep(later)
        while kept.read() != later:  # the one before may still be under way
            keeper.keep(later)
            await asyncio.sleep(0.01)
        assert await keeper.recall() == later

    asyncio.run(work())


def test_a_store_that_refuses_is_tried_again_after_a_while(tmp_path: Path) -> None:
    """A file stands where the folder should be; nothing raises, and once it is gone the lists are kept."""
    place, now_s = tmp_path / "s", 0.0
    place.write_text("in the way")

    async def work() -> None:
        nonlocal now_s
        kept = KeptLists(str(place), TOPIC)
        keeper = ListKeeper(kept, lambda: now_s)
        assert await keeper.recall() is None
        with pytest.raises(StorageError):
            kept.write(KEPT)
        keeper.keep(KEPT)
        await until(lambda: keeper.is_idle)
        keeper.keep(KEPT)
        place.unlink()
        keeper.keep(KEPT)
        assert kept.read() is None

        now_s = RETRY_S
        keeper.keep(KEPT)
        await until(lambda: kept.read() == KEPT)

    asyncio.run(work())


@pytest.mark.parametrize("known", [None, Lists()], ids=["awaited", "not awaited"])
def test_a_start_without_redis_goes_by_the_lists_that_were_kept(known: Lists | None, tmp_path: Path) -> None:
    """Whether or not calls would pass until any lists are known: nobody who was allowed is blocked meanwhile."""
    kept = KeptLists(str(tmp_path), TOPIC)
    kept.write(KEPT)
    judge = Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), StandingDecisions())
    judge.lists = known

    async def work() -> str:
        redis = connect(load_settings(redis_url="redis://127.0.0.1:1/0"))
        follower = ListFollower(redis, Guard(), judge, keeper=ListKeeper(kept))
        running = asyncio.create_task(follower.run())
        await until(lambda: follower.view().source == "kept")
        running.cancel()
        await redis.aclose()
        return follower.view().source

    assert asyncio.run(work()) == "kept"
    assert judge.lists == LISTS
