"""`robocall release` on a real Valkey and a real broker: what ends, who is told, what is wrong usage."""

import json

import pytest
import redis as blocking

from streams.errors import KafkaUnreachable
from streams.redis.connection import entity_key, list_key
from tests.streams.commands.test_erase import nulls
from tests.typed import typed

NUMBER = "+12025550003"


@pytest.fixture(autouse=True)
def _grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an hour."""
    monkeypatch.setenv("ROBOCALL_RELEASE_GRACE_S", "3600")


def test_a_release_ends_what_stands_and_tells_workers_and_switches(
    store: "blocking.Redis", kafka_bootstrap: str
) -> None:
    """Workers by Redis, switches that cache standing decisions by a null."""
    store.set(entity_key(f"number:{NUMBER}"), b'{"action":"block"}')
    typed("lists", "add", "block", NUMBER)

    done = typed("release", NUMBER, "--by", "M. Lee, redress 311")

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{NUMBER}: ended what stood and a block entry; analytics do not block it until 2")
    stored = json.loads(store.get(entity_key(f"number:{NUMBER}")) or b"")
    assert (stored["action"], stored["source"]) == ("allow", "M. Lee, redress 311")
    assert stored["expires_ms"] - stored["since_ms"] == 3_600_000
    assert store.smembers(list_key("block")) == set()
    assert nulls(kafka_bootstrap) == [f"number:{NUMBER}".encode()]
    assert "allow as released by M. Lee, redress 311" in typed("lookup", NUMBER).stdout


def test_a_release_holds_while_kafka_is_away_and_says_who_was_not_told(
    store: "blocking.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was "no Kafka broker answers" alone, though the workers had followed."""
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    done = typed("release", NUMBER, "--by", "M. Lee")

    assert isinstance(done.exception, KafkaUnreachable)
    assert "analytics do not block it until 2" in done.stdout
    assert "were not told: run it again" in done.stderr
    assert json.loads(store.get(entity_key(f"number:{NUMBER}")) or b"")["action"] == "allow"


@pytest.mark.parametrize("basis", ["court_order", "fcc_order"])
def test_a_release_lifts_no_order(store: "blocking.Redis", basis: str) -> None:
    """Whoever answers redress must not undo what a court or the FCC ordered; the command says what stays."""
    typed("lists", "add", "block", NUMBER, "--basis", basis, "--by", "legal", "--reason", "DA 26-1")

    done = typed("release", NUMBER, "--by", "M. Lee")

    assert done.exit_code == 0, done.output
    assert store.smembers(list_key("block")) == {NUMBER.encode()}
    assert f"it stays on the block list by {basis}" in done.stderr
    assert f"{basis}, by legal" in typed("lists", "show", "block").stdout


@pytest.mark.parametrize(
    "arguments", [("12025550003", "--by", "M. Lee"), (NUMBER,), (NUMBER, "--by", "model"), ("trunk:", "--by", "M. Lee")]
)
def test_wrong_usage_changes_nothing(store: "blocking.Redis", arguments: tuple[str, ...]) -> None:
    """Whoever releases has a name; `model` is that of the machine."""
    assert typed("release", *arguments).exit_code == 2
    assert list(store.scan_iter("robocall:*")) == []
