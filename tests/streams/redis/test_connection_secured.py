"""Workers and commands on a real Redis that wants TLS and a password; and what a wrong one says."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from detector.contract.errors import RobocallError
from streams.commands.doctor import State, examine
from streams.settings import load_settings
from tests.integration.secured import PASSWORD, make_certificates, secured_redis
from tests.streams.redis.test_bounded import Background
from tests.streams.redis.test_lists import CALLING
from tests.typed import typed
from tests.valkey_process import run
from tests.waiting import HANG_S

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates."""
    path = tmp_path_factory.mktemp("secured")
    make_certificates(path)
    return path


@pytest.fixture
def url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server, and settings that reach it."""
    with secured_redis(folder) as found:
        for timeout in ("CONNECT_TIMEOUT_S", "SOCKET_TIMEOUT_S", "EXCHANGE_TIMEOUT_S"):  # a handshake on a busy machine
            monkeypatch.setattr(f"streams.redis.connection.{timeout}", HANG_S)
        monkeypatch.setattr("streams.commands.doctor.CONNECT_TIMEOUT_SECONDS", HANG_S)
        monkeypatch.setenv("ROBOCALL_REDIS_URL", found)
        monkeypatch.setenv("ROBOCALL_REDIS_TLS_CAFILE", str(folder / "authority.crt"))
        yield found


def test_commands_and_a_worker_use_it(url: str) -> None:
    """Lists, trunk totals, standing decisions, look-ups and the worker's word of itself: all over TLS."""

    async def work(client: Redis) -> None:
        background = Background(client)
        await background.turn()
        assert background.screener.lists is not None
        assert background.screener.lists.allow == {CALLING}
        assert background.exchange.view.view == "shared"

    added = typed("lists", "add", "allow", CALLING)
    assert added.exit_code == 0, added.exception
    run(work, url)
    assert "lists: allow" in typed("lookup", CALLING).stdout
    findings = [one for one in examine(load_settings()) if one.subject == "redis"]
    assert [one.state for one in findings] == [State.OK]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("password", "invalid username-password pair"),
        ("authority", "certificate verify failed"),
        ("protocol", "no Redis answers"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_stops_no_worker(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, said: str
) -> None:
    """And the password is never in it."""
    if wrong == "authority":
        monkeypatch.setenv("ROBOCALL_REDIS_TLS_CAFILE", str(folder / "other.crt"))
    replaced = {"password": (quote(PASSWORD), "not-this-one"), "protocol": ("rediss://", "redis://")}
    changed = url.replace(*replaced.get(wrong, ("", "")))
    monkeypatch.setenv("ROBOCALL_REDIS_URL", changed)

    async def work(client: Redis) -> None:
        background = Background(client)
        assert not await background.follower.poll()
        await background.exchange.exchange()
        assert background.exchange.view.view == "local"

    with capture_logs() as lines:
        run(work, changed)
    assert ["redis unreachable" in line["event"] for line in lines] == [True]
    done = typed("lookup", CALLING)
    assert isinstance(done.exception, RobocallError)
    text = str(done.exception)
    assert said in text
    assert "\n" not in text
    assert PASSWORD not in text + str(lines)
    assert "not-this-one" not in text + str(lines)
    (finding,) = [one for one in examine(load_settings()) if one.subject == "redis"]
    assert finding.state is State.WARNING
