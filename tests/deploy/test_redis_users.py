"""The access list of `deploy/redis`, in place on a real server: each client does its work with it, and nothing else."""

import hashlib
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as blocking
from redis.asyncio import Redis

from detector.contract.decisions import Action
from detector.policy.lists import Basis
from streams.local.services import port_accepts
from streams.local.valkey_server import command
from streams.redis.connection import (
    ACTIVE_MODEL,
    SHADOW_MODEL,
    WORKERS,
    decision_key,
    entity_key,
    list_key,
    number_key,
    trunk_key,
    worker_key,
)
from streams.redis.decisions import latest_decisions
from streams.redis.releasing import release
from streams.redis.worker_reports import announce, told
from tests.processes import needs
from tests.streams.redis.junk import IDENTIFIER
from tests.streams.redis.test_bounded import STATE, Background
from tests.streams.redis.test_lists import CALLING, ENTITY, standing_record
from tests.streams.redis.test_trunk_exchange import TRUNK, call
from tests.typed import typed
from tests.valkey_process import run
from tests.waiting import wait_until

ACL = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"
USERS = ("worker", "operator", "lookup", "console")
Url = Callable[[str], str]


@pytest.fixture(params=["valkey", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Url]:
    """A function from a user to the URL by which it logs in; the password is the user's name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    arguments = command(tmp_path, port=port, keep=False)
    if request.param == "redis":
        arguments[0] = needs("redis-server", "redis-server")
    text = ACL.read_text(encoding="utf-8")
    for user in USERS:
        text = text.replace(f"{user.upper()}_PASSWORD_SHA256", hashlib.sha256(user.encode()).hexdigest())
    users = tmp_path / "users.acl"
    users.write_text(text, encoding="utf-8")
    process = subprocess.Popen([*arguments, "--aclfile", str(users), "--logfile", "server.log"])
    wait_until(lambda: port_accepts(port) or process.poll() is not None, "the server accepts")
    assert process.poll() is None, (tmp_path / "server.log").read_text()
    yield lambda user: f"redis://{user}:{user}@127.0.0.1:{port}/0"
    process.kill()
    process.wait()


async def follow_and_write(client: Redis) -> None:
    """What a worker does: it follows the lists and the model, and writes decisions and its view of trunk groups."""
    background = Background(client)
    call(background.screener.engine, 0, 3)
    background.keeper.offer_entity(*standing_record(Action.BLOCK, 1_000))
    await background.turn()
    await background.turn()
    lists = background.screener.lists
    assert lists is not None
    assert lists.allow == {CALLING, TRUNK}
    assert lists.audited == {CALLING}
    assert lists.orders == {"bad": Basis.FCC_ORDER}
    assert background.told == ["m-2"]
    assert background.follower.told == 1
    assert background.screener.standing.active(ENTITY, 2_000) is not None
    assert background.exchange.view.view == "shared"
    assert (background.keeper.refused, background.follower.skipped.total(), background.exchange.invalid) == (
        0,
        0,
        0,
    )
    assert await latest_decisions(client, CALLING) == []  # what it wrote is no decision


def test_each_client_does_its_work(url: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator keeps lists and names the model, the worker follows and writes, the reader looks everything up."""

    def command_of(user: str, *arguments: str) -> str:
        monkeypatch.setenv("ROBOCALL_REDIS_URL", url(user))
        done = typed(*arguments)
        assert done.exit_code == 0, done.exception
        return done.stdout

    command_of("operator", "lists", "add", "emergency", "911")
    command_of("operator", "lists", "remove", "emergency", "--all")
    command_of("operator", "lists", "add", "allow", CALLING, f"trunk:{TRUNK}", "--by", "M. Lee", "--reason", "why")
    command_of("operator", "lists", "add", "block", "trunk:bad", "--basis", "fcc_order")
    command_of("operator", "lists", "add", "block", CALLING)
    command_of("operator", "lists", "remove", "block", CALLING)
    assert command_of("operator", "lists", "show", "block").startswith("trunk:bad  # fcc_order, 2")

    async def name_a_model(client: Redis) -> None:
        await client.time()  # `doctor`
        assert await announce(client, "m-2") == 1
        assert await told(client) == []

    run(name_a_model, url("operator"))

    run(follow_and_write, url("worker"))
    shown = command_of("lookup", "lookup", CALLING)
    assert "lists: allow\nlist allow: by M. Lee" in shown
    assert "standing decision: block as spam" in shown

    async def hear(client: Redis) -> None:
        assert await told(client) == [STATE]

    run(hear, url("operator"))
    run(hear, url("lookup"))

    async def let_go(client: Redis) -> None:
        await release(client, ENTITY, by="M. Lee", grace_s=600)

    run(let_go, url("operator"))
    assert "standing decision: allow as released" in command_of("lookup", "lookup", CALLING)
    assert "3 " in command_of("lookup", "lookup", f"trunk:{TRUNK}")


def test_the_console_does_what_its_pages_offer(url: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the functions of these commands; it looks everything up, keeps lists, releases and names models."""

    def command_of(*arguments: str) -> str:
        monkeypatch.setenv("ROBOCALL_REDIS_URL", url("console"))
        done = typed(*arguments)
        assert done.exit_code == 0, done.exception
        return done.stdout

    command_of("lists", "add", "block", CALLING)
    assert "lists: block" in command_of("lookup", CALLING)
    command_of("lists", "remove", "block", CALLING)

    async def let_go(client: Redis) -> None:
        await release(client, ENTITY, by="M. Lee", grace_s=600)

    run(let_go, url("console"))
    assert "standing decision: allow as released" in command_of("lookup", CALLING)

    async def name_models(client: Redis) -> None:
        assert await announce(client, "m-2") == 1
        await client.set(SHADOW_MODEL, "m-3")
        assert await told(client) == []
        await client.time()  # `doctor`, on the page of alarms, compares the clocks

    run(name_models, url("console"))


FORBIDDEN: dict[str, list[tuple[Any, ...]]] = {
    "worker": [
        ("SADD", list_key("allow"), CALLING),
        ("DEL", list_key("emergency")),
        ("SET", ACTIVE_MODEL, "m-evil"),
        ("EVAL", "return redis.call('SADD', ARGV[1], 'x')", 0, list_key("block")),
        ("EVAL", "return redis.call('SET', ARGV[1], 'x')", 0, ACTIVE_MODEL),
    ],
    "operator": [
        ("GETRANGE", decision_key(IDENTIFIER), 0, 1),
        ("DEL", number_key(CALLING)),
        ("EVAL", "return redis.call('DEL', ARGV[1])", 0, trunk_key(0)),
        ("SADD", WORKERS, "w-evil"),
        ("SET", worker_key("w-1"), "x"),
    ],
    "lookup": [
        ("SADD", list_key("allow"), CALLING),
        ("SET", entity_key(ENTITY), "x"),
        ("EVAL", "return redis.call('SADD', ARGV[1], 'x')", 0, list_key("block")),
        ("EVAL", "return redis.call('DEL', ARGV[1])", 0, decision_key(IDENTIFIER)),
    ],
    "console": [
        ("SET", decision_key(IDENTIFIER), "x"),
        ("SADD", WORKERS, "w-evil"),
        ("EVAL", "return redis.call('DEL', ARGV[1])", 0, trunk_key(0)),
    ],
}
FOR_NOBODY: list[tuple[Any, ...]] = [
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("SHUTDOWN", "NOSAVE"),
    ("SET", "somebody-elses", "x"),
    ("GETRANGE", "somebody-elses", 0, 1),
    ("EVAL", "return redis.call('FLUSHALL')", 0),
    ("SUBSCRIBE", "channel"),
]


@pytest.mark.parametrize("user", USERS)
def test_no_client_can_do_more(url: Url, user: str) -> None:
    """Nor without a name, nor with another's password."""
    with blocking.Redis.from_url(url(user), protocol=2) as client:
        for arguments in (*FORBIDDEN[user], *FOR_NOBODY):
            with pytest.raises(blocking.ResponseError, match=r"(?i)permission|ACL|can't"):
                client.execute_command(*arguments)
    for wrong in (url("default"), url(user).replace(f":{user}@", ":guess@"), url(user).replace(f"{user}:{user}@", "")):
        with blocking.Redis.from_url(wrong, protocol=2) as client, pytest.raises(blocking.AuthenticationError):
            client.ping()


def test_the_file_as_it_is_lets_nobody_in(tmp_path: Path) -> None:
    """Its passwords are to be filled in: a server does not start with what stands there."""
    refused = subprocess.run(
        [*command(tmp_path, port=0, keep=False), "--aclfile", str(ACL)], capture_output=True, timeout=60, check=False
    )
    assert refused.returncode != 0
