"""What Java learnt of the local Kafka is used by the next one, and one that is damaged is in nobody's way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.local import kafka_broker
from streams.local.jars import kafka_class_path
from tests import start_cache
from tests.broker_process import BrokerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of downloads of its own, with all jars and nothing learnt."""
    jars = Path(kafka_class_path(quiet=True).split(os.pathsep)[0]).parent
    folder = tmp_path / "robocall"
    shutil.copytree(jars, folder / jars.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return folder


def test_it_is_made_once_and_java_starts_by_it(downloads: Path) -> None:
    """Two make it at once; Java, told to start with it or not at all, starts."""
    code = "from tests import start_cache; start_cache.make()"
    for one in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]:
        assert one.wait() == 0

    (made,) = downloads.glob("*.aot")
    first_s = made.stat().st_mtime
    start_cache.make()
    assert made.stat().st_mtime == first_s
    java, class_path = str(kafka_broker.java()), kafka_class_path(quiet=True)
    strict = [java, "-XX:+UseSerialGC", f"-XX:AOTCache={made}", "-XX:AOTMode=on", "-cp", class_path]
    words = [*strict, "kafka.tools.StorageTool", "random-uuid"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("downloads")
def test_a_broker_starts_with_a_damaged_one(tmp_path: Path) -> None:
    kafka_broker.start_cache().write_bytes(b"cut off")
    broker = BrokerProcess(tmp_path)

    broker.start()

    assert broker.is_running
    broker.stop()
