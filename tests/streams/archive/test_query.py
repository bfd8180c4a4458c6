"""SQL over the archive: every record once, typed as the contract, nothing written and nothing else reached."""

import csv
import io
import json
import stat
import sys
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from streams.archive.files import ArchiveStore
from streams.archive.output import fetched, show
from streams.archive.query import _UNREACHABLE_EXTENSIONS, QueryRefused, ask, connected
from streams.archive.schema import SCHEMAS
from streams.archive.upkeep import compact
from streams.commands.archive import archive
from streams.contract_docs.examples import examples
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK, CASE_RECORDS
from tests.streams.archive.archive_case import DAY_MS, START_MS, encoded, files_in, put, setup


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    """Ten calls, five of which two sinks wrote, and one the next day."""
    made = ArchiveStore(str(tmp_path / "an archive's"))
    put(made, CALL_EVENTS, [encoded(setup(n, diversion=["+13035550100"])) for n in range(8)])
    put(made, CALL_EVENTS, [encoded(setup(n)) for n in range(3, 10)], first=3)
    put(made, CALL_EVENTS, [encoded(setup(10))], first=10, at_ms=START_MS + DAY_MS)
    return made


def query(store: ArchiveStore, *arguments: str) -> Result:
    return CliRunner().invoke(archive, ["query", *arguments], env={"ROBOCALL_ARCHIVE_URL": store.url})


def one(store: ArchiveStore, sql: str) -> object:
    with connected(store) as connection:
        (row,) = ask(connection, sql).fetchall()
    return row


def test_every_record_is_there_once(store: ArchiveStore) -> None:
    assert one(store, "SELECT count(*), count(DISTINCT call_id), sum(kafka_offset) FROM call_events") == (11, 11, 55)


def test_a_day_reads_its_own_files_only(store: ArchiveStore) -> None:
    """A file of another day is broken: a query of all days fails, one of the next day does not read it."""
    put(store, CALL_EVENTS, [encoded(setup(11))], first=11, at_ms=START_MS + 2 * DAY_MS)
    (broken,) = (file for file in store.files(CALL_EVENTS) if file.first == 11)
    Path(store.address(broken)).write_bytes(b"broken")
    assert one(store, "SELECT count(*) FROM call_events WHERE day = DATE '2026-05-29'") == (1,)
    with pytest.raises(QueryRefused, match="Parquet"):
        one(store, "SELECT count(call_id) FROM call_events")


def test_files_of_an_older_build_are_read_with_newer_ones(store: ArchiveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older one knew no `role`, and a field that was dropped since."""
    older = SCHEMAS[CALL_EVENTS]
    older = older.remove(older.get_field_index("role")).append(pa.field("dropped_since", pa.string()))
    with monkeypatch.context() as patch:
        patch.setitem(cast("dict[str, Any]", SCHEMAS), CALL_EVENTS, older)
        put(store, CALL_EVENTS, [encoded(setup(11, role="gateway"))], first=11, at_ms=START_MS + DAY_MS)
    put(store, CALL_EVENTS, [encoded(setup(12, role="gateway"))], first=12, at_ms=START_MS + DAY_MS)
    asked = "SELECT count(*), count(role), count(dropped_since) FROM call_events"
    assert one(store, asked) == (13, 1, 0)
    assert len(list(compact(store, CALL_EVENTS, "2026-06-30"))) == 2
    assert one(store, asked) == (13, 1, 0)


def test_labels_of_a_build_without_long_texts_are_read_with_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are, and compacted into one file."""
    store = ArchiveStore(str(tmp_path))
    labelled = next(example.value for example in examples() if example.name == "label")
    newer = SCHEMAS[CALL_DECISIONS]
    place, column = newer.get_field_index("label"), newer.field("label")
    older = newer.set(place, column.with_type(pa.struct([part for part in column.type if part.name != "long_text"])))
    with monkeypatch.context() as patch:
        patch.setitem(cast("dict[str, Any]", SCHEMAS), CALL_DECISIONS, older)
        put(store, CALL_DECISIONS, [labelled])
    put(store, CALL_DECISIONS, [labelled], first=1)
    asked = (
        "SELECT count(label.text), min(label.category), list(label.long_text ORDER BY kafka_offset) FROM call_decisions"
    )
    expected = (2, "automated_call", [None, "Possible automated call"])
    assert one(store, asked) == expected
    assert len(list(compact(store, CALL_DECISIONS, "2026-06-30"))) == 1
    assert one(store, asked) == expected


def test_a_file_that_went_meanwhile_is_one_line_that_says_so(store: ArchiveStore) -> None:
    with connected(store) as connection:
        for file in store.files(CALL_EVENTS):
            store.delete(file)
        with pytest.raises(QueryRefused, match="ask again"):
            ask(connection, "SELECT count(call_id) FROM call_events").fetchall()


def test_a_topic_without_files_has_its_columns(store: ArchiveStore) -> None:
    assert one(store, "SELECT count(features['number_attempts_1h']), max(reasons[1].code) FROM scored_calls") == (
        0,
        None,
    )


def test_the_files_can_be_asked_for(store: ArchiveStore) -> None:
    found = one(store, "SELECT count(*), count(*) FILTER (counts), max(last_offset) FROM archive_files")
    assert found == (3, 3, 10)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/out.csv'", "DROP VIEW call_events", "CREATE TABLE t AS SELECT 1",
        "SET enable_external_access = true", "SELECT 1; SELECT 2", "", "INSTALL httpfs", "LOAD httpfs",
        "ATTACH '{folder}/x.db'", "PRAGMA version",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'", "SELECT * FROM query('COPY (SELECT 1) TO ''{file}''')",
    ],
)  # fmt: skip
def test_whatever_is_no_single_question_is_refused(store: ArchiveStore, tmp_path: Path, sql: str) -> None:
    archived = Path(store.address(store.files(CALL_EVENTS)[0]))
    before, content = files_in(tmp_path), archived.read_bytes()
    with connected(store) as connection, pytest.raises(QueryRefused):
        ask(connection, sql.format(folder=tmp_path, file=str(archived).replace("'", "''")))
    assert files_in(tmp_path) == before
    assert archived.read_bytes() == content


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM read_text('/etc/hostname')", "SELECT * FROM '{folder}/secret.csv'",
     "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')", "SELECT * FROM sys", "SELECT nothing FROM call_events"],
)  # fmt: skip
def test_nothing_but_the_archive_is_reached(store: ArchiveStore, tmp_path: Path, sql: str) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    with connected(store) as connection, pytest.raises(QueryRefused) as refused:
        ask(connection, sql.format(folder=tmp_path)).fetchall()
    assert "\n" not in str(refused.value)


def test_what_does_not_fit_into_memory_waits_where_nobody_else_looks_and_goes(
    store: ArchiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not in `.tmp` of whatever folder somebody is in: there may be numbers in it, or no right to write."""
    bounded = {"memory_limit": "30MB", "threads": 1}
    monkeypatch.setattr("streams.archive.query._UNREACHABLE_EXTENSIONS", _UNREACHABLE_EXTENSIONS | bounded)
    (tmp_path / "there").mkdir(mode=0o500)
    monkeypatch.chdir(tmp_path / "there")
    with connected(store) as connection:
        ((spill,),) = ask(connection, "SELECT current_setting('temp_directory')").fetchall()
        cursor = ask(connection, "SELECT i, hash(i)::VARCHAR AS t FROM range(2000000) r(i) ORDER BY t")
        assert any(Path(spill).iterdir())
        assert stat.S_IMODE(Path(spill).stat().st_mode) == stat.S_IRWXU
        assert sum(1 for _ in fetched(cursor)) == 2_000_000
    assert not Path(spill).exists()
    assert not any((tmp_path / "there").iterdir())


def test_json_has_one_object_a_row(store: ArchiveStore) -> None:
    done = query(
        store, "--json", "SELECT call_id, day, diversion, privacy FROM call_events ORDER BY kafka_offset LIMIT 2"
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"call_id": f"call-{n}", "day": "2026-05-28", "diversion": ["+13035550100"], "privacy": None} for n in range(2)
    ]


def test_csv_is_what_a_pipe_gets(store: ArchiveStore) -> None:
    sql = "SELECT call_id, diversion, privacy FROM call_events ORDER BY kafka_offset LIMIT 1"
    expected = [["call_id", "diversion", "privacy"], ["call-0", '["+13035550100"]', ""]]
    for arguments in ([sql], ["--csv", sql]):
        assert list(csv.reader(io.StringIO(query(store, *arguments).stdout))) == expected


def test_no_cell_of_a_stranger_is_a_formula_or_moves_the_cursor(store: ArchiveStore) -> None:
    sql = "SELECT '=1+1' a, '@x' b, '+1+1' c, '-2' d, '+12025550100' e, '-1.5' f, -1.5 g, chr(27) || '[2J' h"
    (_, cells) = csv.reader(io.StringIO(query(store, "--csv", sql).stdout))
    assert cells[:-1] == ["'=1+1", "'@x", "'+1+1", "-2", "+12025550100", "-1.5", "-1.5"]
    with connected(store) as connection:
        out = io.StringIO()
        show(ask(connection, sql), Console(file=out, width=200, force_terminal=True, no_color=True))
    assert r"\x1b[2J" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


def test_without_duckdb_the_command_says_what_to_install(store: ArchiveStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(QueryRefused, match=r"pip install '\.\[archive\]'"), connected(store):
        pass


def test_an_archive_that_is_not_there_is_mentioned(tmp_path: Path) -> None:
    done = query(ArchiveStore(str(tmp_path / "typo")), "--csv", "SELECT count(*) AS n FROM call_feedback")
    assert done.stdout.split() == ["n", "0"]
    assert "is ROBOCALL_ARCHIVE_URL right?" in done.stderr


def test_feedback_has_its_own_view(store: ArchiveStore) -> None:
    put(store, CALL_FEEDBACK, [encoded({"time_ms": START_MS, "verdict": "robocall", "source": "honeypot"})])
    assert one(store, "SELECT verdict, source, day::VARCHAR FROM call_feedback") == (
        "robocall",
        "honeypot",
        "2026-05-28",
    )


def test_the_latest_version_of_each_case_is_one_question(store: ArchiveStore) -> None:
    """As docs/cases.md asks it; facts and history can be looked into."""
    entry = {"entry_id": "1", "time_ms": START_MS, "who": "M. Lee", "what": "opened"}
    case = {"case_id": "a", "kind": "redress", "state": "pending", "subject": None, "opened_ms": START_MS,
            "updated_ms": START_MS, "is_held": False, "details": {"decided": "block by model"},
            "history": [entry]}  # fmt: skip
    later = case | {"state": "granted", "history": [entry, entry | {"entry_id": "2", "what": "granted"}]}
    put(store, CASE_RECORDS, [encoded(case), encoded(case | {"case_id": "b"}), encoded(later)])
    sql = (
        "SELECT case_id, state, details['decided'], history[-1].what FROM case_records "
        "QUALIFY row_number() OVER (PARTITION BY case_id ORDER BY kafka_offset DESC) = 1 ORDER BY case_id"
    )
    with connected(store) as connection:
        assert ask(connection, sql).fetchall() == [
            ("a", "granted", "block by model", "granted"), ("b", "pending", "block by model", "opened"),
        ]  # fmt: skip
