"""What a campaign did, in a bounded memory."""

from detector.campaigns.tally import MOST_NAMES, OTHERS, Tally
from tests.detector.campaigns.calls_of import START_MS, suspect


def test_calls_are_counted_by_what_they_have() -> None:
    tally = Tally(START_MS)
    tally.add(suspect(calling_number="+12125550001", called_number="+12125550100", signer_spc="123A"), "domestic")
    tally.add(suspect(5, calling_number="+12135550001", called_number="+12125550101", attestation="B"), "domestic")
    assert (tally.calls, tally.first_ms, tally.last_ms) == (2, START_MS, START_MS + 5_000)
    assert (tally.neighbours, tally.sequential) == (1, 1)
    assert dict(tally.areas) == {"212": 2}
    assert dict(tally.origins) == {"123A": 1}
    assert dict(tally.levels) == {"": 1, "B": 1}


def test_ends_say_how_many_were_answered_and_how_long() -> None:
    tally = Tally(START_MS)
    tally.end(talk_ms=None)
    tally.end(talk_ms=6_000)
    tally.end(talk_ms=6_001)
    assert (tally.ended, tally.answered, tally.short, tally.talk_ms) == (3, 2, 1, 12_001)


def test_names_without_end_take_no_more_memory() -> None:
    tally = Tally(START_MS)
    for number in range(1_000):
        tally.add(suspect(user_agent=f"agent {number}"), "domestic")
    assert len(tally.agents) == MOST_NAMES + 1
    assert tally.agents[OTHERS] == 1_000 - MOST_NAMES


def test_a_merged_tally_is_that_of_all_calls() -> None:
    calls = [suspect(n) for n in range(20)]
    whole, one, other = Tally(START_MS), Tally(START_MS), Tally(START_MS)
    for call in calls:
        whole.add(call, "domestic")
    for call in calls[:8]:
        one.add(call, "domestic")
    for call in calls[8:]:
        other.add(call, "domestic")
    one.merge(other)
    one.latest_called, one.sequential = whole.latest_called, whole.sequential  # of a sequence the seam is not known
    one.scores = round(one.scores, 6)
    whole.scores = round(whole.scores, 6)
    assert one == whole
