"""Campaigns from calls: named early, one name for one campaign, and a memory that is bounded."""

import copy
import random
from dataclasses import replace

from detector.campaigns.calls import SuspectCall
from detector.campaigns.cells import BUSY_CALLS, MOST_NEAR, Bounds, Cells
from detector.campaigns.grouping import FEWEST_CALLS, Campaigns
from detector.campaigns.joining import Sign
from tests.detector.campaigns.calls_of import START_MS, suspect


def _add(grouping: Campaigns, calls: list[SuspectCall]) -> list[str]:
    return [grouping.add(call) for call in calls]


def test_rotating_numbers_by_one_way_are_one_campaign_from_the_fifth_call_on() -> None:
    grouping = Campaigns()
    names = _add(grouping, [suspect(n) for n in range(20)])
    assert names[: FEWEST_CALLS - 1] == [""] * (FEWEST_CALLS - 1)
    assert len(set(names[FEWEST_CALLS - 1 :])) == 1
    assert grouping.by_id[names[-1]].tally.calls == 20


def test_the_same_calls_have_the_same_names_whoever_reads_them() -> None:
    calls = [suspect(n, trunk_group_id=f"t-{n % 3}") for n in range(60)]
    assert _add(Campaigns(), calls) == _add(Campaigns(), calls)


def test_campaigns_by_other_ways_have_other_names() -> None:
    grouping = Campaigns()
    names = _add(grouping, [suspect(n, trunk_group_id=f"t-{n % 2}") for n in range(20)])
    assert len(set(names[-2:])) == 2


def test_of_two_campaigns_that_turn_out_to_be_one_the_older_name_stays() -> None:
    grouping = Campaigns()
    older = _add(grouping, [suspect(n, trunk_group_id="t-1", calling_number=f"+1212555{n:04d}") for n in range(9)])[-1]
    again = [f"+1212555{n % 9:04d}" for n in range(12)]
    others = [suspect(20 + n, trunk_group_id="t-2", calling_number=number) for n, number in enumerate(again)]
    names = _add(grouping, others)
    younger = names[FEWEST_CALLS - 1]
    assert younger not in {"", older}
    assert names[-1] == older == grouping.named(younger)
    [merge] = grouping.by_id[older].merges
    assert (merge.id, merge.sign) == (younger, Sign.NUMBERS)
    assert grouping.by_id[older].tally.calls == 21
    assert younger not in grouping.by_id


def test_a_number_that_calls_much_is_told_from_the_others_of_its_way() -> None:
    grouping = Campaigns()
    flood = "+12125550123"
    calls = [suspect(n, calling_number=flood) if n % 2 else suspect(n) for n in range(80)]
    names = _add(grouping, calls)
    assert names[-1] != names[-2]
    assert {name for name, call in zip(names[40:], calls[40:], strict=True) if call.calling_number == flood} == {
        names[-1]
    }


def test_a_number_that_made_a_campaign_keeps_its_name() -> None:
    grouping = Campaigns()
    names = _add(grouping, [suspect(n, calling_number="+12125550123") for n in range(3 * BUSY_CALLS)])
    assert len(set(names[FEWEST_CALLS - 1 :])) == 1


def test_a_signer_that_gives_each_call_an_origid_is_one_campaign() -> None:
    grouping = Campaigns()
    names = _add(grouping, [suspect(n, signer_spc="123A", origid=f"o-{n}") for n in range(60)])
    assert names[-1]
    assert len(set(names[-20:])) == 1


def test_ends_are_counted_for_the_campaign_of_their_call() -> None:
    grouping = Campaigns()
    calls = [suspect(n) for n in range(6)]
    name = _add(grouping, calls)[-1]
    for call in calls:
        grouping.end(call.call_id, 4_000)
    grouping.end(calls[0].call_id, 4_000)  # a second end of a call is none
    grouping.end("of nobody", None)
    tally = grouping.by_id[name].tally
    assert (tally.ended, tally.answered, tally.short) == (6, 6, 6)


def test_what_comes_after_a_long_silence_is_another_campaign() -> None:
    grouping = Campaigns(Bounds(idle_ms=3_600_000))
    before = _add(grouping, [suspect(n) for n in range(10)])[-1]
    after = _add(grouping, [suspect(3_700 + n) for n in range(10)])[-1]
    assert before
    assert after not in {"", before}


def test_memory_is_bounded_and_what_had_to_go_is_counted() -> None:
    grouping = Campaigns(Bounds(cells=10, numbers=10), most=5, most_open=20)
    for n in range(2_000):
        grouping.add(suspect(n, trunk_group_id=f"t-{n // 10}"))
    assert len(grouping.by_id) == 5
    assert grouping.forgotten.cells == 200 - 10
    assert grouping.forgotten.campaigns == 200 - 5
    assert grouping.forgotten.open_calls == 2_000 - 20


def test_random_calls_never_break_the_books() -> None:
    chance = random.Random(3)
    grouping = Campaigns(Bounds(cells=30, numbers=50), most=20, most_open=50)
    for n in range(5_000):
        fields = {
            "trunk_group_id": f"t-{chance.randrange(6)}",
            "signer_spc": chance.choice(["", "123A", "456B"]),
            "origid": f"o-{chance.randrange(4)}",
            "calling_number": f"+1212555{int(chance.expovariate(0.02)):04d}",
        }
        name = grouping.add(suspect(n * chance.choice([1, 1, 20]), **fields))
        assert not name or grouping.named(name) in grouping.by_id
        assert len(grouping.by_id) <= 20
    assert all(campaign.id == name for name, campaign in grouping.by_id.items())


def test_a_restart_goes_on_with_names_and_counts() -> None:
    before = Campaigns()
    calls = [suspect(n, trunk_group_id=f"t-{n % 2}") for n in range(40)]
    calls += [suspect(50 + n, calling_number="+12125550123") for n in range(20)]
    names = dict(zip([call.call_id for call in calls], _add(before, calls), strict=True))
    after = Campaigns()
    after.restore([copy.deepcopy(one) for one in before.by_id.values()], before.aliases)
    again = [
        suspect(100, trunk_group_id="t-0"),
        suspect(101, trunk_group_id="t-1"),
        suspect(102, calling_number="+12125550123", trunk_group_id="elsewhere"),
    ]
    expected = [names[calls[38].call_id], names[calls[39].call_id], names[calls[-1].call_id]]
    assert [after.find(call) for call in again] == expected
    assert _add(after, again) == expected
    assert after.by_id[expected[0]].tally.calls == before.by_id[expected[0]].tally.calls + 1


def test_a_name_gives_no_number_away() -> None:
    """Names stay in an archive where numbers are digests: other numbers have the same name."""
    flood = [suspect(n, calling_number="+12125550123") for n in range(BUSY_CALLS + 20)]
    others = [replace(call, calling_number="+13105550177") for call in flood]
    assert _add(Campaigns(), flood) == _add(Campaigns(), others)


def test_what_has_not_called_for_long_is_forgotten_with_its_former_names() -> None:
    grouping = Campaigns()
    _add(grouping, [suspect(n, trunk_group_id="t-1", calling_number=f"+1212555{n:04d}") for n in range(9)])
    again = [f"+1212555{n % 9:04d}" for n in range(12)]
    younger = _add(grouping, [suspect(20 + n, trunk_group_id="t-2", calling_number=c) for n, c in enumerate(again)])[4]
    stays = _add(grouping, [suspect(100 + n, trunk_group_id="t-3") for n in range(9)])[-1]
    older = grouping.named(younger)
    grouping.changed.clear()
    grouping.forget_idle(START_MS + 60_000)
    assert list(grouping.by_id) == [stays]
    assert grouping.aliases == {}
    assert set(grouping.changed) == {older, younger}


def test_a_way_whose_campaign_was_forgotten_makes_another_one() -> None:
    grouping = Campaigns()
    first = _add(grouping, [suspect(n) for n in range(9)])[-1]
    grouping.forget_idle(START_MS + 60_000)
    second = _add(grouping, [suspect(100 + n) for n in range(9)])[-1]
    assert second not in {"", first}


def test_a_cell_is_held_against_a_bounded_number_of_others() -> None:
    """Numbers that each call much by one trunk group: the latest ones are compared, and only so many."""
    cells = Cells(Bounds())
    busy = [f"+1212555{n:04d}" for n in range(2 * MOST_NEAR)]
    for number in busy:
        for _ in range(BUSY_CALLS):
            memory = cells.take(suspect(calling_number=number))
    near = [one.cell.number for one in cells.near(memory)]
    assert len(near) <= 2 * MOST_NEAR  # by the trunk group, and by the number itself
    assert busy[-2] in near
    assert busy[0] not in near
