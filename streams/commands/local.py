"""`robocall local`: Kafka and Valkey that stay running for a developer until they are told to stop."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import msgspec

from streams.local.jars import LocalServiceError, kafka_class_path
from streams.local.services import LocalServices, local_services

STOP_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.05
KEEPER_MODULE = "streams.commands.local"


class Running(msgspec.Struct, frozen=True):
    """Content of the state file: the process that keeps the services, and where they answer."""

    keeper: int
    bootstrap_servers: str
    redis_url: str


def default_folder() -> Path:
    """Return the same folder from wherever it is asked: `$XDG_DATA_HOME/robocall/local` or that of `~/.local/share`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "robocall" / "local"


_folder = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_folder,
    help="Where their data, logs and state are kept [default: ~/.local/share/robocall/local].",
)


@click.group()
def local() -> None:
    """Apache Kafka and Valkey on this machine, from pip alone, kept until `robocall local down`.

    Typical use: eval "$(robocall local up)"; robocall topics create; robocall worker
    """


@local.command()
@_folder
@click.option("--heap-mb", type=click.IntRange(256, 65_536), default=512, show_default=True, help="Java heap in MiB.")
def up(folder: Path, heap_mb: int) -> None:
    """Start both (again a no-op) and print the settings that point to them, for `eval`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # call records are in there
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")  # data of a broker never belong into a repository
    running = _running(folder) or _start(folder, heap_mb)
    for name, value in _environment(running).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    named = "" if folder == default_folder() else f" --folder {shlex.quote(str(folder))}"
    click.echo(f"running; data in {folder.absolute()}; stop with `robocall local down{named}`", err=True)


@local.command()
@_folder
def status(folder: Path) -> None:
    """Print the settings of the running services; exit status 1 when they do not run."""
    running = _running(folder)
    if running is None:
        click.echo(f"nothing runs for {folder.absolute()}: start with `robocall local up`", err=True)
        sys.exit(1)
    for name, value in _environment(running).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@local.command()
@_folder
@click.option("--delete", is_flag=True, help="Delete their data too.")
def down(folder: Path, delete: bool) -> None:
    """Stop both; their data stay for the next `up` unless --delete is given."""
    running = _running(folder)
    if running is not None:
        _stop(running)
    _state_file(folder).unlink(missing_ok=True)
    if delete:
        _delete(folder)
    click.echo("stopped" if running else "nothing was running", err=True)


def _environment(running: Running) -> dict[str, str]:
    return LocalServices(running.bootstrap_servers, running.redis_url).environment()


def _state_file(folder: Path) -> Path:
    return folder / "state.json"


def _running(folder: Path) -> Running | None:
    """Return what the state file says, if the process that it names is alive and ours."""
    try:
        running = msgspec.json.decode(_state_file(folder).read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return running if _is_keeper(running.keeper) else None


def _is_keeper(pid: int) -> bool:
    """Return whether the process is a keeper: process ids are used again, and we must not stop a stranger."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if sys.platform != "linux":
        return True  # the id has to do
    with contextlib.suppress(OSError):
        return KEEPER_MODULE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _has_ended(pid: int) -> bool:
    """Return whether nothing of a process works any more; its command line is gone before its files are closed."""
    if sys.platform != "linux":
        return not _is_keeper(pid)
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in {b"Z", b"X"}  # proc(5): a zombie waits for its parent only


def _start(folder: Path, heap_mb: int) -> Running:
    """Start a keeper in the background and wait until it has written the state file.

    Raises:
        LocalServiceError: it ended before; the message is its last line.
    """
    kafka_class_path()  # downloads in the foreground, where the progress can be seen
    _state_file(folder).unlink(missing_ok=True)
    log = folder / "keeper.log"
    with log.open("wb") as output:
        keeper = subprocess.Popen(  # noqa: S603 - this module and two checked values
            [sys.executable, "-m", KEEPER_MODULE, str(folder.absolute()), str(heap_mb)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # it outlives this terminal
        )
    while keeper.poll() is None:
        if running := _running(folder):
            return running
        time.sleep(POLL_SECONDS)
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    raise LocalServiceError(next((line for line in reversed(lines) if line), f"the services did not start; see {log}"))


def _stop(running: Running) -> None:
    """End the keeper, which ends the services, and wait for it.

    Raises:
        LocalServiceError: it is still there after `STOP_TIMEOUT_SECONDS`.
    """
    os.kill(running.keeper, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while not _has_ended(running.keeper):
        if time.monotonic() > deadline:
            raise LocalServiceError(f"process {running.keeper} does not end; kill it, and its servers end too")
        time.sleep(POLL_SECONDS)


def _delete(folder: Path) -> None:
    """Delete what the services wrote, and the folder if nothing else is in it."""
    for name in ("kafka", "valkey"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("keeper.log", ".gitignore"):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def keep(folder: Path, heap_mb: int) -> None:
    """Run the services and say so in the state file, until a signal asks to stop."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with local_services(folder=folder, heap_mb=heap_mb, quiet=True) as services:
        running = Running(os.getpid(), services.bootstrap_servers or "", services.redis_url or "")
        part = folder / "state.part"
        part.write_bytes(msgspec.json.encode(running))
        part.replace(_state_file(folder))
        asked.wait()
    _state_file(folder).unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]), int(sys.argv[2]))
    except LocalServiceError as error:
        sys.exit(str(error))
