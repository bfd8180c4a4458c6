"""The lists that trust rests on: renewed, never older than before, over restarts too; the last good one stays."""

import asyncio
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from detector.trust.anchors import AnchorList, read_anchor_list
from detector.trust.certificates import Certificate, parse_certificates
from streams.running.failures import Failures
from streams.trust import anchors as module
from streams.trust.anchors import ANCHORS, WITHDRAWN, Sources, TrustLists
from streams.trust.fetching import Fetcher, Limits
from streams.trust.resolving import EVERYWHERE, Resolver
from tests.detector.trust.authority import AT_MS, AT_S, DAY, Owner, indirect_list, issue, root
from tests.streams.trust.https_server import HOST, PORT, fetcher, sends, serving, trusting_tls
from tests.waiting import HANG_S, until

ADMINISTRATOR = issue("STI-PA", None, is_authority=True)
OTHER = issue("Second authority", None, is_authority=True)
DAY_S = 86_400


def pem(owner: Owner) -> str:
    return owner.certificate.public_bytes(Encoding.PEM).decode()


def signed_list(sequence: int, *owners: Owner, signer: Owner = ADMINISTRATOR, end_s: int = AT_S + DAY_S) -> str:
    """The STI-PA's list of these authorities."""
    claims = {"sequence": sequence, "exp": end_s, "trustList": [pem(one) for one in owners or (root(),)]}
    return signer.sign(claims, ppt=None, x5u=None, typ="JWT")


class Case:
    """Files of an operator, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = AT_MS
        self.anchors = folder / "anchors"
        self.withdrawn = folder / "withdrawn"

    def lists(
        self, *, anchors: str | None = None, crl: bool = False, renewal_s: float = 60,
        administrators: tuple[Certificate, ...] = tuple(parse_certificates(pem(ADMINISTRATOR).encode())),
    ) -> TrustLists:  # fmt: skip
        """As a process has them that starts now."""
        url = str(self.anchors) if anchors is None else anchors
        crl_url = str(self.withdrawn) if crl else None
        sources = Sources(url, crl_url, administrators, renewal_s)
        nobody = Fetcher(Limits(1, 1, 1), Resolver(EVERYWHERE), trusting_tls())
        return TrustLists(sources, str(self.folder / "state"), nobody, Failures(lambda _: None), lambda: self.now_ms)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def names(lists: TrustLists) -> list[str]:
    assert lists.anchors is not None
    return sorted(one.subject[-1][1] for one in lists.anchors.anchors.certificates)


def test_a_file_of_certificates_is_in_force_and_followed(case: Case) -> None:
    """The same object while it stays the same, since it knows paths that were checked."""
    lists = case.lists()
    case.anchors.write_text(pem(root()))
    assert asyncio.run(lists.renew()) == []
    first = lists.anchors
    case.now_ms += 1_000
    assert asyncio.run(lists.renew()) == []
    again = lists.anchors
    case.anchors.write_text(pem(root()) + pem(OTHER))
    assert asyncio.run(lists.renew()) == []

    assert first is not None
    assert again is not None
    assert again.anchors is first.anchors
    assert (again.sequence, again.ends_ms, again.seen_ms) == (0, None, AT_MS + 1_000)
    assert names(lists) == ["authority", "second authority"]


def test_the_signed_list_is_in_force_and_a_newer_one_takes_its_place(case: Case) -> None:
    lists = case.lists()
    for sequence, owners in ((4, (root(),)), (5, (root(), OTHER)), (5, (root(), OTHER))):
        case.anchors.write_text(signed_list(sequence, *owners))
        assert asyncio.run(lists.renew()) == []
    assert lists.anchors is not None
    assert (lists.anchors.sequence, lists.anchors.ends_ms) == (5, (AT_S + DAY_S) * 1_000)
    assert names(lists) == ["authority", "second authority"]


@pytest.mark.parametrize(
    "bad",
    [signed_list(4), signed_list(6, signer=OTHER), signed_list(6, end_s=AT_S), "junk", "", pem(OTHER),
     signed_list(6)[:-8] + "AAAAAAAA"],
    ids=["older", "another signer", "ended", "junk", "empty", "certificates alone", "broken signature"],
)  # fmt: skip
def test_a_bad_list_leaves_the_last_good_one(case: Case, bad: str) -> None:
    """In this process and, what is kept, in the next one: nobody rolls a list back by a restart."""
    case.anchors.write_text(signed_list(5))
    lists = case.lists()
    assert asyncio.run(lists.renew()) == []

    case.anchors.write_text(bad)
    (complaint,) = asyncio.run(lists.renew())
    later = case.lists()
    assert asyncio.run(later.restore()) == []
    (again,) = asyncio.run(later.renew())

    assert complaint.startswith("anchors: ")
    assert again == complaint
    for one in (lists, later):
        assert names(one) == ["authority"]
        assert one.anchors is not None
        assert one.anchors.sequence == 5
        assert one.figures()[ANCHORS].failures == 1


def test_the_last_good_list_stays_past_its_end_and_its_age_is_told(case: Case) -> None:
    """Also over a restart long after it."""
    case.anchors.write_text(signed_list(5))
    lists = case.lists()
    asyncio.run(lists.renew())
    case.anchors.unlink()
    case.now_ms += 10 * DAY_S * 1_000
    later = case.lists()
    assert asyncio.run(later.restore()) == []
    assert len(asyncio.run(later.renew())) == 1

    found = later.figures()[ANCHORS]
    assert (found.seen_s, found.ends_s, found.entries, found.failures) == (AT_S, AT_S + DAY_S, 1, 1)


def test_a_kept_list_that_is_damaged_is_told_and_not_used(case: Case) -> None:
    case.anchors.write_text(signed_list(5))
    asyncio.run(case.lists().renew())
    kept = case.folder / "state" / "anchors.list"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes().replace(b'"fetched_ms":1', b'"fetched_ms":2'))
    later = case.lists()

    (complaint,) = asyncio.run(later.restore())
    assert "damaged" in complaint
    assert later.anchors is None
    assert asyncio.run(later.renew()) == []
    assert later.anchors is not None


def test_a_kept_list_of_another_address_is_not_used(case: Case) -> None:
    """Who names another one begins with it."""
    case.anchors.write_text(signed_list(5))
    asyncio.run(case.lists().renew())
    (case.folder / "other").write_text(signed_list(6, OTHER))
    later = case.lists(anchors=str(case.folder / "other"))

    assert asyncio.run(later.restore()) == []
    assert later.anchors is None
    assert asyncio.run(later.renew()) == []
    assert names(later) == ["second authority"]


def test_an_address_that_is_written_otherwise_brings_no_older_list(case: Case) -> None:
    """The number is the signer's, whatever its list is fetched from, and however often that changes."""
    case.anchors.write_text(signed_list(5))
    asyncio.run(case.lists().renew())
    addresses = [f"{case.folder}/./anchors", f"{case.folder}/anchors", f"{case.folder}//anchors"]

    for address, sequence in zip(addresses, (4, 6, 5), strict=True):
        case.anchors.write_text(signed_list(sequence))
        later = case.lists(anchors=address)
        assert asyncio.run(later.restore()) == []
        complaints = asyncio.run(later.renew())

        assert [("older than number" in one) for one in complaints] == [True] * (sequence != 6)
        assert later.anchors is None or later.anchors.sequence in {5, 6}


def test_another_administrator_counts_for_itself(case: Case) -> None:
    """Its list may have any number, and the first one's number is still known afterwards."""
    second = issue("Another STI-PA", None, is_authority=True)
    both = tuple(parse_certificates((pem(ADMINISTRATOR) + pem(second)).encode()))
    found = []
    for sequence, signer in ((5, ADMINISTRATOR), (1, second), (4, ADMINISTRATOR), (5, ADMINISTRATOR)):
        address = case.folder / f"{sequence}-{signer.name}"
        address.write_text(signed_list(sequence, signer=signer))
        lists = case.lists(anchors=str(address), administrators=both)
        assert asyncio.run(lists.restore()) == []
        found.append((len(asyncio.run(lists.renew())), lists.anchors and lists.anchors.sequence))

    assert found == [(0, 5), (0, 1), (1, None), (0, 5)]


def test_withdrawn_certificates_are_looked_at_only_where_it_is_said(case: Case) -> None:
    """And before the first list is there, it cannot be told who is not on it."""
    assert case.lists().revocations is None
    assert case.lists(crl=True).revocations is module.NOBODY_KNOWN


def test_an_older_list_of_withdrawn_certificates_is_refused(case: Case) -> None:
    """By its end; that of the administrator or of an authority counts, and nobody else's."""
    case.anchors.write_text(signed_list(5))
    lists = case.lists(crl=True)
    now = datetime.fromtimestamp(AT_S, UTC)
    complaints = []
    for signer, days in ((ADMINISTRATOR, 2), (ADMINISTRATOR, 1), (OTHER, 3), (root(), 3)):
        case.withdrawn.write_bytes(indirect_list(signer, (root(), 100 + days), until=now + days * DAY))
        complaints.append(asyncio.run(lists.renew()))

    assert [len(one) for one in complaints] == [0, 1, 1, 0]
    assert complaints[1][0].startswith(f"{WITHDRAWN}: ")
    assert lists.withdrawn is not None
    assert {serial for _, serial in lists.withdrawn.revocations.entries} == {103}
    assert lists.figures()[WITHDRAWN].failures == 2


def test_both_lists_come_by_https_from_an_address_of_the_operator(case: Case) -> None:
    """A private one is in order: the operator named it."""

    async def ask() -> None:
        async with serving(sends(signed_list(7).encode())) as server:
            lists = case.lists(anchors=f"https://{HOST}:{PORT}/list")
            lists._fetcher = fetcher(server)
            assert await lists.renew() == []
            assert lists.anchors is not None
            assert lists.anchors.sequence == 7

    asyncio.run(ask())


def test_a_bug_leaves_the_last_good_list(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told like any other complaint."""
    case.anchors.write_text(signed_list(5))
    lists = case.lists()
    assert asyncio.run(lists.renew()) == []

    def fails(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(module, "read_anchor_list", fails)
    assert asyncio.run(lists.renew()) == ["anchors: internal error KeyError"]
    assert names(lists) == ["authority"]


def test_looking_goes_on_in_the_background(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found: sooner again after a failure."""
    monkeypatch.setattr(module, "RETRY_S", 0.01)

    async def ask() -> None:
        lists = case.lists(renewal_s=0.01)
        task = asyncio.create_task(lists.run())
        await until(lambda: lists.figures()[ANCHORS].failures > 1)
        case.anchors.write_text(pem(root()))
        await until(lambda: lists.anchors)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(ask())


def test_calls_go_on_while_a_long_list_is_read(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on the event loop, which owes each call its verdict."""
    began, goes_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> AnchorList:
        began.set()
        assert goes_on.wait(HANG_S)
        return read_anchor_list(*given)

    monkeypatch.setattr(module, "read_anchor_list", slow)
    case.anchors.write_text(signed_list(5))

    async def ask() -> None:
        lists = case.lists()
        task = asyncio.create_task(lists.renew())
        await until(began.is_set)
        goes_on.set()
        assert await task == []
        assert names(lists) == ["authority"]

    asyncio.run(ask())
