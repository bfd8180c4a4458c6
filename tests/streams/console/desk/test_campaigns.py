"""Campaigns as pages show them: the latest record counts, merged ones lead on, and memory is bounded."""

from dataclasses import replace

import pytest

from detector.campaigns.grouping import Campaigns
from detector.contract.events import Verdict
from streams.campaigns.records import CampaignRecord, encoded, record_of
from streams.campaigns.verdicts import verdict_on
from streams.console.desk import campaigns as module
from streams.console.desk.campaigns import CampaignMemory
from tests.detector.campaigns.calls_of import START_MS, suspect

NOW_S = START_MS / 1_000 + 100


def record(trunk: str, calls: int = 8, **fields: object) -> CampaignRecord:
    """A record as the service publishes it; `fields` are those of each call."""
    grouping = Campaigns()
    for number in range(calls):
        grouping.add(suspect(number, trunk_group_id=trunk, **fields))
    (one,) = grouping.by_id.values()
    return record_of(one, {})


def put(memory: CampaignMemory, *records: CampaignRecord) -> None:
    for one in records:
        memory.take(one.id.encode(), encoded(one))


def test_size_spread_and_why_are_those_of_the_record() -> None:
    """The latest ten calls are kept, the latest one first."""
    memory, made = CampaignMemory(lambda: NOW_S), record("tg-1", 30)

    put(memory, made)
    (shown,) = memory.within(3_600)

    assert (shown.id, shown.kind, shown.calls, shown.numbers) == (made.id, made.kind, 30, made.numbers)
    assert (shown.trunks, shown.evidence) == (("tg-1",), made.evidence)
    assert sum(calls for _, calls in shown.areas) == 30
    assert list(shown.examples) == list(reversed(made.examples))[:10]


def test_a_number_that_calls_much_has_the_trunk_groups_of_its_calls() -> None:
    """Its cell names none: it is one by whatever way its calls come."""
    memory, made = CampaignMemory(lambda: NOW_S), record("tg-1", 30, calling_number="+12025550166")

    put(memory, made)

    assert [cell.trunk_group_id for cell in made.cells] == [""]
    assert memory.within(3_600)[0].trunks == ("tg-1",)


def test_campaigns_that_called_in_the_span_are_listed_by_their_calls() -> None:
    """One that is silent for longer is not."""
    now = [NOW_S]
    memory = CampaignMemory(lambda: now[0])
    small, large = record("tg-1", 8), record("tg-2", 20)
    put(memory, small, large)

    assert [one.id for one in memory.within(3_600)] == [large.id, small.id]
    now[0] += 4_000
    assert memory.within(3_600) == []


def test_a_merged_one_leads_on_and_a_deleted_one_is_gone() -> None:
    """Links to the old name keep working. What is no campaign is counted."""
    memory = CampaignMemory(lambda: NOW_S)
    old, middle, kept = record("tg-1"), record("tg-2"), record("tg-3")
    put(memory, old, middle, kept)
    put(memory, replace(old, merged_into=middle.id), replace(middle, merged_into=kept.id))

    for name in (old.id, middle.id, kept.id):
        found = memory.find(name)
        assert found is not None
        assert found.id == kept.id
    memory.take(kept.id.encode(), None)
    memory.take(b"x", b"junk")
    assert memory.find(kept.id) is None
    assert memory.find("unknown") is None
    assert memory.unreadable == 1


def test_two_that_name_each_other_end() -> None:
    """Nobody publishes that; a page must not hang for it."""
    memory, one, other = CampaignMemory(lambda: NOW_S), record("tg-1"), record("tg-2")

    put(memory, replace(one, merged_into=other.id), replace(other, merged_into=one.id))

    assert memory.find(one.id) is None


def test_beyond_the_bound_the_one_that_changed_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that comes again counts as new."""
    monkeypatch.setattr(module, "MOST_CAMPAIGNS", 2)
    memory = CampaignMemory(lambda: NOW_S)
    first, second, third = (record(f"tg-{number}") for number in range(3))

    put(memory, first, second, first, third)

    assert {one.id for one in memory.within(3_600)} == {first.id, third.id}


def test_what_a_person_said_stays_until_it_is_taken_back() -> None:
    memory, made = CampaignMemory(lambda: NOW_S), record("tg-1")
    key, value = verdict_on(made, Verdict.LEGITIMATE, who="mlee", why="a school")
    memory.take(key, value)
    put(memory, made)
    assert (memory.verdicts[made.id].verdict, memory.verdicts[made.id].who) == (Verdict.LEGITIMATE, "mlee")
    memory.take(key, None)
    assert (memory.verdicts, memory.unreadable) == ({}, 0)
    memory.take(key, b"junk")
    assert (memory.verdicts, memory.unreadable) == ({}, 1)
