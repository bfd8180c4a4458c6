"""The jars of the local Apache Kafka: fetched once from Maven Central, checked against pinned digests, cached."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.resources import files
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from detector.errors import RobocallError

MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
CONNECTIONS = 8
TRIES = 4
CHUNK_BYTES = 256 * 1024
STALL_SECONDS = 30.0  # a connection that delivers nothing for so long is given up and tried again


class LocalServiceError(RobocallError):
    """A local Kafka or Valkey could not be started; the message says what to do."""


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
    return msgspec.json.decode(files("streams").joinpath("kafka_jars.json").read_bytes(), type=JarLock)


def cache_folder() -> Path:
    """Return the folder of downloads: `$XDG_CACHE_HOME/robocall` or `~/.cache/robocall`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "robocall"


def kafka_class_path(*, quiet: bool = False) -> str:
    """Return the Java class path of the local Kafka, downloading what is missing.

    The first time that is 44 MB, with its progress on stderr unless `quiet`.
    Several processes may call it at once: one downloads, the others wait and find the files there.
    """
    lock = jar_lock()
    folder = cache_folder() / f"kafka-{lock.kafka}"
    folder.mkdir(parents=True, exist_ok=True)
    if _missing(lock, folder):
        with _only_one(folder.with_suffix(".lock")):
            _download(_missing(lock, folder), folder, quiet=quiet)
    return os.pathsep.join(str(folder / Path(path).name) for path in lock.jars)


def _missing(lock: JarLock, folder: Path) -> dict[str, Jar]:
    """Return the jars that are not there whole.

    Files appear by rename after their digest was checked, so comparing the size is enough here.
    """

    def whole(path: str, jar: Jar) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (folder / Path(path).name).stat().st_size == jar.bytes
        return False

    return {path: jar for path, jar in lock.jars.items() if not whole(path, jar)}


@contextlib.contextmanager
def _only_one(lock_file: Path) -> Iterator[None]:
    """Let one process at a time through; the kernel releases the lock of a process that dies."""
    with lock_file.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _download(jars: dict[str, Jar], folder: Path, *, quiet: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("Fetching Apache Kafka (once)", total=sum(jar.bytes for jar in jars.values()))
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            fetch = partial(_fetch, folder=folder, context=_trusted(), arrived=partial(progress.advance, task))
            try:
                list(pool.map(fetch, jars.keys(), jars.values()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _trusted() -> ssl.SSLContext:
    """Return the system's certificates and, where it is installed, certifi's: bare images have none of their own."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        import certifi  # noqa: PLC0415 - optional

        context.load_verify_locations(certifi.where())
    return context


def _fetch(path: str, jar: Jar, *, folder: Path, context: ssl.SSLContext, arrived: Callable[[int], None]) -> None:
    """Put one jar in place, from the local Maven repository when it is there, else from Maven Central."""
    target = folder / Path(path).name
    local = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository") / path
    with contextlib.suppress(OSError, _WrongContent):
        _store(local.as_uri(), jar, target, context, arrived)
        return
    url = f"{MAVEN_CENTRAL}/{path}"
    for attempt in range(1, TRIES + 1):
        try:
            _store(url, jar, target, context, arrived)
        except (OSError, _WrongContent) as error:
            if attempt == TRIES:
                reason = error.reason if isinstance(error, urllib.error.URLError) else error
                raise LocalServiceError(
                    f"cannot fetch {url}: {reason}; check the network, "
                    "or set ROBOCALL_KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own"
                ) from None
            time.sleep(attempt)
        else:
            return


class _WrongContent(Exception):  # noqa: N818 - the name states what is wrong
    """A file is not the pinned one."""


def _store(url: str, jar: Jar, target: Path, context: ssl.SSLContext, arrived: Callable[[int], None]) -> None:
    """Copy `url` to `target`, which appears only when the digest agrees."""
    digest, received = hashlib.sha256(), 0
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        # The address is built above from a constant or is a file of the user's own; the content is pinned.
        with urllib.request.urlopen(url, timeout=STALL_SECONDS, context=context) as source, part.open("wb") as out:  # noqa: S310
            while chunk := source.read(CHUNK_BYTES):
                out.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                arrived(len(chunk))
        _require(digest.hexdigest() == jar.sha256, f"{target.name} has another digest than pinned")
        part.replace(target)
    except BaseException:
        arrived(-received)
        part.unlink(missing_ok=True)
        raise


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise _WrongContent(complaint)
