"""The page of metrics of a process without a web server: there while the block runs, refused in one sentence."""

import urllib.request

import pytest

from streams.archive.metrics import ArchiveMetrics
from streams.errors import SettingsInvalid
from streams.local.services import free_ports
from streams.running.metrics_page import served
from tests.waiting import HANG_S


def test_what_is_collected_is_served_while_the_block_runs() -> None:
    (port,) = free_ports(1)
    with (
        served("ROBOCALL_ANY_", "127.0.0.1", port, ArchiveMetrics()),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as page,
    ):
        text = page.read().decode()

    assert "robocall_archive_files_total 0.0" in text
    assert "process_resident_memory_bytes" in text


def test_a_port_that_is_taken_is_one_sentence() -> None:
    (port,) = free_ports(1)
    with (
        served("ROBOCALL_ANY_", "127.0.0.1", port, ArchiveMetrics()),
        pytest.raises(SettingsInvalid, match=f"ROBOCALL_ANY_WEB_PORT={port}: Address already in use"),
        served("ROBOCALL_ANY_", "127.0.0.1", port, ArchiveMetrics()),
    ):
        pass


def test_without_a_port_nothing_listens() -> None:
    with served("ROBOCALL_ANY_", "127.0.0.1", 0, ArchiveMetrics()):
        pass
