"""Out of the archive again: what replay takes, in the order in which it came, digested or not."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from detector.contract.decisions import Action, Decision, Mode, Reason, Step
from detector.features.table import FEATURE_NAMES
from detector.numbers.do_not_originate import DnoEntry
from detector.policy.reasons import IMPOSSIBLE_NUMBER, dno_listed
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.archive.export import Span, events, parts_of
from streams.archive.files import ArchiveFile, ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.schema import OFFSET, PARTITION, SCHEMAS, TIMESTAMP, schema_id
from streams.commands.archive import archive
from streams.commands.replay import replay
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK
from streams.wire.records import encode
from tests.streams.archive.archive_case import DAY_MS, HOUR_MS, SECRET, START_MS, encoded, put, setup

FILE_EVENTS = 700
ALWAYS = Span(0, 4_000_000_000_000)


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


@pytest.fixture(scope="module")
def traffic() -> list[bytes]:
    """Generated calls with everything that the generator writes."""
    spec = TrafficSpec(hours=0.1, seed=3)
    return [line.encode() for block in generate(spec) for line in block.json_lines()]


def archived(store: ArchiveStore, lines: list[bytes], key: NumberKey | None = None) -> None:
    for first in range(0, len(lines), FILE_EVENTS):
        put(store, CALL_EVENTS, lines[first : first + FILE_EVENTS], first=first, key=key)


def replayed(lines: Path, folder: Path, model: Path) -> tuple[list[bytes], dict[str, NDArray[np.float32]]]:
    """Decisions, and the columns of the features, of a replay in one partition."""
    decisions, features = folder / f"{lines.name}.decisions", folder / f"{lines.name}.parquet"
    arguments = [str(lines), "--decisions", str(decisions), "--features", str(features), "--model", str(model)]
    assert CliRunner().invoke(replay, arguments, catch_exceptions=False).exit_code == 0
    table = pq.read_table(features)
    return decisions.read_bytes().splitlines(), {name: table.column(name).to_numpy() for name in FEATURE_NAMES}


def export(store: ArchiveStore, *arguments: object) -> str:
    done = CliRunner().invoke(
        archive, ["export", *map(str, arguments)], env={"ROBOCALL_ARCHIVE_URL": store.url}, catch_exceptions=False
    )
    assert done.exit_code == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_a_replay_of_the_export_decides_as_one_of_the_original(
    store: ArchiveStore, traffic: list[bytes], model: Path, tmp_path: Path
) -> None:
    """To the byte, through the packed file that the command writes."""
    archived(store, traffic)
    (tmp_path / "original.jsonl").write_bytes(b"\n".join(traffic) + b"\n")
    assert f"{len(traffic):,} events" in export(store, "--out", tmp_path / "exported.jsonl.gz")
    original, _ = replayed(tmp_path / "original.jsonl", tmp_path, model)
    exported, _ = replayed(tmp_path / "exported.jsonl.gz", tmp_path, model)
    assert exported == original


@pytest.mark.slow
def test_digested_numbers_keep_every_feature_but_two_kinds(
    store: ArchiveStore, traffic: list[bytes], model: Path, tmp_path: Path
) -> None:
    """Dialling in sequence is lost with the last digits; counts of different numbers are estimates from their hashes.

    Those estimates are as good, and right on average, but not the same ones. Everything else is the same bit for bit.
    """
    archived(store, traffic, NumberKey(SECRET))
    (tmp_path / "original.jsonl").write_bytes(b"\n".join(traffic) + b"\n")
    export(store, "--out", tmp_path / "digested.jsonl")
    _, original = replayed(tmp_path / "original.jsonl", tmp_path, model)
    _, digested = replayed(tmp_path / "digested.jsonl", tmp_path, model)
    estimates = {name for name in FEATURE_NAMES if "_distinct_" in name or "_calls_per_number_" in name}
    sequences = {name for name in FEATURE_NAMES if "_sequential_" in name}
    changed = {name for name in FEATURE_NAMES if not np.array_equal(original[name], digested[name])}
    assert changed <= estimates | sequences
    for name in estimates:
        assert np.mean(digested[name]) == pytest.approx(np.mean(original[name]), rel=0.25, abs=0.05), name
    assert np.mean(digested["number_sequential_ratio_24h"]) < np.mean(original["number_sequential_ratio_24h"])


def test_partitions_are_merged_by_arrival_and_each_keeps_its_order(store: ArchiveStore) -> None:
    """Partition 0 has calls of second 0, 1, 2 and partition 1 of half a second later; one clock went back."""
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in (0, 1, 2)], partition=0, at_ms=START_MS)
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in (10, 11, 12)], partition=1, at_ms=START_MS + 500)
    put(store, CALL_EVENTS, [encoded(setup(13))], partition=1, first=3, at_ms=START_MS - 5_000)
    found = [json.loads(event)["call_id"] for event in events(store, parts_of(store, ALWAYS), ALWAYS)]
    assert found == [f"call-{n}" for n in (0, 10, 1, 11, 2, 12, 13)]


def test_only_what_arrived_in_the_span_is_exported(store: ArchiveStore, tmp_path: Path) -> None:
    """Four hourly calls, 20:26:40 to 23:26:40, and one the next day."""
    for hour in range(4):
        put(store, CALL_EVENTS, [encoded(setup(hour))], first=hour, at_ms=START_MS + hour * HOUR_MS)
    put(store, CALL_EVENTS, [encoded(setup(9))], first=4, at_ms=START_MS + DAY_MS)
    out = tmp_path / "calls.jsonl"
    export(store, "--from", "2026-05-28T21:26:40", "--to", "2026-05-28T23:26:40", "--out", out)
    assert [json.loads(line)["call_id"] for line in out.read_text().splitlines()] == ["call-1", "call-2"]
    export(store, "--from", "2026-05-29", "--out", out)
    assert [json.loads(line)["call_id"] for line in out.read_text().splitlines()] == ["call-9"]


def verdict(minutes: int, says: str, **more: Any) -> bytes:
    time_ms = START_MS + minutes * 60_000
    return encoded({"time_ms": time_ms, "verdict": says, "source": "analyst", **more})


def decision(number: int, decided_by: str, reason: Reason | None) -> bytes:
    """What was decided on a call of `setup`, in shadow mode."""
    call = setup(number)
    return encode(
        Decision(
            call["call_id"], "ab", Action.ALLOW, Mode.SHADOW, None, Step(decided_by), None, None,
            () if reason is None else (reason,), None, call["calling_number"], call["called_number"], "nyc-ix-7", None,
            call["setup_time_ms"], call["setup_time_ms"] + 1, "m", "p", "f",
        )
    )  # fmt: skip


@pytest.mark.parametrize("key", [None, NumberKey(SECRET)])
def test_labels_join_by_call_or_by_number_and_time(store: ArchiveStore, tmp_path: Path, key: NumberKey | None) -> None:
    """Worked out by hand.

    call-1: robocall, then legitimate: of one source the latest counts. call-2: a verdict on its number ten minutes
    later. call-3: the verdict on its number came before it. call-4: the call's own verdict counts before the later one
    on its number. call-5: the verdict on its number came 25 hours later, and one reaches 24 hours back.
    """
    numbers = {n: f"+1202555{n:04}" for n in range(6)}
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(6)], key=key)
    said = [
        verdict(1, "robocall", call_id="call-1", campaign="c"),
        verdict(5, "legitimate", call_id="call-1"),
        verdict(10, "robocall", calling_number=numbers[2], campaign="warranty", kind="flood"),
        verdict(0, "robocall", calling_number=numbers[3]),
        verdict(1, "legitimate", call_id="call-4"),
        verdict(9, "robocall", calling_number=numbers[4]),
        verdict(25 * 60, "robocall", calling_number=numbers[5]),
    ]
    put(store, CALL_FEEDBACK, said, key=key)
    assert "3 labelled calls" in export(store, "--out", tmp_path / "c.jsonl", "--labels", tmp_path / "labels.csv.gz")
    labels = list(csv.reader(io.StringIO(gzip.decompress((tmp_path / "labels.csv.gz").read_bytes()).decode())))
    assert labels == [
        ["call_id", "label", "campaign", "kind", "source", "weight"],
        ["call-1", "legitimate", "", "", "analyst", "1.0"],
        ["call-2", "robocall", "warranty", "flood", "analyst", "0.7"],
        ["call-4", "legitimate", "", "", "analyst", "1.0"],
    ]


@pytest.mark.parametrize(
    ("before", "labels"),
    [
        ("2026-05-28T20:36:40", [["call-1", "robocall"]]),
        ("2026-05-28T20:36:40.001", [["call-1", "legitimate"], ["call-2", "robocall"]]),
        ("2026-05-29", [["call-1", "legitimate"], ["call-2", "legitimate"]]),
    ],
)
def test_labels_are_those_that_were_known_at_an_instant(
    store: ArchiveStore, tmp_path: Path, before: str, labels: list[list[str]]
) -> None:
    """Worked out by hand; START_MS is 20:26:40, and an instant is not before itself.

    call-1: robocall a minute after, legitimate ten minutes after. call-2: of its number, robocall ten minutes after
    and legitimate eleven minutes after.
    """
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in (1, 2)])
    said = [
        verdict(1, "robocall", call_id="call-1"),
        verdict(10, "legitimate", call_id="call-1"),
        verdict(10, "robocall", calling_number="+12025550002"),
        verdict(11, "legitimate", calling_number="+12025550002"),
    ]
    put(store, CALL_FEEDBACK, said)
    export(store, "--out", tmp_path / "c.jsonl", "--labels", tmp_path / "labels.csv", "--verdicts-before", before)
    found = list(csv.reader((tmp_path / "labels.csv").read_text().splitlines()))
    assert [row[:2] for row in found[1:]] == labels


@pytest.mark.parametrize("key", [None, NumberKey(SECRET)])
def test_who_called_me_traps_and_rules_are_labels_too(
    store: ArchiveStore, tmp_path: Path, key: NumberKey | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worked out by hand, with numbers as they are and digested.

    call-1: the subscriber was called a minute after START_MS, and it is the nearest; 0.35. call-2: to a trap, 0.9.
    call-3: a do-not-originate hit, 0.3. call-4: an impossible number, 0.15. call-5: allowed, which says nothing.
    """
    if key is not None:
        monkeypatch.setenv("ROBOCALL_ARCHIVE_NUMBER_KEY", SECRET)
    lines = {1: "+13125550142", 2: "+13125550199"}
    calls = [setup(n, called_number=lines.get(n, "+13035550142")) for n in range(1, 6)]
    put(store, CALL_EVENTS, [encoded(call) for call in calls], key=key)
    told = verdict(99, "robocall", source="subscriber_report", called_number=lines[1], call_time_ms=START_MS + 60_000)
    put(store, CALL_FEEDBACK, [told], key=key)
    hits = {3: dno_listed(DnoEntry("202555")), 4: IMPOSSIBLE_NUMBER}
    decided = [decision(n, "dno", reason) for n, reason in hits.items()] + [decision(5, "allow", None)]
    put(store, CALL_DECISIONS, decided, key=key)
    (tmp_path / "traps.txt").write_text(f"{lines[2]}  # of the lab\n")
    labels = tmp_path / "labels.csv"

    options = ("--labels", labels, "--traps", tmp_path / "traps.txt", "--rule-hits")
    said = export(store, "--out", tmp_path / "c.jsonl", *options)

    assert "4 labelled calls" in said
    assert "0 of 1 verdicts are about no call" in said
    assert list(csv.reader(labels.read_text().splitlines()))[1:] == [
        ["call-1", "robocall", "", "", "subscriber_report", "0.35"],
        ["call-2", "robocall", "", "", "honeypot", "0.9"],
        ["call-3", "robocall", "", "", "do_not_originate", "0.3"],
        ["call-4", "robocall", "", "", "invalid_number", "0.15"],
    ]


def test_files_of_before_the_called_side_was_told_are_joined_as_they_are(store: ArchiveStore, tmp_path: Path) -> None:
    """Their columns are fewer; those of today stand beside them."""
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in (1, 2)])
    put(store, CALL_FEEDBACK, [verdict(5, "robocall", call_id="call-2")], first=1)
    fewer = [column for column in SCHEMAS[CALL_FEEDBACK] if column.name not in {"called_number", "call_time_ms"}]
    row = json.loads(verdict(5, "robocall", call_id="call-1")) | {OFFSET: 0, PARTITION: 0, TIMESTAMP: START_MS}
    file = ArchiveFile(CALL_FEEDBACK, 0, 0, 0, "2026-05-28", schema_id(pa.schema(fewer)))
    with store.create(file, pa.schema(fewer)) as writer:
        writer.write_table(pa.Table.from_pylist([row], schema=pa.schema(fewer)))

    assert "2 labelled calls" in export(store, "--out", tmp_path / "c.jsonl", "--labels", tmp_path / "l.csv")


def test_an_empty_span_is_wrong_usage(store: ArchiveStore) -> None:
    done = CliRunner().invoke(archive, ["export", "--from", "2026-05-29", "--to", "2026-05-29", "--out", "-"])
    assert done.exit_code == 2
    assert store.files(CALL_EVENTS) == []
