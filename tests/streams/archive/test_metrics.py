"""What the sink tells Prometheus and `robocall doctor` tells people about the archive."""

import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.archive.doctor import archived
from streams.archive.files import ArchiveStore, ArchiveUnusable
from streams.archive.metrics import ArchiveMetrics
from streams.archive.settings import ARCHIVE_PREFIX
from streams.archive.sink import Tally
from streams.kafka.topics import CALL_EVENTS
from streams.local.services import free_ports
from streams.running.metrics_page import served
from tests.streams.archive.archive_case import SECRET, encoded, put, setup
from tests.waiting import HANG_S


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as answer:
        page = answer.read().decode()
    return {sample.name: sample.value for family in text_string_to_metric_families(page) for sample in family.samples}


def test_a_scrape_tells_what_the_sink_did() -> None:
    """Its tally, and since when no file was written; nobody answers after the block."""
    (port,) = free_ports(1)
    metrics = ArchiveMetrics()
    with served(ARCHIVE_PREFIX, "127.0.0.1", port, metrics):
        before = scraped(port)["robocall_archive_file_timestamp_seconds"]
        metrics(Tally(records=70, refused=2, files=0, lag=30, partitions=4, waiting=5))
        idle = scraped(port)
        metrics(Tally(records=75, refused=2, files=1, lag=0, partitions=4, waiting=0))
        found = scraped(port)

    assert idle["robocall_archive_lag_records"] == 30
    assert idle["robocall_archive_waiting_records"] == 5
    assert idle["robocall_archive_file_timestamp_seconds"] == before
    assert found["robocall_archive_records_total"] == 75
    assert found["robocall_archive_refused_total"] == 2
    assert found["robocall_archive_files_total"] == 1
    assert found["robocall_archive_partitions"] == 4
    assert before < found["robocall_archive_file_timestamp_seconds"] <= time.time()
    with pytest.raises(OSError, match="refused"):
        scraped(port)


def test_doctor_says_how_old_the_archive_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing where none is configured; and whoever would keep numbers in another way than the files do is told."""
    assert archived() is None
    url = str(tmp_path / "archive")
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", url)
    assert archived() == f"nothing is archived at {url} yet: `robocall archive run`"
    put(ArchiveStore(url), CALL_EVENTS, [encoded(setup(1))])
    assert archived() == f"{url}: newest file 0 minutes old"
    monkeypatch.setenv("ROBOCALL_ARCHIVE_NUMBER_KEY", SECRET)
    with pytest.raises(ArchiveUnusable, match="keeps numbers as plain"):
        archived()
