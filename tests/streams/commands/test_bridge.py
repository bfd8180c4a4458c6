"""`robocall bridge`, as it is typed: what it checks and says first. tests/integration/bridge has calls."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from streams.bridge.peers import PeersInvalid
from streams.commands import bridge as module
from streams.commands.bridge import bridge
from streams.errors import KafkaUnreachable, SettingsInvalid
from tests.waiting import until

PEERS = "peers: [{name: p, addresses: [192.0.2.10], profile: ribbon, trunk_group_id: t}]"


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "peers.yaml"
    path.write_text(PEERS, encoding="utf-8")
    monkeypatch.setenv("ROBOCALL_BRIDGE_PEERS_FILE", str(path))
    monkeypatch.setattr(module, "configure_log", lambda *_: None)
    return path


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(bridge, list(arguments), catch_exceptions=False)


@pytest.mark.usefixtures("peers")
def test_a_check_reads_everything_and_says_what_the_switches_need(logged: list[Any]) -> None:
    assert typed("--check").exit_code == 0
    said = [line["event"] for line in logged]
    assert said[-2].startswith("profile ribbon (p) lets calls pass by 503: a switch may take this dip for dead")
    assert said[-1] == "the peers file is right"


def test_what_is_wrong_is_said_before_anything_is_started(peers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peers.write_text("peers: []", encoding="utf-8")
    with pytest.raises(PeersInvalid):
        typed()
    peers.write_text(PEERS, encoding="utf-8")
    monkeypatch.setenv("ROBOCALL_BRIDGE_DEADLINE_MS", "0")
    with pytest.raises(SettingsInvalid, match="ROBOCALL_BRIDGE_DEADLINE_MS"):
        typed()


@pytest.mark.usefixtures("peers")
def test_a_bridge_that_nobody_could_ask_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_BRIDGE_SIP_PORT", "0")
    with pytest.raises(SettingsInvalid, match="nobody can ask"):
        typed("--check")
    monkeypatch.setenv("ROBOCALL_BRIDGE_HEP_PORT", "9060")
    assert typed("--check").exit_code == 0


@pytest.mark.usefixtures("peers")
def test_no_broker_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(KafkaUnreachable, match="no Kafka broker answers"):
        typed()


@pytest.mark.usefixtures("peers")
def test_while_it_starts_it_says_so_again_and_again(logged: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    async def start(_: object) -> None:
        await until(lambda: [line["event"] for line in logged].count("bridge starts") >= 3)
        raise Enough

    monkeypatch.setattr(module, "EVERY_S", 0.01)
    monkeypatch.setattr("streams.commands.bridge.Asker.start", start)
    with pytest.raises(Enough):
        typed()
    asyncio.set_event_loop(None)
