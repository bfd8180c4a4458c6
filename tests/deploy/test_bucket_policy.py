"""The policy of `deploy/s3` allows what our clients ask of an object store, and a client no more than its own."""

import fnmatch
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.store.promotions import Promotions
from models.store.registry import Registry
from streams.archive.files import ArchiveFile, ArchiveStore
from streams.archive.schema import schema_id
from streams.state.snapshot_store import SnapshotStore
from tests.faults.object_store import BUCKET, ObjectStore
from tests.models.small_model import save_small_model

POLICY = Path(__file__).parents[2] / "deploy" / "s3" / "bucket-policy.json"
NEEDS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
}
"""The right that each operation of S3 needs, by its reference."""
Asked = set[tuple[str, str]]


@pytest.fixture
def bucket() -> Iterator[str]:
    store = ObjectStore()
    yield f"s3://{BUCKET}"
    store.close()


def listen(filesystem: Any, asked: Asked) -> None:
    """Note what a client asks from now on, and about which key or prefix."""

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        about = params.get("Key") or params.get("Prefix") or ""
        if model.name == "DeleteObjects":
            asked.update((model.name, one["Key"]) for one in params["Delete"]["Objects"])
        else:
            asked.add((model.name, about))

    filesystem.connect()
    filesystem.s3.meta.events.register("provide-client-params.s3", note)


def is_allowed(role: str, operation: str, key: str) -> bool:
    """Whether the policy lets the role do it; the operations of the table alone."""
    about = f"arn:aws:s3:::BUCKET/{key}"
    for statement in json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]:
        actions, principal = statement["Action"], statement["Principal"]
        if statement["Effect"] != "Allow":
            continue
        if not any(one.endswith(f":role/robocall-{role}") for one in _listed(principal["AWS"])):
            continue
        if NEEDS[operation] not in _listed(actions):
            continue
        if NEEDS[operation] == "s3:ListBucket":
            prefixes = statement["Condition"]["StringLike"]["s3:prefix"]
            if any(fnmatch.fnmatchcase(key, prefix) for prefix in prefixes):
                return True
        elif fnmatch.fnmatchcase(about, statement["Resource"]):
            return True
    return False


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def refused(role: str, asked: Asked) -> Asked:
    assert asked
    return {one for one in asked if not is_allowed(role, *one)}


def test_what_a_worker_asks_is_allowed(bucket: str, tmp_path: Path) -> None:
    """It keeps snapshots, and only reads models."""
    Registry(f"{bucket}/models").add(save_small_model(tmp_path / "small"), schema_id=FEATURE_SCHEMA_ID)
    asked: Asked = set()
    snapshots, models = SnapshotStore(f"{bucket}/snapshots"), Registry(f"{bucket}/models")
    for store in (snapshots._storage, models.store):
        listen(store.filesystem, asked)
    snapshots.keep_secret(bytes(32))
    snapshots._storage.write("call-events-0", b"any")
    assert snapshots.candidates("call-events", 0, 10) == []
    snapshots._storage.delete("call-events-0")
    assert Promotions(models.store).active() is None
    (found,) = models.artifacts(schema_id=FEATURE_SCHEMA_ID)
    models.load(found.version, schema_id=FEATURE_SCHEMA_ID)
    assert refused("worker", asked) == set()
    assert {operation for operation, key in refused("archive", asked) if key} >= {"PutObject", "GetObject"}


def test_what_a_scientist_asks_is_allowed(bucket: str, tmp_path: Path) -> None:
    """Models are added, promoted and rolled back; nothing is deleted."""
    asked: Asked = set()
    models = Registry(f"{bucket}/models")
    listen(models.store.filesystem, asked)
    model, _ = models.add(save_small_model(tmp_path / "small"), schema_id=FEATURE_SCHEMA_ID)
    promotions = Promotions(models.store)
    for _ in range(2):
        promotions.promote(model.version, "", gate=[])
    assert refused("scientist", asked) == set()
    assert "PutObject" in {operation for operation, _ in refused("worker", asked)}


def test_what_the_console_asks_is_allowed(bucket: str, tmp_path: Path) -> None:
    """It promotes and rolls back, and before its first promotion adds the model that runs; it reads the archive."""
    models, archive = Registry(f"{bucket}/models"), ArchiveStore(f"{bucket}/archive")
    schema = pa.schema([("call_id", pa.string())])
    with archive.create(ArchiveFile("call-decisions", 0, 0, 1, "2026-01-01", schema_id(schema)), schema) as writer:
        writer.write_table(pa.table({"call_id": ["1"]}, schema=schema))
    asked: Asked = set()
    for filesystem in (models.store.filesystem, archive.filesystem):
        listen(filesystem, asked)
    running, _ = models.add(save_small_model(tmp_path / "small"), schema_id=FEATURE_SCHEMA_ID)
    promotions = Promotions(models.store)
    for _ in range(2):
        promotions.promote(running.version, "", gate=[])
    promotions.rollback()
    assert len(archive.files("call-decisions")) == 1
    assert refused("console", asked) == set()
    assert "PutObject" in {operation for operation, _ in refused("worker", asked)}


def test_what_the_archive_asks_is_allowed(bucket: str) -> None:
    asked: Asked = set()
    archive = ArchiveStore(f"{bucket}/archive")
    listen(archive.filesystem, asked)
    schema = pa.schema([("call_id", pa.string())])
    file = ArchiveFile("call-decisions", 0, 0, 1, "2026-01-01", schema_id(schema))
    with archive.create(file, schema) as writer:
        writer.write_table(pa.table({"call_id": ["1"]}, schema=schema))
    assert len(archive.files("call-decisions")) == 1
    archive.delete(file)
    archive.remove_abandoned("call-decisions")
    assert refused("archive", asked) == set()
    assert {operation for operation, _ in refused("worker", asked)} >= {"PutObject", "ListObjectsV2"}


@pytest.mark.parametrize("role", ["worker", "scientist", "console", "archive"])
def test_nobody_may_change_what_is_others(role: str) -> None:
    own = {"worker": ["snapshots"], "scientist": ["models"], "console": ["models"], "archive": ["archive"]}[role]
    for folder in {"snapshots", "models", "archive", "other"}.difference(own):
        assert not is_allowed(role, "PutObject", f"{folder}/a")
        assert not is_allowed(role, "DeleteObject", f"{folder}/a")
    assert not is_allowed(role, "GetObject", "snapshots/a") or role == "worker"
    assert not is_allowed(role, "ListObjectsV2", "")
