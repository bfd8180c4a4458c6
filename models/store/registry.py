"""The registry: artifacts in a folder or an object store, by version, which is the digest of what a model computes.

An artifact is added whole and never changed; what is learnt of it later, as its measure, is a file of its own beside it
(`write_beside`). Its folder carries its version; a folder of another name, as that of the
shipped model, is found by its name and by the version that it holds.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models.errors import ArtifactCorrupt, ArtifactError, ModelUnknown, StoredFileUnusable
from models.serve.artifact import Model, load
from models.serve.manifest import (
    MANIFEST,
    MAX_FILE_BYTES,
    SIGNATURE,
    VERSION,
    parse_manifest,
    read_manifest,
    signature_of,
)
from models.serve.signing import SETTING, UNSIGNED, Signing
from models.store.folder import open_to_others
from models.store.opening import open_storage
from models.store.storage import Drafts

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
MAX_FILES = 64
DRAFTS = Drafts("{name}.{pid}.part", abandoned_after_s=24 * 3_600.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """One artifact as a list shows it.

    Attributes:
        folder: where it is: a path, or a URL without credentials.
        version: empty where it cannot be read.
        created_ms: when it was packaged, epoch milliseconds; 0 where that cannot be read.
        schema_id: of the feature table that it was trained on.
        metrics: figures of its test, plain values by name.
        problem: None where it can serve, else a sentence.
    """

    folder: str
    version: str
    created_ms: int
    schema_id: str
    metrics: dict[str, Any]
    problem: str | None


def summary(folder: Path, *, schema_id: str, signing: Signing = UNSIGNED) -> Summary:
    """Describe the artifact in a folder; one that cannot be loaded is described by its problem. Blocks to load it.

    Args:
        folder: on this machine.
        schema_id: of the feature table that this build computes.
        signing: with a key, an artifact that it did not sign has a problem.
    """
    try:
        manifest = read_manifest(folder)
    except ArtifactError as error:
        return Summary(str(folder), "", 0, "", {}, str(error))
    problem = None
    try:
        load(folder, schema_id=schema_id, signing=signing)
    except ArtifactError as error:
        problem = str(error)
    created_ms, metrics = manifest.get("created_ms"), manifest.get("metrics")
    return Summary(
        str(folder),
        manifest["version"],
        created_ms if isinstance(created_ms, int) else 0,
        manifest["schema_id"],
        metrics if isinstance(metrics, dict) else {},
        problem,
    )


class Registry:
    """Artifacts below one URL. Every method blocks, for the disk or the network: the worker calls them in a thread.

    Several processes may add and load at the same time: an artifact is added whole, its manifest last, and then never
    changes.

    Args:
        url: path or fsspec URL; need not exist before the first artifact is added.
        signing: with a key, artifacts are signed as they are added, and only signed ones are loaded.

    Raises:
        StorageError: by every method, when the place does not answer or refuses.
    """

    def __init__(self, url: str | Path, signing: Signing = UNSIGNED) -> None:
        self.signing = signing
        self.store = open_storage(url, holds="the models", setting="ROBOCALL_MODELS_URL", drafts=DRAFTS)

    @property
    def url(self) -> str:
        """Where the artifacts are."""
        return self.store.url

    def complaint(self) -> str | None:
        """What to say of a folder where others may plant a model while nothing is signed; None where all is well."""
        folder = None if self.signing.key is not None else open_to_others(self.store.folder)
        if folder is None:
            return None
        return f"others may put models into {folder}, which workers load: chmod go-w, or set {SETTING}"

    def artifacts(self, *, schema_id: str) -> list[Summary]:
        """All artifacts, newest first, each loaded to say whether it could serve; takes as long as loading them all."""
        found = []
        for name in self._folders():
            try:
                with self._opened(name) as folder:
                    described = summary(folder, schema_id=schema_id, signing=self.signing)
            except ArtifactError as error:
                described = Summary("", "", 0, "", {}, str(error))
            found.append(
                Summary(
                    f"{self.url}/{name}",
                    described.version,
                    described.created_ms,
                    described.schema_id,
                    described.metrics,
                    described.problem or _misplaced(name, described.version),
                )
            )
        return sorted(found, key=lambda entry: -entry.created_ms)

    @contextmanager
    def open(self, name: str) -> Iterator[Path]:
        """Folder with the artifact on this machine, fetched where it is elsewhere; not yet verified.

        Raises:
            ModelUnknown: a name that means none.
            ArtifactError: it cannot be fetched whole.
        """
        with self._opened(self._folder_of(name)) as folder:
            yield folder

    def load(self, name: str, *, schema_id: str) -> Model:
        """Fetch, verify and load an artifact.

        Raises:
            ModelUnknown: a name that means none.
            ArtifactError: it is damaged, misplaced, or made for another build.
        """
        folder = self._folder_of(name)
        with self._opened(folder) as files:
            model = load(files, schema_id=schema_id, signing=self.signing)
        problem = _misplaced(folder, model.version)
        if problem is not None:
            raise ArtifactCorrupt(f"{self.url}/{folder}: {problem}")
        return model

    def sign(self, name: str, *, schema_id: str) -> str:
        """Verify an artifact but for its signature, and sign it with the key of today; returns its version.

        Whoever calls it answers for what is in the registry. Without a key nothing is written.

        Raises:
            ModelUnknown: a name that means none.
            ArtifactError: it is damaged, misplaced, or made for another build.
        """
        folder = self._folder_of(name)
        with self._opened(folder) as files:
            manifest = (files / MANIFEST).read_bytes()
            version = load(files, schema_id=schema_id).version
        self._write_signature(folder, manifest)
        return version

    def _write_signature(self, folder: str, manifest: bytes) -> None:
        signature = signature_of(manifest, self.signing)
        if signature is not None:
            self.store.write(f"{folder}/{SIGNATURE}", signature)

    def add(self, folder: Path, *, schema_id: str) -> tuple[Model, bool]:
        """Verify an artifact and put it into the registry under its version, signed where there is a key.

        Whoever adds an artifact answers for it: a signature that it carries is not looked at.

        Returns:
            The model, and whether it is new: the same model, packed another time, changes nothing.

        Raises:
            ArtifactError: it cannot serve, so it does not get in.
        """
        model = load(folder, schema_id=schema_id)
        if self._serves(model.version, schema_id):
            return model, False
        for name in model.manifest["files"]:
            self.store.write(f"{model.version}/{name}", (folder / name).read_bytes())
        # Last: a folder without a manifest is no artifact, so a reader never meets half of one.
        manifest = (folder / MANIFEST).read_bytes()
        self._write_signature(model.version, manifest)
        self.store.write(f"{model.version}/{MANIFEST}", manifest)
        self.store.remove_abandoned(model.version)
        return model, True

    def write_beside(self, name: str, file: str, content: bytes) -> None:
        """Put a file of ours beside an artifact; readers meet the old content or the new. The artifact stays as it is.

        Args:
            name: of the artifact: its version, or its folder.
            file: name of a file that is none of the artifact's.
            content: of it.

        Raises:
            ModelUnknown: a name that means none.
        """
        self.store.write(self._beside(name, file), content)

    def read_beside(self, name: str, file: str, *, limit_bytes: int) -> bytes | None:
        """Content of a file that `write_beside` put there; None where there is none.

        Raises:
            ModelUnknown: a name that means none.
            ArtifactCorrupt: it is larger than the limit.
        """
        path = self._beside(name, file)
        if not self.store.exists(path):
            return None
        try:
            return self.store.read(path, limit_bytes=limit_bytes)
        except StoredFileUnusable as error:
            raise ArtifactCorrupt(str(error)) from error

    def files(self, name: str) -> list[str]:
        """Names of the files of an artifact, and of those beside it.

        Raises:
            ModelUnknown: a name that means none.
        """
        return [file.name for file in self.store.files(self._folder_of(name))]

    def _beside(self, name: str, file: str) -> str:
        folder = self._folder_of(name)
        if not NAME.fullmatch(file) or file in {MANIFEST, SIGNATURE} or file in self._manifest(folder)["files"]:
            raise ArtifactCorrupt(f"{self.url}/{folder}/{file} is a file of the artifact, which never changes")
        return f"{folder}/{file}"

    def _serves(self, version: str, schema_id: str) -> bool:
        try:
            self.load(version, schema_id=schema_id)
        except (ModelUnknown, ArtifactError):
            return False
        return True

    def _folders(self) -> list[str]:
        return [name for name in self.store.folders() if self._is_inside(name) and self._has_manifest(name)]

    def _folder_of(self, name: str) -> str:
        """The folder that a name means. It may come from Redis: it must not lead out of the registry."""
        if NAME.fullmatch(name) and self._is_inside(name):
            if self._has_manifest(name):
                return name
            if VERSION.fullmatch(name):
                for folder in self._folders():
                    if self._holds(folder, name):
                        return folder
        raise ModelUnknown(name[:128], self.url)

    def _has_manifest(self, folder: str) -> bool:
        return self.store.exists(f"{folder}/{MANIFEST}")

    def _holds(self, folder: str, version: str) -> bool:
        try:
            return bool(self._manifest(folder)["version"] == version)
        except ArtifactError:
            return False

    def _is_inside(self, name: str) -> bool:
        """Neither dots nor, in a folder, a link may lead elsewhere."""
        local = self.store.folder
        if local is None:
            return name not in {".", ".."}
        return (local / name).resolve().parent == local.resolve()

    def _manifest(self, folder: str) -> dict[str, Any]:
        path = f"{folder}/{MANIFEST}"
        return parse_manifest(self._read(path), f"{self.url}/{path}")

    def _read(self, path: str) -> bytes:
        try:
            return self.store.read(path, limit_bytes=MAX_FILE_BYTES)
        except StoredFileUnusable as error:
            raise ArtifactCorrupt(str(error)) from error

    @contextmanager
    def _opened(self, folder: str) -> Iterator[Path]:
        if self.store.folder is not None:
            yield self.store.folder / folder
            return
        manifest = self._manifest(folder)
        if len(manifest["files"]) > MAX_FILES:
            raise ArtifactCorrupt(f"{self.url}/{folder} lists more than {MAX_FILES} files")
        with TemporaryDirectory(prefix="robocall-model-") as fetched:
            signature = [SIGNATURE] if self.store.exists(f"{folder}/{SIGNATURE}") else []
            for name in (*manifest["files"], *signature, MANIFEST):
                (Path(fetched) / name).write_bytes(self._read(f"{folder}/{name}"))
            yield Path(fetched)


def _misplaced(folder: str, version: str) -> str | None:
    """What is wrong when a folder carries the version of another model than the one in it."""
    if version and VERSION.fullmatch(folder) and folder != version:
        return f"the folder holds {version}: copy the artifact again with `robocall models add`"
    return None
