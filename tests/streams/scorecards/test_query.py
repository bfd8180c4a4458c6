"""The SQL of a day against the same counted call by call, and what it must not be misled by."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.look_ups.archive import START_MS as BEGIN_MS
from benchmarks.score_days.archive import made, pools_of
from streams.archive.files import ArchiveStore, day_of
from streams.archive.numbers import NumberKey
from streams.archive.query import connected
from streams.kafka.topics import CALL_DECISIONS
from streams.scorecards.cards import By, cards_of
from streams.scorecards.counts import Counts
from streams.scorecards.plan import read_plan
from streams.scorecards.query import DAYS_BEFORE, Days, Key, register
from streams.upstreams.entries import UpstreamRole
from tests.streams.archive.archive_case import DAY_MS, SECRET, START_MS, encoded, put
from tests.streams.scorecards.card_case import DAY, Call, archived, some_calls
from tests.streams.upstreams.upstream_case import upstream

REGISTER = (
    upstream("tg-1", ocn="111A", role=UpstreamRole.INTERMEDIATE),
    upstream("tg-2", ocn="111A", role=UpstreamRole.ORIGINATING),
)
PLAN = read_plan(["prefix,ocn\n", "303555,222B\n", "3035550,111A\n"])
OF_ITSELF = {"upstream", "signer", "registration"}


def counted(store: ArchiveStore, *, has_plan: bool = False, is_digested: bool = False) -> dict[Key, Counts]:
    with connected(store) as connection:
        register(connection, REGISTER, PLAN if has_plan else None)
        lines = Days(connection, is_digested=is_digested).lines(DAY)
    return {(line.trunk_group_id, line.signer): line.counts for line in lines}


def one_by_one(calls: list[Call]) -> dict[Key, Counts]:
    """The slow twin."""
    found: dict[Key, Counter[str]] = {}
    today = Counter(call.calling for call in calls if call.days_ago == 0)
    earlier = {call.calling for call in calls if 1 <= call.days_ago <= 7}
    signers: dict[str, set[str]] = {}
    for call in calls:
        if 1 <= call.days_ago <= 7 and call.signer is not None:
            signers.setdefault(call.calling, set()).add(call.signer)
    ocns = {one.trunk_group_id: (one.ocn, one.role) for one in REGISTER}
    for call in calls:
        if call.days_ago > 7:
            continue
        would = call.action
        codes = [code for code, _ in call.reasons]
        of_trunk = any(" trunk" in text and code in {"block_list", "standing_block"} for code, text in call.reasons)
        of_itself = would != "allow" and (of_trunk or bool(OF_ITSELF & set(codes)))
        is_judged = would is not None and call.decided_by != "fail_open" and not of_itself
        is_suspect = is_judged and would != "allow"
        counts = found.setdefault((call.trunk, call.signer), Counter())
        if call.days_ago:
            counts["judged_before"] += is_judged
            counts["suspect_before"] += is_suspect
            continue
        known_ocn, role = ocns.get(call.trunk, (None, None))
        ocn = known_ocn or call.ocn
        has_a = call.signer is not None and call.attestation == "A"
        counts["calls"] += 1
        counts["judged"] += is_judged
        counts["suspect"] += is_suspect
        counts["invalid"] += call.calling in {"+13031110100", "+12222222222", "12345"}
        counts["with_a"] += has_a
        counts["rotated"] += has_a and is_suspect and today[call.calling] <= 2 and call.calling not in earlier
        counts["signed"] += call.signer is not None and ocn is not None
        is_passing = role is UpstreamRole.INTERMEDIATE
        counts["downstream"] += is_passing and call.signer == ocn and call.attestation in {"A", "B"}
        counts["third_party"] += role is UpstreamRole.ORIGINATING and call.signer not in {None, ocn}
        is_known = call.signer is not None and call.attestation in {"A", "B"} and call.calling in signers
        is_known = is_known and call.calling != "anonymous"
        counts["with_signers"] += is_known
        counts["resigned"] += is_known and call.signer not in signers[call.calling]
        counts["with_ocn"] += call.calling_ocn is not None and ocn is not None
        counts["ocn_unlike"] += call.calling_ocn is not None and ocn is not None and call.calling_ocn != ocn
        counts["refused"] += call.treatment != "block" and "analytics1" in (call.refusal or "")
        counts["tracebacks"] += call.feedback == ("traceback", "robocall")
    judged = {key: counts for key, counts in found.items() if counts["calls"] or counts["judged_before"]}
    return {key: Counts(**counts) for key, counts in judged.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_is_counted_as_call_by_call(seed: int, tmp_path: Path) -> None:
    """Setups and decisions that come twice count once."""
    store = ArchiveStore(str(tmp_path))
    calls = some_calls(seed, 400)
    archived(store, calls, repeats=True)

    assert counted(store) == one_by_one(calls)


def test_with_digests_of_numbers_the_same_is_counted_but_for_refusals(tmp_path: Path) -> None:
    """The archive keeps no Reason header then."""
    store = ArchiveStore(str(tmp_path))
    calls = some_calls(3, 300)
    archived(store, calls, key=NumberKey(SECRET))

    expected = {key: replace(counts, refused=0) for key, counts in one_by_one(calls).items()}
    # A number of repeated digits, +12222222222, keeps its NPA-NXX alone.
    invalid = sum(call.calling == "+12222222222" and call.days_ago == 0 for call in calls)
    found = counted(store, is_digested=True)
    assert sum(one.invalid for one in found.values()) == sum(one.invalid for one in expected.values()) - invalid
    assert {key: asdict(one) | {"invalid": 0} for key, one in found.items()} == {
        key: asdict(one) | {"invalid": 0} for key, one in expected.items()
    }


def test_a_number_that_rotates_is_new_and_seldom_and_suspect(tmp_path: Path) -> None:
    signed = {"signer": "333C", "attestation": "A", "action": "block"}
    numbers = {"once": 1, "twice": 2, "often": 3, "known": 1, "clean": 1}
    calling = {name: f"+1303555{place:04}" for place, name in enumerate(numbers)}
    calls = [Call(100, days_ago=7, calling=calling["known"]), Call(101, days_ago=8, calling=calling["once"])]
    for name, count in numbers.items():
        for _ in range(count):
            more = {**signed, "action": "allow"} if name == "clean" else signed
            calls.append(Call(len(calls), calling=calling[name], **more))  # type: ignore[arg-type]
    store = ArchiveStore(str(tmp_path))
    archived(store, calls)

    found = counted(store)["tg-1", "333C"]
    assert (found.with_a, found.suspect, found.rotated) == (8, 7, 3)


def test_who_signs_anew_for_numbers_of_others_is_counted(tmp_path: Path) -> None:
    """Of numbers whose signers are known: who signed for one in the week before may do so again.

    C says nothing, and a number that is withheld is nobody's.
    """
    usual, other, new = "+13035550101", "+13035550102", "+13035550103"
    before = [
        Call(1, days_ago=7, calling=usual, signer="111A", attestation="A"),
        Call(2, days_ago=1, calling=usual, signer="222B", attestation="C"),
        Call(3, days_ago=8, calling=usual, signer="333C", attestation="A"),
        Call(4, days_ago=2, calling=other, signer="444D", attestation="A", is_own=False),
        Call(5, days_ago=2, calling=new),
        Call(6, days_ago=2, calling="anonymous", signer="111A", attestation="A"),
    ]
    today = [
        Call(11, calling=usual, signer="111A", attestation="A"),
        Call(12, calling=usual, signer="222B", attestation="B"),
        Call(13, calling=usual, signer="333C", attestation="A"),
        Call(14, calling=usual, signer="333C", attestation="C"),
        Call(15, calling=other, signer="333C", attestation="B"),
        Call(16, calling=other),
        Call(17, calling=new, signer="333C", attestation="A"),
        Call(18, calling="anonymous", signer="333C", attestation="A"),
    ]
    store = ArchiveStore(str(tmp_path))
    archived(store, [*before, *today])

    found = {key[1]: (one.with_signers, one.resigned) for key, one in counted(store).items() if key[0] == "tg-1"}

    assert {found["111A"], found["222B"]} == {(1, 0)}
    assert (found["333C"], found[None]) == ((2, 2), (0, 0))


@pytest.mark.parametrize(
    ("is_digested", "calling", "ocn"),
    [
        (False, "+13035550100", "111A"),  # of a block
        (False, "+13035559100", "222B"),  # of its code
        (False, "+13035550100", None),
        (True, "+13035550100", "222B"),
    ],
)
def test_the_plan_says_whose_a_number_is_where_no_event_does(
    is_digested: bool, calling: str, ocn: str | None, tmp_path: Path
) -> None:
    """With digests the seventh digit is not the number's, so only codes are looked at that have no blocks."""
    store = ArchiveStore(str(tmp_path))
    archived(store, [Call(1, calling=calling)])

    found = counted(store, has_plan=ocn is not None, is_digested=is_digested)["tg-1", None]

    is_known = ocn is not None and not is_digested
    assert (found.with_ocn, found.ocn_unlike) == (int(is_known), int(is_known and ocn != "111A"))


def test_campaigns_are_those_that_decisions_name(tmp_path: Path) -> None:
    """A campaign of two trunk groups is one of each, and what is only said in other words is none."""
    score, first, second = ("model", "Score"), ("campaign", "campaign c1"), ("campaign", "campaign c2")
    calls = [
        Call(1, action="label", reasons=(score, first)),
        Call(2, action="block", reasons=(score, first), decided_by="rule"),
        Call(3, trunk="tg-2", action="block", reasons=(score, first)),
        Call(4, trunk="tg-2", action="block", reasons=(("block_list", "The trunk group is on the block list"), second)),
        Call(5, trunk="tg-3", action="block", reasons=(("model", "campaign c3"),)),
        Call(6, trunk="tg-3", days_ago=1, action="block", reasons=(score, second)),
    ]
    store = ArchiveStore(str(tmp_path))
    archived(store, calls, repeats=True)

    with connected(store) as connection:
        register(connection, REGISTER, None)
        lines = Days(connection, is_digested=False).lines(DAY)

    assert {line.trunk_group_id: line.campaigns for line in lines} == {
        "tg-1": {"c1"}, "tg-2": {"c1", "c2"}, "tg-3": frozenset(),
    }  # fmt: skip
    assert {card.key: card.campaigns for card in cards_of(lines, REGISTER, DAY) if card.by is By.SIGNER} == {
        "unsigned": 2
    }


def test_a_decision_of_the_next_day_belongs_to_its_call(tmp_path: Path) -> None:
    store, call = ArchiveStore(str(tmp_path)), Call(1, action="block")
    archived(store, [replace(call, action=None)])
    assert counted(store)["tg-1", None].judged == 0

    put(store, CALL_DECISIONS, [encoded(call.decision())], at_ms=START_MS + DAY_MS)
    found = counted(store)["tg-1", None]
    assert (found.judged, found.suspect) == (1, 1)


def test_days_one_after_the_other_are_as_each_alone(tmp_path: Path) -> None:
    """What was kept of a day is what is asked for the next."""
    store = ArchiveStore(str(tmp_path))
    archived(store, some_calls(4, 300))
    days = [DAY - timedelta(number) for number in range(9)]
    looked: list[date] = []
    with connected(store) as connection:
        register(connection, REGISTER, None)
        counter = Days(connection, is_digested=False)
        together = [counter.lines(day, looked.append) for day in days]
        alone = [Days(connection, is_digested=False).lines(day) for day in days]

    assert together == alone
    assert len(looked) == 9 + 15  # each of the days themselves, and each of those before them once


@pytest.mark.slow
def test_a_day_that_does_not_fit_into_memory_is_counted_all_the_same(tmp_path: Path) -> None:
    """It takes more than the memory that is given here where that has no bound."""
    store, rng, calls = ArchiveStore(str(tmp_path)), np.random.default_rng(5), 360_000
    made(store, DAYS_BEFORE, calls, pools_of(rng, 100_000), rng, [0])
    day = date.fromisoformat(day_of(BEGIN_MS + DAYS_BEFORE * DAY_MS))

    found = []
    for memory_bytes in (128 << 20, None):
        with connected(store, memory_bytes) as connection:
            register(connection, REGISTER, None)
            found.append(Days(connection, is_digested=False).lines(day))

    assert found[0] == found[1]
    assert sum(line.counts.calls for line in found[0]) == calls
    assert sum(line.counts.judged for line in found[0]) == calls


def test_an_empty_archive_has_no_lines(tmp_path: Path) -> None:
    assert counted(ArchiveStore(str(tmp_path))) == {}
