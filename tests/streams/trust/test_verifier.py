"""Calls verified with certificates from a real server: by the deadline, for the next call, replays."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from detector.trust.verdict import Cause, Verdict, Verstat
from detector.trust.verify import verify
from streams.errors import SettingsInvalid
from streams.trust import verifier
from streams.trust.settings import TrustSettings
from streams.trust.verifier import MOST_ADDRESSES, Verifying, make_verifying
from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    CALL,
    claims,
    header,
    indirect_list,
    issue,
    provider,
    root,
)
from tests.streams.trust.https_server import (
    HOST,
    LOOPBACK,
    PORT,
    URL,
    Answer,
    Server,
    authority_pem,
    response,
    sends,
    serving,
)
from tests.waiting import HANG_S, until


@dataclass
class Case:
    """A server, and a verifier that asks it."""

    server: Server
    made: Verifying

    async def verify(self, *identities: str, call: str = "call-1", wait_s: float = HANG_S) -> Verdict:
        deadline_s = asyncio.get_running_loop().time() + wait_s
        return await self.made.verifier.verify(identities, CALL, call=call, at_ms=AT_MS, deadline_s=deadline_s)


def signed(url: str = URL, **changes: object) -> str:
    """A header whose certificate stands at this address."""
    return header(provider().sign(claims(**changes), x5u=url), info=url)


def run(folder: Path, work: Callable[[Case], Awaitable[None]], answer: Answer, **settings: object) -> None:
    (folder / "anchors.pem").write_bytes(root().certificate.public_bytes(Encoding.PEM))
    (folder / "servers.pem").write_bytes(authority_pem())

    async def whole() -> None:
        async with serving(answer) as server:
            given = {
                "anchors_url": str(folder / "anchors.pem"),
                "state_url": str(folder / "state"),
                "cache_url": str(folder / "cache"),
                "tls_cafile": folder / "servers.pem",
                "allowed_networks": LOOPBACK[0],
            } | settings
            made = make_verifying(TrustSettings.load(**given), server.lookup)
            try:
                assert await made.lists.renew() == []
                await work(Case(server, made))
            finally:
                await made.close()

    asyncio.run(whole())


def counted(made: Verifying) -> dict[str, float]:
    samples = (one for family in made.metrics.collect() for one in family.samples)
    return {one.labels["cause"]: one.value for one in samples if one.name == "robocall_trust_verdicts_total"}


def test_a_lawful_call_passes_and_is_counted(tmp_path: Path) -> None:
    """Its certificate is fetched within the deadline."""

    async def work(case: Case) -> None:
        found = await case.verify(signed())
        assert (found.cause, found.verstat, found.signer_spc) == (Cause.PASSED, Verstat.PASSED, "123A")
        assert counted(case.made) == {"passed": 1}

    run(tmp_path, work, sends(provider().pem))


def test_a_call_never_waits_past_its_deadline_and_the_next_one_passes(tmp_path: Path) -> None:
    may = asyncio.Event()

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        await may.wait()
        writer.write(response(provider().pem))

    async def work(case: Case) -> None:
        first = await case.verify(signed(), wait_s=0.05)
        assert (first.cause, first.verstat, first.code) == (Cause.NOT_CHECKED, Verstat.NONE, None)
        may.set()
        await until(lambda: case.made.certificates.known(URL))
        second = await case.verify(signed(), wait_s=0)
        assert second.cause is Cause.PASSED
        assert counted(case.made) == {"not_checked": 1, "passed": 1}

    run(tmp_path, work, answer)


def test_a_token_of_another_call_is_a_replay(tmp_path: Path) -> None:
    """Attempts of one call bring it as often as they like."""

    async def work(case: Case) -> None:
        one = signed()
        causes = [(await case.verify(one, call=call)).cause for call in ("a", "a", "b", "a")]
        assert causes == [Cause.PASSED, Cause.PASSED, Cause.REPLAYED, Cause.PASSED]

    run(tmp_path, work, sends(provider().pem))


@pytest.mark.parametrize(
    "one",
    ["junk", signed(iat=AT_S - 61), signed("http://certificates.example.org/a.pem"), header("a.b.c")],
    ids=["junk", "stale", "plain http", "no token"],
)
def test_what_cannot_pass_has_nobody_asked(tmp_path: Path, one: str) -> None:
    """A stale or broken token does not make us fetch: only what verifying asks for is."""

    async def work(case: Case) -> None:
        assert (await case.verify(one)).verstat is Verstat.FAILED
        assert (await case.verify()).cause is Cause.NO_IDENTITY
        assert case.server.names == []

    run(tmp_path, work, sends(provider().pem))


def test_one_call_has_only_so_many_certificates_fetched(tmp_path: Path) -> None:
    """However many headers it has."""

    async def work(case: Case) -> None:
        urls = [f"https://{HOST}:{PORT}/{number}.pem" for number in range(16)]
        assert (await case.verify(*map(signed, urls))).cause is Cause.PASSED
        assert len(case.server.asked) == MOST_ADDRESSES

    run(tmp_path, work, sends(provider().pem))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [(sends(b"", status="404 Not Found"), Cause.CERTIFICATE_UNAVAILABLE), (sends(b"x"), Cause.CERTIFICATE_MALFORMED),
     (sends(issue("Stranger", None).pem), Cause.CERTIFICATE_UNTRUSTED)],
    ids=["away", "junk", "stranger"],
)  # fmt: skip
def test_what_stands_at_the_address_decides(tmp_path: Path, answer: Answer, cause: Cause) -> None:
    async def work(case: Case) -> None:
        assert (await case.verify(signed())).cause is cause

    run(tmp_path, work, answer)


def test_without_anchors_nothing_is_checked(tmp_path: Path) -> None:
    """Nobody is called a fraud because our own list is not there yet; nothing is fetched meanwhile."""

    async def work(case: Case) -> None:
        found = await case.verify(signed())
        assert (found.cause, found.verstat) == (Cause.NOT_CHECKED, Verstat.NONE)
        assert case.server.names == []

    run(tmp_path, work, sends(provider().pem), anchors_url=None)


@pytest.mark.parametrize(("serial", "cause"), [(4_711, Cause.CERTIFICATE_REVOKED), (4_712, Cause.PASSED)])
def test_withdrawn_certificates_are_looked_up(tmp_path: Path, serial: int, cause: Cause) -> None:
    administrator = issue("STI-PA", None, is_authority=True)
    (tmp_path / "administrator.pem").write_bytes(administrator.pem)
    (tmp_path / "withdrawn.pem").write_bytes(indirect_list(administrator, (root(), serial)))

    async def work(case: Case) -> None:
        assert (await case.verify(signed())).cause is cause

    run(
        tmp_path, work, sends(provider().pem),
        crl_url=str(tmp_path / "withdrawn.pem"), administrator_file=tmp_path / "administrator.pem",
    )  # fmt: skip


def test_a_list_of_withdrawn_certificates_that_has_ended_tells_nothing(tmp_path: Path) -> None:
    ended = indirect_list(root(), until=datetime.fromtimestamp(AT_S - 3_600, UTC))
    (tmp_path / "withdrawn.pem").write_bytes(ended)

    async def work(case: Case) -> None:
        assert (await case.verify(signed())).cause is Cause.REVOCATION_UNKNOWN

    run(tmp_path, work, sends(provider().pem), crl_url=str(tmp_path / "withdrawn.pem"))


def test_many_calls_at_a_time_share_one_fetch(tmp_path: Path) -> None:
    async def work(case: Case) -> None:
        found = await asyncio.gather(*(case.verify(signed(origid=str(n)), call=str(n)) for n in range(100)))
        assert {one.cause for one in found} == {Cause.PASSED}
        assert len(case.server.asked) == 1

    run(tmp_path, work, sends(provider().pem))


def test_a_flood_of_headers_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What threads have before them is bounded; the first call is verified whatever its size."""
    monkeypatch.setattr(verifier, "SHORT_CHARACTERS", 0)
    monkeypatch.setattr(verifier, "MOST_CHARACTERS", 100)

    async def work(case: Case) -> None:
        await case.verify(signed())  # has the certificate fetched
        found = await asyncio.gather(*(case.verify(signed(origid=str(n)), call=str(n)) for n in range(10)))
        assert [one.cause for one in found] == [Cause.PASSED] + [Cause.NOT_CHECKED] * 9
        assert (await case.verify(signed(origid="last"), call="last")).cause is Cause.PASSED

    run(tmp_path, work, sends(provider().pem))


def test_long_headers_are_verified_in_a_thread_and_short_ones_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to a thread and back takes longer than one token; what a stranger makes long keeps nobody waiting."""
    threads: list[str] = []

    def noted(*arguments: Any) -> Verdict:
        threads.append(threading.current_thread().name.partition("_")[0])
        return verify(*arguments)

    monkeypatch.setattr(verifier, "verify", noted)

    async def work(case: Case) -> None:
        await case.verify(signed())  # has the certificate fetched
        threads.clear()
        assert (await case.verify(signed(origid="short"), call="short")).cause is Cause.PASSED
        several = [signed(origid=f"{number}") for number in range(5)]
        assert (await case.verify(*several, call="long")).cause is Cause.PASSED
        assert threads == ["MainThread", "verify"]

    run(tmp_path, work, sends(provider().pem))


def test_without_what_tells_calls_apart_nothing_is_a_replay(tmp_path: Path) -> None:
    async def work(case: Case) -> None:
        one, deadline_s = signed(), asyncio.get_running_loop().time() + HANG_S
        for _ in range(2):
            found = await case.made.verifier.verify([one], CALL, call=None, at_ms=AT_MS, deadline_s=deadline_s)
            assert found.cause is Cause.PASSED
        assert (await case.verify(one, call="named")).cause is Cause.PASSED

    run(tmp_path, work, sends(provider().pem))


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "administrator.pem").write_text("no certificate")
    settings = TrustSettings.load(administrator_file=tmp_path / "administrator.pem", cache_url=str(tmp_path))
    with pytest.raises(SettingsInvalid, match="ADMINISTRATOR_FILE"):
        make_verifying(settings)


def test_an_authority_file_that_is_none_is_named(tmp_path: Path) -> None:
    """Of the servers' TLS."""
    (tmp_path / "servers.pem").write_text("no certificate")
    with pytest.raises(SettingsInvalid, match="TLS_CAFILE"):
        make_verifying(TrustSettings.load(tls_cafile=tmp_path / "servers.pem", cache_url=str(tmp_path)))
