"""`robocall snapshots` on a folder and on S3, beside a real group: it shows, judges, goes back only when told to."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata

from streams.commands.snapshots import snapshots
from streams.kafka.topics import CALL_EVENTS, identity
from streams.settings import Settings, load_settings
from streams.state.snapshot_store import SnapshotStore
from tests.faults.object_store import ObjectStore
from tests.histories.calls import short_log
from tests.streams.state.durability_case import PARTITIONS, Group, Member, Row
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

RECORDS = [
    Row(one.partition, one.offset, one.value)
    for one in short_log(90, partitions=PARTITIONS, seed=3)
]  # fmt: skip
HERE = [one for one in RECORDS if one.partition == 0]
EARLY, LATE = 20, 40


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the snapshots are."""
    if request.param == "folder":
        yield str(tmp_path / "snapshots")
        return
    store = ObjectStore()
    yield f"{store.url}/{tmp_path.name}"
    store.close()


@pytest.fixture
def place(
    url: str, kafka_bootstrap: str, kafka_admin: KafkaAdminClient, fresh_topics: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> Settings:  # fmt: skip
    """Settings of workers that wrote a snapshot of partition 0 at `EARLY` and one at `LATE`, which is committed."""
    fresh_topics(partitions=PARTITIONS)
    for name, value in (("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap), ("SNAPSHOT_URL", url), ("PARTITIONS", "2")):
        monkeypatch.setenv(f"ROBOCALL_{name}", value)
    settings = load_settings()
    log = identity(settings, CALL_EVENTS)
    asyncio.run(written(settings, log, tmp_path))
    commit(kafka_admin, settings, log, LATE)
    return settings


async def written(settings: Settings, log: str, folder: Path) -> None:
    group = Group()
    member = Member(settings, folder / "unused", group, SnapshotStore(settings.snapshot_url))
    member.recovery.identity = log
    member.recovery.ready.add(0)
    for start, stop in ((0, EARLY), (EARLY, LATE)):
        member.decide(HERE[start:stop])
        group.committed[0] = stop
        await member.snapshots.hand_over()
    assert member.snapshots.taken.published == 2


def commit(admin: KafkaAdminClient, settings: Settings, log: str, offset: int) -> None:
    topic_id = log.removeprefix(f"{CALL_EVENTS}.")
    place = {TopicPartition(CALL_EVENTS, 0): OffsetAndMetadata(offset, f"{topic_id} 0", -1)}
    wait_until(lambda: not any(taken(admin, settings, place)), "the group has an offset")


def taken(admin: KafkaAdminClient, settings: Settings, place: dict[Any, Any]) -> list[bool]:
    try:
        answers = admin.alter_group_offsets(settings.consumer_group, place)
    except Exception:  # noqa: BLE001 - a fresh broker makes its offsets topic first
        return [True]
    return [getattr(error, "errno", 0) != 0 for error in answers.values()]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(snapshots, arguments)


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return found


@pytest.mark.usefixtures("place")
def test_what_is_there_is_listed_shown_and_found_to_be_usable() -> None:
    newest, oldest = listed()
    assert (newest["offset"], oldest["offset"], newest["partition"]) == (LATE, EARLY, 0)
    assert newest["is_signed"] is False
    assert newest["size_bytes"] > 100
    assert str(LATE) in run("list", "--partition", "0").stdout
    assert json.loads(run("list", "--partition", "1", "--json").stdout) == []

    shown = json.loads(run("show", newest["name"], "--json").stdout)
    assert sum(family["keys"] for family in shown["families"].values()) > 3
    assert shown["trunk_groups"] == 3
    assert "newest event" in run("show", newest["name"]).stdout

    verified = run("verify", "--json")
    assert verified.exit_code == 0, verified.output
    assert [one["state"] for one in json.loads(verified.stdout)["snapshots"]] == ["ok", "ok"]


def test_damage_is_named(place: Settings) -> None:
    if place.snapshot_url.startswith("s3://"):
        pytest.skip("a file in a folder is damaged more easily")
    path = Path(place.snapshot_url) / listed()[0]["name"]
    path.write_bytes(path.read_bytes()[:-5])

    verified = run("verify")

    assert verified.exit_code == 1
    damaged, sound = verified.stdout.splitlines()
    assert damaged.startswith("bad: ")
    assert "checksum is wrong" in damaged
    assert sound.startswith("ok: ")
    refused = run("show", path.name)
    assert refused.exit_code == 1
    assert "checksum is wrong" in str(refused.exception)


def test_one_ahead_of_the_group_is_no_use_and_not_restored(place: Settings, kafka_admin: KafkaAdminClient) -> None:
    commit(kafka_admin, place, identity(place, CALL_EVENTS), EARLY)
    ahead = listed()[0]["name"]

    assert "ahead of the group" in run("verify").stdout
    refused = run("restore", ahead, "--yes")

    assert refused.exit_code == 1
    assert "ahead of the group" in str(refused.exception)
    assert len(listed()) == 2


def test_what_nobody_uses_is_said_and_is_no_failure(
    place: Settings, fresh_topics: Callable[..., list[str]], kafka_admin: KafkaAdminClient
) -> None:
    """The topic was made again."""
    fresh_topics(partitions=PARTITIONS)
    commit(kafka_admin, place, identity(place, CALL_EVENTS), 0)

    verified = run("verify")

    assert verified.exit_code == 0, verified.output
    assert all(line.startswith("unused: ") for line in verified.stdout.splitlines())
    assert "no worker would use" in str(run("restore", listed()[1]["name"], "--yes").exception)


@pytest.mark.usefixtures("place")
def test_an_older_one_is_put_in_force_when_that_is_wanted() -> None:
    newest, oldest = (one["name"] for one in listed())

    tried = run("restore", oldest, "--dry-run", "--json")
    assert json.loads(tried.stdout)["deleted"] == [newest]
    assert f"{LATE - EARLY} records are counted again" in tried.stderr
    assert CliRunner().invoke(snapshots, ["restore", oldest], input="n\n").exit_code == 1
    assert len(listed()) == 2

    assert run("restore", oldest, "--yes").exit_code == 0
    assert [one["name"] for one in listed()] == [oldest]
    assert "there is no snapshot" in str(run("restore", newest, "--yes").exception)
