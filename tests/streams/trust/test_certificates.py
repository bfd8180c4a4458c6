"""What a verifier asks: never past its deadline, one fetch an address, failures for a short time, shared."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from detector.testing import ManualClock
from detector.trust.certificates import Chain
from detector.trust.verdict import Cause, Refused
from detector.trust.x5u import require_x5u
from streams.trust.cache import ChainCache
from streams.trust.certificates import Certificates, Keeping
from streams.trust.metrics import TrustMetrics
from streams.trust.stored_chains import StoredChains
from tests.detector.trust.authority import AT_MS, AT_S, issue, provider, root, spc, tn_auth_list
from tests.streams.trust.https_server import HOST, PORT, URL, Answer, Server, fetcher, response, sends, serving
from tests.waiting import HANG_S, until

T = TypeVar("T")
DAY_MS = 86_400_000


class Case:
    """A server and who asks it."""

    def __init__(self, server: Server, folder: Path | None, *, waiting: int = 100, running: int = 4) -> None:
        self.server = server
        self.clock = ManualClock(AT_MS)
        self.metrics = TrustMetrics(time.time)
        self.cache = ChainCache(100, 10**6)
        self.stored = None if folder is None else StoredChains(str(folder), 100, 10**6)
        self.certificates = Certificates(
            fetcher(server, running=running), self.cache, self.stored, Keeping(86_400, 7 * 86_400, 60, waiting),
            self.metrics, self.clock,
        )  # fmt: skip

    async def get(self, url: str = URL, wait_s: float = HANG_S) -> Chain | Refused:
        return await self.certificates.get(url, asyncio.get_running_loop().time() + wait_s)

    def looked_up(self) -> dict[str, float]:
        samples = (one for family in self.metrics.collect() for one in family.samples)
        return {one.labels["source"]: one.value for one in samples if one.name == "robocall_trust_certificates_total"}


def run(work: Callable[[Case], Awaitable[T]], answer: Answer, folder: Path | None = None, **bounds: int) -> T:
    async def whole() -> T:
        async with serving(answer) as server:
            case = Case(server, folder, **bounds)
            try:
                return await work(case)
            finally:
                await case.certificates.close()

    return asyncio.run(whole())


def cause(found: Chain | Refused) -> Cause:
    assert isinstance(found, Refused)
    return found.cause


def is_lawful(url: str) -> bool:
    try:
        require_x5u(url)
    except Refused:
        return False
    return True


def cut(folder: Path) -> None:
    """Damage the only file there."""
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-5])


def held(content: bytes) -> tuple[Answer, asyncio.Event]:
    """A server that answers when it is let."""
    may = asyncio.Event()

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        await may.wait()
        writer.write(response(content))

    return answer, may


def test_a_chain_is_fetched_once_and_parsed_once() -> None:
    async def work(case: Case) -> None:
        first, second = await case.get(), await case.get()
        assert isinstance(first, Chain)
        assert first.fingerprint == provider().chain().fingerprint
        assert second is first
        assert len(case.server.asked) == 1
        assert case.looked_up() == {"server": 1, "memory": 1}

    run(work, sends(provider().pem))


def test_who_cannot_wait_has_not_checked_and_the_next_one_has_it() -> None:
    """The fetch goes on without anybody."""
    answer, may = held(provider().pem)

    async def work(case: Case) -> None:
        assert cause(await case.get(wait_s=0.05)) is Cause.NOT_CHECKED
        assert cause(await case.get(wait_s=-1)) is Cause.NOT_CHECKED
        may.set()
        await until(lambda: case.cache.chains)
        assert isinstance(await case.get(wait_s=0), Chain)
        assert len(case.server.asked) == 1

    run(work, answer)


def test_many_who_ask_at_a_time_cause_one_fetch() -> None:
    """And who gives up does not end it for the others."""
    answer, may = held(provider().pem)

    async def work(case: Case) -> None:
        asking = [asyncio.create_task(case.get()) for _ in range(200)]
        await until(lambda: case.server.asked)
        asking[0].cancel()
        may.set()
        found = await asyncio.gather(*asking[1:])
        assert len({id(one) for one in found}) == 1
        assert isinstance(found[0], Chain)
        assert len(case.server.asked) == 1

    run(work, answer)


def test_a_failure_is_kept_for_a_short_time() -> None:
    """Then the server is asked again."""

    async def work(case: Case) -> None:
        for _ in range(3):
            assert cause(await case.get()) is Cause.CERTIFICATE_UNAVAILABLE
        assert len(case.server.asked) == 1
        case.clock.advance(60_000)
        await case.get()
        assert len(case.server.asked) == 2

    run(work, sends(b"", status="404 Not Found"))


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                     provider().pem * 4, bytes(70_000)],
                         ids=["empty", "junk", "PEM of nothing", "too many", "too long"])  # fmt: skip
def test_what_is_no_chain_is_malformed(content: bytes) -> None:
    async def work(case: Case) -> None:
        assert cause(await case.get()) is Cause.CERTIFICATE_MALFORMED
        assert (case.cache.chains, case.cache.refusals) == (0, 1)

    run(work, sends(content))


def test_no_more_fetches_wait_than_may() -> None:
    """A flood of addresses gets `not_checked` at once."""
    answer, may = held(provider().pem)

    async def work(case: Case) -> None:
        found = await asyncio.gather(*(case.get(f"{URL}{number}", 0.05) for number in range(10)))
        assert [cause(one) for one in found] == [Cause.NOT_CHECKED] * 10
        assert case.looked_up() == {"late": 3, "refused": 7}
        may.set()
        await until(lambda: case.cache.chains == 3)

    run(work, answer, waiting=3)


@pytest.mark.parametrize(
    "url",
    ["", "junk", "http://certificates.example.org/a.pem", "https://certificates.example.org:8080/a.pem",
     "https://user@certificates.example.org/a.pem", "https://certificates.example.org/a.pem?b"],
)  # fmt: skip
def test_an_address_that_breaks_the_rules_is_not_asked_for(url: str) -> None:
    """Not even its name is looked up, and nothing is kept of it."""

    async def work(case: Case) -> None:
        assert cause(await case.get(url)) is Cause.INFO_INVALID
        assert (case.server.names, case.cache.refusals) == ([], 0)

    run(work, sends(provider().pem))


def test_of_addresses_seen_in_real_calls_those_by_the_rules_alone_are_looked_up(reference_data: Path) -> None:
    """Plain http, other ports, bare addresses: none is ever asked, and no name outside of this machine is."""
    every = dict.fromkeys((reference_data / "x5u" / "dev_urls.txt").read_text().split())
    urls = [url for number, url in enumerate(every) if number % 10 == 0 or not is_lawful(url)]

    async def work(case: Case) -> None:
        case.server.address = "10.0.0.1"  # outside of what the lab allows, so that nothing is connected to
        assert {cause(await case.get(url)) for url in urls} == {Cause.INFO_INVALID}
        lawful = [url for url in urls if is_lawful(url)]
        assert case.server.names == [urlsplit(url).hostname for url in lawful]
        assert 800 < len(lawful) < len(urls) - 20

    run(work, sends(b""), waiting=10)


@pytest.mark.parametrize(
    ("header", "kept_s"),
    [("X: y", 86_400), ("Cache-Control: max-age=7200", 7_200), ("Cache-Control: no-store", 300),
     ("Cache-Control: max-age=99999999", 7 * 86_400)],
)  # fmt: skip
def test_a_chain_is_kept_as_its_server_says_within_bounds(header: str, kept_s: int) -> None:
    async def work(case: Case) -> None:
        await case.get()
        case.clock.advance(kept_s * 1_000 - 1)
        await case.get()
        assert len(case.server.asked) == 1
        case.clock.advance(1)
        await case.get()
        assert len(case.server.asked) == 2

    run(work, sends(provider().pem, header))


@pytest.mark.parametrize(("last_day", "kept_s"), [(1, 86_400), (-1, 60)])
def test_a_chain_is_kept_no_longer_than_it_is_valid(last_day: int, kept_s: int) -> None:
    """One that has expired is asked for again soon: its signer may have put a new one there."""
    owner = issue("Short", root(), tn_auth_list(spc("9")), days=(-30, last_day))
    keeping = Keeping(7 * 86_400, 7 * 86_400, 60, 1)
    assert (keeping.until_ms(None, owner.chain(), AT_S * 1_000) - AT_MS) // 1_000 == kept_s


def test_another_process_need_not_ask(tmp_path: Path) -> None:
    """It finds the chain in the shared place, for as long as the first one may keep it."""

    async def work(case: Case) -> None:
        await case.get()
        await case.certificates.close()
        other = Case(case.server, tmp_path)
        assert isinstance(await other.get(), Chain)
        assert other.looked_up() == {"shared": 1}
        late = Case(case.server, tmp_path)
        late.clock.advance(DAY_MS)
        assert isinstance(await late.get(), Chain)
        assert late.looked_up() == {"server": 1}
        assert len(case.server.asked) == 2
        await late.certificates.close()

    run(work, sends(provider().pem), tmp_path)


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    async def work(case: Case) -> None:
        await case.get()
        await case.certificates.close()
        cut(tmp_path)
        other = Case(case.server, tmp_path)
        assert isinstance(await other.get(), Chain)
        await other.certificates.close()
        assert other.looked_up() == {"server": 1}
        assert other.stored is not None
        assert other.stored.read(URL) is not None

    run(work, sends(provider().pem), tmp_path)


def test_a_place_that_cannot_be_written_costs_nothing_but_sharing(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "taken").write_text("")

    async def work(case: Case) -> None:
        assert isinstance(await case.get(), Chain)
        assert isinstance(await case.get(), Chain)
        assert len(case.server.asked) == 1

    run(work, sends(provider().pem), tmp_path / "taken" / "folder")


def test_a_place_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """Longer than a moment."""

    async def work(case: Case) -> None:
        class Hangs(StoredChains):
            def read(self, url: str) -> None:
                assert url
                time.sleep(5)

        case.certificates._stored = Hangs(str(tmp_path), 10, 10**6)
        began_s = time.monotonic()
        assert isinstance(await case.get(wait_s=4), Chain)
        assert time.monotonic() - began_s < 4

    run(work, sends(provider().pem), tmp_path)


def test_closing_ends_what_runs() -> None:
    async def work(case: Case) -> None:
        asking = asyncio.create_task(case.get())
        await until(lambda: case.server.asked)
        await case.certificates.close()
        assert cause(await asking) is Cause.NOT_CHECKED

    async def never(_path: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(HANG_S)

    run(work, never)


def test_a_bug_is_counted_and_costs_no_call_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised: it cannot be told, for a minute."""

    async def work(case: Case) -> None:
        async def fails(*_: object) -> None:
            raise KeyError("a bug")

        monkeypatch.setattr(case.certificates._fetcher, "fetch", fails)
        assert cause(await case.get()) is Cause.NOT_CHECKED
        samples = [one for family in case.metrics.collect() for one in family.samples]
        assert [one.value for one in samples if one.labels.get("cause") == "KeyError" and "total" in one.name] == [1]

    run(work, sends(provider().pem))


def test_the_address_decides_and_not_the_order_of_names() -> None:
    """Two addresses of one host are two entries."""

    async def work(case: Case) -> None:
        await case.get(f"https://{HOST}:{PORT}/a.pem")
        await case.get(f"https://{HOST}:{PORT}/b.pem")
        assert (case.cache.chains, len(case.server.asked)) == (2, 2)

    run(work, sends(provider().pem))
