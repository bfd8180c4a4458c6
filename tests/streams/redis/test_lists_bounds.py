"""Lists that would take all memory: the last good ones hold. On a real Valkey."""

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecisions
from detector.windows.engine import WindowEngine
from streams.redis import lists
from streams.redis.connection import LISTS_VERSION, Guard, list_key
from streams.redis.list_changes import change_list
from streams.redis.lists import ListFollower
from tests.streams.redis.test_lists import CALLING, SMALL, Even
from tests.valkey_process import ValkeyProcess, run


def test_lists_of_too_much_text_are_not_taken_and_read_once(
    valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5,000,000 entries of 250 characters were allowed: 4.5 GiB. They count together, whatever list they are on.

    What is too large is said once, and looked at again when it changes.
    """
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 10_000)

    async def work(client: Redis) -> None:
        screener = Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), StandingDecisions())
        follower = ListFollower(client, Guard(), screener)
        await change_list(client, "allow", [CALLING], is_addition=True)
        await follower.poll()
        for name in ("allow", "block"):
            await change_list(client, name, [f"trunk:{n:0250d}" for n in range(22)], is_addition=True)

        with capture_logs() as said:
            await follower.poll()
            pages = (await client.info("commandstats"))["cmdstat_sscan"]["calls"]
            await follower.poll()
            assert (await client.info("commandstats"))["cmdstat_sscan"]["calls"] == pages

        assert screener.lists is not None
        assert screener.lists.allow == {CALLING}
        assert [line["event"] for line in said] == [
            "list entries of more than 10000 bytes, keeping the lists as they were"
        ]
        await client.delete(list_key("block"))
        await client.incr(LISTS_VERSION)
        await follower.poll()
        assert screener.lists is not None
        assert len(screener.lists.allow) == 23

    run(work, valkey.url)
