"""Which seed a worker takes: of the fleet, from the topic or its copy, else the public one; each said in the log."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from structlog.testing import capture_logs

from detector.columns.hashing import PUBLIC_SEED
from streams.kafka import fleet_secret, topics
from streams.settings import load_settings
from streams.state.fleet_seed import fleet_seed

pytestmark = pytest.mark.kafka


def test_a_worker_takes_topic_then_copy_then_the_public_seed(
    kafka_bootstrap: str, kafka_admin: KafkaAdminClient, delete_topic: Callable[[str], None], tmp_path: Path
) -> None:
    """The copy is its owner's alone."""
    delete_topic(fleet_secret.TOPIC)
    settings = load_settings(kafka_bootstrap_servers=kafka_bootstrap, snapshot_url=str(tmp_path / "snapshots"))
    with capture_logs() as logs:
        assert asyncio.run(fleet_seed(settings)) == PUBLIC_SEED
    assert [(line["log_level"], "public one" in line["event"]) for line in logs] == [("warning", True)]

    topics.create_secret(kafka_admin, settings, replication_factor=1)
    seed = asyncio.run(fleet_seed(settings))
    assert seed == fleet_secret.seed_of(asyncio.run(fleet_secret.read(settings)))
    (copy,) = (tmp_path / "snapshots").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600

    delete_topic(fleet_secret.TOPIC)
    with capture_logs() as logs:
        assert asyncio.run(fleet_seed(settings)) == seed
    assert [(line["log_level"], "its copy" in line["event"]) for line in logs] == [("warning", True)]
