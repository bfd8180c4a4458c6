"""`robocall replay`: reproducible to the byte, tolerant of bad lines, the same through gzip, zstandard and a pipe."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from detector.features.table import FEATURE_NAMES, FEATURE_SCHEMA_ID, OF_TRUNK_GROUPS
from detector.features.window_constants import DAY_MS
from models.serve.weighing import with_group_weight
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from models.traffic.span import DEFAULT_START_MS
from streams.commands.replay import batches_of, replay
from streams.errors import ReplayFailed
from streams.screening.pipeline import MAX_BATCH

BAD_LINES = [b'{"type":"call_setup"', b"", b"[]"]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few thousand generated events with three bad lines among them."""
    lines = [line.encode() for block in generate(TrafficSpec(hours=0.1, seed=3)) for line in block.json_lines()]
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    path.write_bytes(b"\n".join(lines[:500] + BAD_LINES + lines[500:]) + b"\n")
    return path


def run(model: Path, *arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(replay, [*map(str, arguments), "--model", str(model)], catch_exceptions=False)


@given(st.lists(st.sampled_from([b"{}", b"", b"\n", b"\r\n", b"x\r", b"\n" * 5_000, b"y" * 40]), max_size=40))
def test_lines_are_those_of_a_file_however_it_is_read(pieces: list[bytes]) -> None:
    text = b"".join(pieces)

    batches = list(batches_of(io.BufferedReader(Trickle(text))))

    assert [line for batch in batches for line in batch] == [line.rstrip(b"\r\n") for line in io.BytesIO(text)]
    assert all(len(batch) == MAX_BATCH for batch in batches[:-1])
    assert all(batches)


class Trickle(io.RawIOBase):
    """A file that gives few bytes at a time, as a pipe does."""

    def __init__(self, text: bytes) -> None:
        self._source = io.BytesIO(text)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        return self._source.readinto(view[: min(len(view), 333)])


def test_two_runs_are_byte_identical_with_one_decision_a_setup_in_input_order(
    model: Path, events: Path, tmp_path: Path
) -> None:
    """Bad lines are counted and do not change the exit status; `decided_time_ms` is the event's own time."""
    first = run(model, events, "--decisions", tmp_path / "1.jsonl", "--features", tmp_path / "f.parquet")
    run(model, events, "--decisions", tmp_path / "2.jsonl")

    assert first.exit_code == 0
    assert "3 bad lines" in first.stderr
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    asked = [json.loads(line) for line in events.read_bytes().splitlines() if b'"type":"call_setup",' in line]
    answers = [json.loads(line) for line in (tmp_path / "1.jsonl").read_bytes().splitlines()]
    assert [a["call_id"] for a in answers] == [event["call_id"] for event in asked]
    assert all(a["decided_time_ms"] == a["setup_time_ms"] for a in answers)
    table = pq.read_table(tmp_path / "f.parquet")
    assert table["call_id"].to_pylist() == [a["call_id"] for a in answers]
    assert table.column_names[3:] == [*FEATURE_NAMES, "margin", "group_score"]
    assert table.schema.metadata[b"feature_schema"].decode() == FEATURE_SCHEMA_ID
    assert table.schema.metadata[b"counted_in"] == b"1"
    assert table.schema.metadata[b"assigned_codes"] == b""


def test_margins_stand_beside_the_features_and_do_not_depend_on_batches(
    model: Path, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a weight the group score is the margin; with one it differs for calls that have neighbours."""
    grouped = tmp_path / "grouped"
    with_group_weight(model, grouped, 0.5, schema_id=FEATURE_SCHEMA_ID)
    found = {}
    for name, one, size in (("plain", model, MAX_BATCH), ("whole", grouped, MAX_BATCH), ("small", grouped, 7)):
        monkeypatch.setattr("streams.commands.replay.MAX_BATCH", size)
        path = tmp_path / f"{name}.parquet"
        run(one, events, "--decisions", tmp_path / name, "--features", path, "--partitions", 3)
        found[name] = pq.read_table(path)

    plain = found["plain"]
    assert plain.column("margin").equals(plain.column("group_score"))
    scores = [json.loads(line)["score"] for line in (tmp_path / "plain").read_bytes().splitlines()]
    assert [one is None for one in plain.column("margin").to_pylist()] == [score is None for score in scores]
    assert found["whole"].column("margin").equals(plain.column("margin"))
    assert not found["whole"].column("group_score").equals(plain.column("margin"))
    assert found["small"].equals(found["whole"])
    assert (tmp_path / "small").read_bytes() == (tmp_path / "whole").read_bytes()


def test_packed_files_and_standard_input_give_the_same_decisions(model: Path, events: Path, tmp_path: Path) -> None:
    """.gz, .zst and `-`."""
    raw = events.read_bytes()
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "e.jsonl.zst").write_bytes(zstandard.compress(raw))
    run(model, events, "--decisions", tmp_path / "plain.jsonl")
    run(model, tmp_path / "e.jsonl.gz", "--decisions", tmp_path / "gz.jsonl")
    run(model, tmp_path / "e.jsonl.zst", "--decisions", tmp_path / "zst.jsonl")
    piped = subprocess.run(
        [sys.executable, "-m", "streams.commands.main", "replay", "-", "--decisions", "-", "--model", str(model)],
        input=raw,
        capture_output=True,
        check=True,
    )

    expected = (tmp_path / "plain.jsonl").read_bytes()
    assert (tmp_path / "gz.jsonl").read_bytes() == expected
    assert (tmp_path / "zst.jsonl").read_bytes() == expected
    assert piped.stdout == expected


def test_strict_fails_after_the_work_and_dead_letters_say_which_lines(
    model: Path, events: Path, tmp_path: Path
) -> None:
    """The offset of a dead letter is the line's number, from 0."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.commands.main", "replay", str(events), "--decisions", str(tmp_path / "d.jsonl"),
         "--dead-letters", str(tmp_path / "dead.jsonl"), "--strict", "--model", str(model)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("robocall: 3 bad lines")
    letters = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_bytes().splitlines()]
    assert [(letter["offset"], letter["code"]) for letter in letters] == [
        (500, "invalid_json"),
        (501, "empty"),
        (502, "not_an_object"),
    ]


def test_partitions_split_numbers_but_not_trunks(model: Path, events: Path, tmp_path: Path) -> None:
    """A number's calls share a partition, and trunk totals are exact: both feature families stay as they are."""
    run(model, events, "--decisions", tmp_path / "1.jsonl", "--features", tmp_path / "1.parquet")
    run(model, events, "--decisions", tmp_path / "4.jsonl", "--features", tmp_path / "4.parquet", "--partitions", 4)

    one, four = pq.read_table(tmp_path / "1.parquet"), pq.read_table(tmp_path / "4.parquet")
    for name in FEATURE_NAMES:
        if name.startswith(("number_attempts", "trunk_attempts")):
            assert one[name].to_pylist() == four[name].to_pylist(), name


@pytest.mark.parametrize("partitions", [1, 12])
def test_nothing_is_seen_of_the_future(model: Path, events: Path, tmp_path: Path, partitions: int) -> None:
    """Features and decisions of the first half of a file are the same bit for bit when there is no second half.

    The half ends within a batch, and what a trunk group carried is among what is compared.
    """
    lines = events.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    assert half % MAX_BATCH
    (tmp_path / "half.jsonl").write_bytes(b"".join(lines[:half]))
    for source, name in ((events, "whole"), (tmp_path / "half.jsonl", "half")):
        outputs = ("--decisions", tmp_path / f"{name}.decisions", "--features", tmp_path / f"{name}.parquet")
        run(model, source, *outputs, "--partitions", partitions)

    whole, early = pq.read_table(tmp_path / "whole.parquet"), pq.read_table(tmp_path / "half.parquet")
    assert 0 < len(early) < len(whole)
    assert early.schema.metadata[b"counted_in"] == str(partitions).encode()
    assert early.equals(whole.slice(length=len(early)))
    assert max(len(early[name].unique()) for name in OF_TRUNK_GROUPS) > 1
    assert (tmp_path / "whole.decisions").read_bytes().startswith((tmp_path / "half.decisions").read_bytes())


@pytest.mark.parametrize("option", ["--decisions", "--features", "--dead-letters"])
@pytest.mark.parametrize("kind", ["same", "relative", "symlink", "hard link"])
def test_an_output_that_is_the_input_is_refused_and_the_input_stays(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, kind: str
) -> None:
    """By whatever path it is named."""
    source = tmp_path / "a.jsonl"
    source.write_bytes(b"{}\n")
    monkeypatch.chdir(tmp_path)
    target = {"same": source, "relative": Path("x/../a.jsonl")}.get(kind, tmp_path / "link")
    (tmp_path / "x").mkdir()
    if kind == "symlink":
        target.symlink_to(source)
    if kind == "hard link":
        target.hardlink_to(source)
    others = [] if option == "--decisions" else ["--decisions", tmp_path / "d.jsonl"]

    done = run(model, source, option, target, *others)

    assert done.exit_code == 2
    assert option in done.stderr
    assert "EVENTS" in done.stderr
    assert source.read_bytes() == b"{}\n"
    assert not (tmp_path / "d.jsonl").exists()


def test_two_outputs_to_one_file_and_an_output_over_the_policy_are_refused(
    model: Path, events: Path, tmp_path: Path
) -> None:
    """Neither is opened; /dev/null takes both."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("mode: shadow\n")

    twice = run(model, events, "--decisions", tmp_path / "o", "--dead-letters", tmp_path / "o")
    over = run(model, events, "--decisions", policy, "--policy", policy)
    nowhere = run(model, events, "--decisions", "/dev/null", "--dead-letters", "/dev/null")

    assert (twice.exit_code, over.exit_code, nowhere.exit_code) == (2, 2, 0)
    assert not (tmp_path / "o").exists()
    assert policy.read_text() == "mode: shadow\n"


def _damage(how: str, raw: bytes) -> bytes:
    packed, frames = gzip.compress(raw), zstandard.compress(raw)
    middle = len(packed) // 2
    return {
        "cut.gz": packed[:middle],
        "corrupt.gz": packed[:middle] + b"\xff" * 64 + packed[middle + 64 :],
        "plain.gz": raw,
        "cut.zst": frames[: len(frames) // 2],
        "short.zst": frames[:-1],
        "second_cut.zst": frames + frames[:100],
        "empty.zst": b"",
        "garbage.zst": b"no zstandard at all\n",
    }[how]


@pytest.mark.parametrize(
    "how",
    [
        "cut.gz",
        "corrupt.gz",
        "plain.gz",
        "cut.zst",
        "short.zst",
        "second_cut.zst",
        "empty.zst",
        "garbage.zst",
    ],
)
def test_a_damaged_file_fails_with_its_name(model: Path, events: Path, tmp_path: Path, how: str) -> None:
    """However it is damaged; what could be read before is decided."""
    path = tmp_path / how
    path.write_bytes(_damage(how, events.read_bytes()))

    with pytest.raises(ReplayFailed) as failed:
        run(model, path, "--decisions", tmp_path / "d.jsonl")

    assert str(failed.value) == f"{path} is damaged or truncated"


def test_all_parts_of_a_joined_file_are_read(model: Path, events: Path, tmp_path: Path) -> None:
    """`cat a.zst b.zst` is a file of two frames, as gzip's of two members."""
    first, second = events.read_bytes()[:100_000], events.read_bytes()[100_000:]
    (tmp_path / "e.jsonl.zst").write_bytes(zstandard.compress(first) + zstandard.compress(second))
    run(model, events, "--decisions", tmp_path / "plain.jsonl")
    run(model, tmp_path / "e.jsonl.zst", "--decisions", tmp_path / "zst.jsonl")

    assert (tmp_path / "zst.jsonl").read_bytes() == (tmp_path / "plain.jsonl").read_bytes()


def test_decisions_are_packed_when_the_name_says_so(model: Path, events: Path, tmp_path: Path) -> None:
    """A file called .gz is one."""
    run(model, events, "--decisions", tmp_path / "d.jsonl")
    run(model, events, "--decisions", tmp_path / "d.jsonl.gz")

    assert gzip.decompress((tmp_path / "d.jsonl.gz").read_bytes()) == (tmp_path / "d.jsonl").read_bytes()


def test_a_missing_file_is_wrong_usage_and_partitions_have_the_bound_of_the_settings(
    model: Path, tmp_path: Path
) -> None:
    """Exit status 2 before anything is written."""
    missing = run(model, tmp_path / "none.jsonl", "--decisions", tmp_path / "d")
    many = run(model, "-", "--decisions", tmp_path / "d", "--partitions", 1_025)

    assert (missing.exit_code, many.exit_code) == (2, 2)
    assert "none.jsonl" in missing.stderr
    assert "--partitions" in many.stderr
    assert not (tmp_path / "d").exists()


def test_help_says_where_the_defaults_come_from_and_that_lists_are_empty() -> None:
    """The settings of the environment hold in a replay too."""
    text = " ".join(CliRunner().invoke(replay, ["--help"]).output.split())

    for name in ("ROBOCALL_MODEL_DIR", "ROBOCALL_POLICY_FILE", "ROBOCALL_MODE,"):
        assert name in text
    assert "lists are empty" in text


def test_off_a_terminal_standard_error_has_no_empty_line(model: Path, events: Path, tmp_path: Path) -> None:
    """Progress is for people who watch."""
    done = run(model, events, "--decisions", tmp_path / "d.jsonl")

    assert all(line.strip() for line in done.stderr.splitlines())


def test_a_file_without_a_single_event_fails(model: Path, tmp_path: Path) -> None:
    """Somebody named the wrong file. One event among bad lines is enough, and so is an empty file."""
    wrong, empty = tmp_path / "labels.csv", tmp_path / "empty"
    wrong.write_text("call_id,label\na,robocall\n", encoding="utf-8")
    empty.write_bytes(b"")

    with pytest.raises(ReplayFailed, match=f"no line of {wrong} is an event"):
        run(model, wrong, "--decisions", tmp_path / "out")

    assert run(model, empty, "--decisions", tmp_path / "out").exit_code == 0


def test_a_replay_names_campaigns_of_a_file_alone(model: Path, tmp_path: Path) -> None:
    """Impossible numbers are blocked; what is named is only their last reason."""
    calls = [
        {
            "type": "call_setup", "call_id": f"call-{number}", "setup_time_ms": 1_760_000_000_000 + number,
            "calling_number": f"+10005550{number:03d}", "called_number": "+13125550188", "trunk_group_id": "t-1",
        }
        for number in range(9)
    ]  # fmt: skip
    events, decided, named, known = (tmp_path / name for name in ("events", "decided", "named", "known"))
    events.write_text("\n".join(map(json.dumps, calls)))
    cell = {"trunk_group_id": "t-1", "signer_spc": "", "origid": "", "caller": "invalid", "number": "", "sign": None}
    known.write_text(json.dumps({"id": "c1", "merged_into": None, "cells": [cell]}))

    run(model, events, "--decisions", decided)
    run(model, events, "--decisions", named, "--campaigns", known)

    before, after = ([json.loads(line) for line in path.read_text().splitlines()] for path in (decided, named))
    for one in before:
        one["reasons"].append({"code": "campaign", "text": "campaign c1", "value": None, "threshold": None})
    assert after == before


def test_events_that_go_back_in_time_are_told_once_and_replayed(model: Path, tmp_path: Path) -> None:
    """A file that follows a later one, as where two days are given the wrong way round."""
    days = [
        [line for block in generate(TrafficSpec(hours=0.02, seed=3, start_ms=start_ms)) for line in block.json_lines()]
        for start_ms in (DEFAULT_START_MS + DAY_MS, DEFAULT_START_MS)
    ]
    later, earlier = ("".join(f"{line}\n" for line in day) for day in days)
    (tmp_path / "right.jsonl").write_text(earlier + later)
    (tmp_path / "wrong.jsonl").write_text(later + earlier)

    right, wrong = (
        run(model, tmp_path / f"{name}.jsonl", "--decisions", tmp_path / "decisions.jsonl")
        for name in ("right", "wrong")
    )

    assert (right.exit_code, wrong.exit_code) == (0, 0)
    assert "in order of time" not in right.stderr
    assert wrong.stderr.count("give events in order of time") == 1
    assert f"{len(days[1]):,} events are more than 1 h older than one before them" in wrong.stderr
