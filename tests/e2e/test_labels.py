"""From a subscriber who asks who called to a label: the command, Kafka, the sink of the archive, the export."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.data.label_files import read_labels
from models.traffic.truth import Truth
from streams.archive.settings import ArchiveSettings
from streams.archive.sink import Sink, Tally
from streams.commands.main import robocall
from streams.settings import load_settings
from tests.integration.events_case import produce
from tests.streams.archive.archive_case import encoded, setup
from tests.waiting import HANG_S

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ALICE = "+13125550142"


def test_who_called_me_becomes_a_label(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice was called at 21:26:40, an hour after others, and again at 21:33:40. She remembers the first to a minute.

    Of the other calls nobody says anything. An analyst says of call-0, by its id, that it was lawful.
    """
    fresh_topics(2)
    for name, value in {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "ROBOCALL_ARCHIVE_URL": str(tmp_path / "archive"),
        "ROBOCALL_ARCHIVE_CONSUMER_GROUP": f"archive-{tmp_path.name}",
    }.items():
        monkeypatch.setenv(name, value)
    calls = [setup(0), setup(1), setup(3_600, called_number=ALICE), setup(4_020, called_number=ALICE)]
    produce(kafka_bootstrap, [encoded(call) for call in calls])

    run = CliRunner().invoke
    asked = ["--called", "(312) 555-0142", "--at", "2026-05-28T21:27", "--source", "subscriber_report"]
    assert run(robocall, ["feedback", "add", "robocall", *asked]).exit_code == 0
    assert run(robocall, ["feedback", "add", "legitimate", "--call-id", "call-0"]).exit_code == 0
    asyncio.run(archived(len(calls) + 2))
    files = ["--out", str(tmp_path / "calls.jsonl"), "--labels", str(tmp_path / "labels.csv")]
    exported = run(robocall, ["archive", "export", *files], catch_exceptions=False)

    assert "4 events, 2 labelled calls" in exported.stderr
    assert "0 of 2 verdicts are about no call" in exported.stderr
    assert read_labels(tmp_path / "labels.csv") == {
        "call-0": Truth(False, "", "unknown", "analyst", 1.0),
        "call-3600": Truth(True, "", "unknown", "subscriber_report", 0.35),
    }


async def archived(records: int) -> None:
    """Run a sink until so many records are in files."""
    stop = asyncio.Event()

    def look(tally: Tally) -> None:
        if tally.records >= records:
            stop.set()

    sink = Sink(load_settings(), ArchiveSettings.load(flush_s=0.3), look)
    await asyncio.wait_for(sink.run(stop), HANG_S)
