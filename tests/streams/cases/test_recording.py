"""What commands do becomes a record, on a real broker; without one the change happens all the same."""

import asyncio
import stat
from pathlib import Path

import pytest
import redis as blocking

from streams.cases.spool import Spool
from streams.cases.store import CaseStore
from streams.log import NumberDigest
from streams.redis.connection import list_key
from streams.screening.policy_file import load_policy
from streams.settings import load_settings
from streams.wire.cases import Case
from tests.typed import typed

pytestmark = pytest.mark.kafka

NUMBER = "+12025550003"


@pytest.fixture(autouse=True)
def _recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is somebody who is recorded."""
    monkeypatch.setenv("ROBOCALL_CASES_RECORD", "true")
    monkeypatch.setenv("ROBOCALL_CASES_OPERATOR", "M. Lee")
    monkeypatch.setenv("ROBOCALL_CASES_SPOOL", str(tmp_path / "spool"))


def recorded() -> list[Case]:
    return asyncio.run(CaseStore(load_settings()).cases())


@pytest.mark.usefixtures("store")
def test_changes_of_lists_and_releases_are_recorded() -> None:
    """Who, what, which entries, and why where that was said."""
    typed("lists", "add", "allow", NUMBER, "--by", "M. Lee", "--reason", "clinic")
    typed("lists", "remove", "allow", NUMBER, "+12025550004")
    typed("release", NUMBER, "--by", "A. Roe")

    added, removed, released = recorded()

    assert [one.history[0].what for one in (added, removed, released)] == ["list_added", "list_removed", "released"]
    assert {(one.kind, one.state, one.history[0].who) for one in (added, removed, released)} == {
        ("change", "closed", "M. Lee")
    }
    assert (added.subject, added.history[0].why) == ("list:allow", "clinic")
    assert added.details == {"list": "allow", "changed": "1", "entries": NUMBER, "asked": "1", "by": "M. Lee"}
    assert removed.details["entries"] == f"{NUMBER} +12025550004"
    assert (released.subject, released.details["by"]) == (f"number:{NUMBER}", "A. Roe")


@pytest.mark.usefixtures("store")
def test_changes_of_models_and_policies_are_recorded(tmp_path: Path) -> None:
    """A shadow model that ends, and a policy file that is written anew."""
    (tmp_path / "new.yaml").write_text("mode: shadow\nhold_s: 60\n")
    target = tmp_path / "policy.yaml"

    typed("models", "shadow", "off", "--why", "it was seen enough")
    saved = typed("policy", "save", str(tmp_path / "new.yaml"), "--why", "ticket 311", "--policy", str(target))

    ended, written = recorded()
    entry = ended.history[0]
    assert (ended.subject, entry.what, entry.who, entry.why) == (
        "model:off", "model_shadow", "M. Lee", "it was seen enough",
    )  # fmt: skip
    assert (written.history[0].what, written.history[0].why) == ("policy_saved", "ticket 311")
    assert written.details["version"] == saved.stdout.strip() == load_policy(target).version
    assert written.details["before"] == load_policy(None).version


@pytest.mark.usefixtures("store")
def test_a_look_up_is_recorded_without_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its digest under the key of the log, so that one can ask who looked it up; without a key, not at all."""
    typed("lookup", NUMBER)
    monkeypatch.setenv("ROBOCALL_LOG_KEY", "a key of the tests")
    typed("lookup", NUMBER)
    typed("lookup", "trunk:nyc-ix-7")

    subjects = [one.subject for one in recorded()]

    assert subjects == ["number", f"number:{NumberDigest('a key of the tests')(NUMBER)}", "trunk:nyc-ix-7"]


def test_without_a_broker_a_change_happens_and_its_record_follows(
    store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_bootstrap: str
) -> None:
    """A block must be lifted whatever is away. The next command sends what waited."""
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    done = typed("lists", "add", "allow", NUMBER, "--json")

    assert (done.exit_code, done.stdout) == (0, '{"list":"allow","added":1,"size":1}\n')
    assert store.smembers(list_key("allow")) == {NUMBER.encode()}
    assert "the record of this command waits in" in done.stderr
    assert "no Kafka broker answers" in done.stderr
    assert len(Spool(tmp_path / "spool")) == 1
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "spool").iterdir()} == {0o600}

    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    again = typed("lists", "remove", "allow", NUMBER)

    assert "waits" not in again.stderr
    assert len(Spool(tmp_path / "spool")) == 0
    assert [one.history[0].what for one in recorded()] == ["list_added", "list_removed"]


def test_what_can_be_recorded_nowhere_is_done_and_said(
    store: "blocking.Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No broker, and a spool that is no folder."""
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    (tmp_path / "spool").write_text("in the way")

    done = typed("lists", "add", "allow", NUMBER)

    assert done.exit_code == 0
    assert store.smembers(list_key("allow")) == {NUMBER.encode()}
    assert "this command is not recorded: " in done.stderr


@pytest.mark.usefixtures("store")
def test_records_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_CASES_RECORD", "false")
    typed("lists", "add", "allow", NUMBER)
    assert recorded() == []
