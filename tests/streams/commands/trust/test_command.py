"""`robocall trust` as an operator types it: lists from files, certificates from a real server."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.serialization import Encoding

from models.errors import StorageError
from streams.commands.main import robocall
from streams.trust.certificates import PLACE_PATIENCE_S
from streams.trust.stored_chains import Entry, StoredChains
from tests.detector.trust.authority import issue, provider, root, spc, tn_auth_list
from tests.streams.trust.https_server import HOST, LOOPBACK, PORT, Server, authority_pem, response, serving
from tests.typed import typed

LONG = (-2_000, 2_000)  # days: valid now, whenever that is
AUTHORITY = issue("Long authority", None, is_authority=True, days=LONG)
SIGNER = issue("SHAKEN 77B", AUTHORITY, tn_auth_list(spc("77B")), days=LONG)
GOOD, STRANGER, AWAY = (f"https://{HOST}:{PORT}/{name}.pem" for name in ("good", "stranger", "away"))
CHAINS = {"/good.pem": SIGNER.pem, "/stranger.pem": provider().pem}


async def answer(path: str, writer: asyncio.StreamWriter) -> None:
    """Two chains, and nothing elsewhere."""
    content = CHAINS.get(path)
    writer.write(response(b"", status="404 Not Found") if content is None else response(content))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One that runs beside the test, as commands have a loop of their own; every name leads to it."""
    found: list[Server] = []
    is_there, may_go = threading.Event(), threading.Event()

    async def whole() -> None:
        async with serving(answer) as one:
            found.append(one)
            is_there.set()
            await asyncio.to_thread(may_go.wait)

    thread = threading.Thread(target=lambda: asyncio.run(whole()))
    thread.start()
    is_there.wait()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (found[0].address, PORT))])
    yield found[0]
    may_go.set()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the settings lead."""
    (tmp_path / "anchors.pem").write_bytes(AUTHORITY.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "servers.pem").write_bytes(authority_pem())
    settings = {
        "ANCHORS_URL": tmp_path / "anchors.pem",
        "STATE_URL": tmp_path / "state",
        "CACHE_URL": tmp_path / "cache",
        "TLS_CAFILE": tmp_path / "servers.pem",
        "ALLOWED_NETWORKS": LOOPBACK[0],
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"ROBOCALL_TRUST_{name}", str(value))
    return tmp_path


def run(command: str, given: str | None = None) -> Result:
    return typed("trust", *command.split(), text=given)


def lines(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def warmed(folder: Path, server: Server) -> Result:
    """Three addresses were fetched, one of them of nothing."""
    assert folder.is_dir()
    assert server.asked == []
    return run("cache warm -", f"{GOOD}\n{STRANGER}\n\n{AWAY}\nhttp://example.org/a.pem\n{GOOD}\n")


def test_certificates_are_fetched_once(warmed: Result, server: Server) -> None:
    """The second time they are there; what failed is asked again, by another process."""
    states = {one["url"]: one["state"] for one in lines(warmed)}
    assert states == {
        GOOD: "kept",
        STRANGER: "kept",
        AWAY: "certificate_unavailable",
        "http://example.org/a.pem": "info_invalid",
    }
    assert warmed.exit_code == 1
    assert "2 of 4 are not kept" in warmed.stderr

    again = run("cache warm -", f"{GOOD}\n{STRANGER}\n")

    assert (again.exit_code, len(server.asked)) == (0, 3)


@pytest.mark.usefixtures("server")
def test_a_slow_place_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said to be kept is there: this process ends, and with it all that is in its memory."""
    write = StoredChains.write

    def slow(stored: StoredChains, entry: Entry) -> None:
        time.sleep(2 * PLACE_PATIENCE_S)
        write(stored, entry)

    monkeypatch.setattr(StoredChains, "write", slow)

    done = run("cache warm -", f"{GOOD}\n{STRANGER}\n")

    assert [one["state"] for one in lines(done)] == ["kept", "kept"]
    assert len(list((folder / "cache").iterdir())) == 2


@pytest.mark.usefixtures("folder", "server")
def test_what_the_place_does_not_take_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was fetched, and nobody else finds it."""

    def full(_stored: StoredChains, _entry: Entry) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr(StoredChains, "write", full)

    done = run("cache warm -", GOOD)

    assert (done.exit_code, [one["state"] for one in lines(done)]) == (1, ["not_kept"])
    assert "1 of 1 are not kept" in done.stderr


@pytest.mark.usefixtures("warmed")
def test_what_is_kept_is_shown() -> None:
    done = run("cache show")

    assert done.exit_code == 0
    assert {one["url"]: (one["state"], one["signer"], one["signer_spc"]) for one in lines(done)} == {
        GOOD: ("kept", "shaken 77b", ["77B"]),
        STRANGER: ("kept", "shaken 123a", ["123A"]),
    }


@pytest.mark.usefixtures("folder")
def test_a_place_without_certificates_is_said() -> None:
    """Nothing at all would be taken for a command that did nothing."""
    done = run("cache show")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no certificate is kept there" in done.stderr


@pytest.mark.usefixtures("warmed")
def test_what_is_kept_is_judged_by_the_kept_lists(folder: Path) -> None:
    """Damaged files go, and say so by the status."""
    before = run("cache check")
    assert {one["state"] for one in lines(before)} == {"no_anchors"}
    assert run("anchors check").exit_code == 0

    judged = run("cache check")
    (folder / "cache" / "junk.chain").write_bytes(b"junk")
    damaged, after = run("cache check"), run("cache check")

    assert {one["url"]: one["state"] for one in lines(judged)} == {GOOD: "good", STRANGER: "certificate_untrusted"}
    assert (judged.exit_code, damaged.exit_code, after.exit_code) == (0, 1, 0)
    assert {"file": "junk.chain", "state": "damaged"} in lines(damaged)


@pytest.mark.usefixtures("warmed")
def test_certificates_are_forgotten() -> None:
    assert run(f"cache forget {GOOD}").exit_code == 0
    again = run(f"cache forget {GOOD}")
    assert (again.exit_code, GOOD in again.stderr) == (1, True)
    assert [one["url"] for one in lines(run("cache show"))] == [STRANGER]
    assert run("cache forget --all").exit_code == 0
    assert run("cache show").stdout == ""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["cache forget", f"cache forget {GOOD} --all"])
def test_nothing_is_forgotten_by_mistake(command: str) -> None:
    assert run(command).exit_code == 2


def test_lists_are_checked_kept_and_shown(folder: Path) -> None:
    """A bad one leaves the last good one, and says so."""
    nothing = run("anchors show")
    assert (nothing.exit_code, lines(nothing)) == (1, [{"list": "anchors", "entries": 0}])

    good = run("anchors check")
    (folder / "anchors.pem").write_text("junk")
    bad, shown = run("anchors check"), run("anchors show")

    assert (good.exit_code, bad.exit_code, shown.exit_code) == (0, 1, 0)
    for done in (good, bad, shown):
        (found,) = lines(done)
        assert (found["entries"], found["sequence"], found["authorities"]) == (1, 0, ["long authority"])
        assert found["ends"] is None
        assert 0 <= found["age_s"] < 900
    assert "anchors: " in bad.stderr


@pytest.mark.usefixtures("folder")
def test_a_list_that_nobody_named_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBOCALL_TRUST_ANCHORS_URL")
    with pytest.raises(Exception, match="set ROBOCALL_TRUST_ANCHORS_URL"):
        robocall.main(["trust", "anchors", "check"], standalone_mode=False)


def test_withdrawn_certificates_that_are_not_there_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authorities are in order all the same."""
    monkeypatch.setenv("ROBOCALL_TRUST_CRL_URL", str(folder / "nothing.crl"))
    done = run("anchors check")

    assert done.exit_code == 1
    assert [one["entries"] for one in lines(done)] == [1, 0]
    assert "withdrawn: no list is there" in done.stderr
    assert root().name not in done.stdout
