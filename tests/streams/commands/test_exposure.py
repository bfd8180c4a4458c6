"""What doctor says of addresses, passwords and clocks; nothing is asked of the network."""

from pathlib import Path

import pytest

from streams.commands.exposure import clock_complaint, exposures, is_loopback
from streams.settings import load_settings

AWAY = {"kafka_bootstrap_servers": "127.0.0.1:9092,kafka.example:9093", "redis_url": "redis://valkey.example/0"}
SECRETS = {"kafka_sasl_username": "robocall", "kafka_sasl_password": "x", "kafka_sasl_mechanism": "SCRAM-SHA-512"}


def test_on_this_machine_nothing_is_open() -> None:
    assert list(exposures(load_settings())) == []


def test_a_folder_of_snapshots_that_others_may_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (said,) = exposures(load_settings(snapshot_url=str(tmp_path)))
    assert str(tmp_path) in said
    assert "ROBOCALL_SIGNING_KEY" in said
    assert list(exposures(load_settings(snapshot_url="off"))) == []


def test_folders_of_models_and_of_the_archive_that_others_may_write_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder itself, or one in it: an artifact's files are as good as the registry. A key keeps models safe."""
    models, archive = tmp_path / "models", tmp_path / "archive"
    (models / "m-1").mkdir(parents=True)
    archive.mkdir()
    monkeypatch.setenv("ROBOCALL_ARCHIVE_URL", str(archive))
    chosen = {"models_url": str(models), "snapshot_url": "off"}
    assert list(exposures(load_settings(**chosen))) == []

    (models / "m-1").chmod(0o777)
    archive.chmod(0o770)
    of_models, of_archive = exposures(load_settings(**chosen))

    assert str(models / "m-1") in of_models
    assert "ROBOCALL_SIGNING_KEY" in of_models
    assert str(archive) in of_archive
    assert list(exposures(load_settings(**chosen, signing_key="a key of sixteen characters"))) == [of_archive]
    assert list(exposures(load_settings(model_dir=str(models / "m-1"), snapshot_url="off"))) == [of_models, of_archive]


def test_each_open_door_is_named_with_what_closes_it() -> None:
    said = list(exposures(load_settings(**AWAY, web_host="0.0.0.0")))
    assert [("kafka.example:9093" in one, "valkey.example" in one) for one in said] == [
        (True, False), (True, False), (False, True), (False, True), (False, False),
    ]  # fmt: skip
    assert ["ROBOCALL_" in one for one in said] == [True, True, True, True, False]


@pytest.mark.parametrize(
    "closed",
    [
        {**SECRETS, "kafka_security_protocol": "SASL_SSL"},
        {"kafka_security_protocol": "SSL", "kafka_ssl_certfile": "crt", "kafka_ssl_keyfile": "key"},
    ],
)
def test_doors_that_are_closed_are_not_mentioned(closed: dict[str, str], tmp_path: Path) -> None:
    for name in ("crt", "key"):
        (tmp_path / name).touch()
    files = {name: str(tmp_path / value) if value in {"crt", "key"} else value for name, value in closed.items()}
    assert list(exposures(load_settings(**AWAY | files | {"redis_url": "rediss://user:secret@valkey.example/0"}))) == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("10.0.0.1", False), ("kafka", False)],
)
def test_only_what_is_this_machine_for_certain_is(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_clock_that_is_off_is_said_with_its_side() -> None:
    assert clock_complaint(100.09, 100.0, 100.1, "a", 0.1) is None
    assert clock_complaint(97.0, 100.0, 103.0, "a", 0.1) is None, "it was asked slowly"
    assert "0.3 s ahead of that of a" in str(clock_complaint(100.3, 100.0, 100.4, "a", 0.1))
    assert "3.0 s behind that of a" in str(clock_complaint(99.0, 103.0, 100.0, "a", 0.1))
