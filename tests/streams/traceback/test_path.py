"""The path: to the point of entry where the answers reach it, else it says where it ends; nobody is blamed by guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.traceback.path import Path, State, path_of
from streams.traceback.records import Customer, Hop, Provider, Status, same
from tests.streams.traceback.traceback_case import NOON_MS, hop, provider, traced

CHAIN = (
    hop("us", "transit"),
    hop("transit", "origin", sent_to=provider("us")),
    hop("origin", status=Status.END_CUSTOMER, sent_to=provider("transit"), customer=Customer(name="a dialler")),
)


NAMES = st.sampled_from("abcde")


def answered(who: str, source: str | None, status: Status, sent_to: str | None) -> Hop:
    return hop(who, source, status, sent_to=None if sent_to is None else provider(sent_to))


def names(path: Path) -> list[str | None]:
    return [step.provider.name for step in path.steps]


def test_a_whole_chain_leads_to_the_originating_provider() -> None:
    path = path_of(traced(*CHAIN))
    assert (path.state, path.entry, path.contradictions) == (State.END_CUSTOMER, provider("origin"), ())
    assert names(path) == ["us", "transit", "origin"]
    assert not any(step.is_gap for step in path.steps)


def test_a_gateway_is_the_point_of_entry() -> None:
    path = path_of(traced(CHAIN[0], hop("transit", "abroad", Status.FOREIGN)))
    assert (path.state, path.entry) == (State.FOREIGN, provider("transit"))


def test_whoever_does_not_answer_is_a_gap_at_which_the_path_ends() -> None:
    assert path_of(traced(CHAIN[0])).state is State.OPEN
    path = path_of(traced(CHAIN[0], hop("transit", status=Status.NO_RESPONSE)))
    assert (path.state, path.entry, names(path)) == (State.NO_RESPONSE, None, ["us", "transit"])
    assert path.steps[-1].is_gap


def test_a_gap_is_bridged_by_the_single_one_who_sent_the_call_there() -> None:
    path = path_of(traced(CHAIN[0], CHAIN[2]))
    assert (path.state, path.entry, names(path)) == (
        State.END_CUSTOMER,
        provider("origin"),
        ["us", "transit", "origin"],
    )
    assert [step.is_gap for step in path.steps] == [False, True, False]


def test_a_gap_is_not_bridged_where_two_sent_a_call_there_or_another_call_was_near() -> None:
    other = hop("elsewhere", status=Status.END_CUSTOMER, sent_to=provider("transit"))
    path = path_of(traced(CHAIN[0], CHAIN[2], other))
    assert (path.state, path.entry) == (State.OPEN, None)
    assert path.contradictions == ("elsewhere and origin say that they sent it to transit",)
    assert path_of(traced(CHAIN[0], CHAIN[2], rivals=1)).entry is None


def test_contradictions_are_said() -> None:
    def said(*answers: Hop) -> str:
        return "; ".join(path_of(traced(CHAIN[0], *answers)).contradictions)

    assert said(hop("transit", status=Status.NOT_FOUND)) == "us had it from transit, which has no such call"
    assert (
        said(hop("transit", "origin", sent_to=provider("x")))
        == "us had it from transit, which says that it sent it to x"
    )
    assert said(hop("transit", "us")) == "the path comes back to us"
    twice = said(hop("transit", "a"), hop("transit", "b"))
    assert twice == "transit answered twice: found, from a; found, from b"
    first = hop("us", "transit", time_ms=NOON_MS)
    late = path_of(traced(first, hop("transit", "origin", time_ms=NOON_MS + 400_000)))
    assert late.contradictions == ("transit has it 400 s apart from us: is it the same call?",)


@pytest.mark.parametrize("silence", [Status.NO_RESPONSE, Status.OPEN])
def test_that_nothing_was_said_replaces_no_answer(silence: Status) -> None:
    before = path_of(traced(CHAIN[0], hop("transit", status=silence), *CHAIN[1:]))
    behind = path_of(traced(*CHAIN, hop("origin", status=silence), hop("transit", status=silence)))
    for path in (before, behind):
        assert (path.state, path.entry, path.contradictions) == (State.END_CUSTOMER, provider("origin"), ())


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (hop("origin", status=Status.END_CUSTOMER, customer=Customer(name="a victim")), "customer a victim"),
        (hop("origin", "abroad", Status.FOREIGN), "foreign, from abroad"),
        (hop("origin", status=Status.NOT_FOUND), "not_found"),
        (hop("origin", "further"), "found, from further"),
        (hop("transit", status=Status.END_CUSTOMER), "transit answered twice: found, from origin, sent to us; end_cus"),
        (hop("transit", status=Status.NOT_FOUND), "not_found"),
        (hop("transit", "origin", sent_to=provider("x")), "sent to x"),
    ],
)
def test_of_two_answers_that_differ_neither_names_a_point_of_entry(later: Hop, told: str) -> None:
    path = path_of(traced(*CHAIN, later))
    assert path.entry is None
    assert told in "; ".join(path.contradictions)


def test_two_answers_of_which_one_says_more_do_not_differ() -> None:
    shorter = (hop("transit", "origin"), hop("origin", status=Status.END_CUSTOMER))
    path = path_of(traced(*CHAIN, *shorter))
    assert (path.entry, path.contradictions) == (provider("origin"), ())


def test_no_point_of_entry_is_named_while_neighbours_contradict_each_other() -> None:
    """It says that it sent the call elsewhere, three days earlier: perhaps it is another call."""
    first = hop("us", "origin", time_ms=NOON_MS)
    other = hop("origin", status=Status.END_CUSTOMER, sent_to=provider("x"), time_ms=NOON_MS - 259_200_000)
    path = path_of(traced(first, other))
    assert (path.state, path.entry, len(path.contradictions)) == (State.CONTRADICTED, None, 2)


def test_a_gap_is_not_bridged_by_a_claim_that_was_taken_back() -> None:
    path = path_of(traced(CHAIN[0], CHAIN[2], hop("origin", status=Status.NOT_FOUND)))
    assert (path.state, path.entry) == (State.OPEN, None)
    assert "origin answered twice" in path.contradictions[0]
    taken_back = (hop("elsewhere", sent_to=provider("transit")), hop("elsewhere", status=Status.NOT_FOUND))
    assert path_of(traced(CHAIN[0], CHAIN[2], *taken_back)).entry is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Provider(name="West LLC", frn="0016085920"), Provider(name="West Voice", frn="16085920")),
        (Provider(name="West LLC", ocn="12AB"), Provider(name="West Voice", ocn="12ab")),
        (Provider(name="West Voice, LLC"), Provider(name="WEST VOICE LLC", ocn="12ab")),
    ],
)
def test_codes_are_compared_as_people_write_them(ours: Provider, theirs: Provider) -> None:
    first = Hop(provider=provider("us"), status=Status.FOUND, received_from=ours)
    path = path_of(traced(first, Hop(provider=theirs, status=Status.END_CUSTOMER)))
    assert (path.state, path.entry) == (State.END_CUSTOMER, theirs)


def test_other_codes_are_other_providers_whatever_they_are_called() -> None:
    assert not same(Provider(name="West", ocn="12AB"), Provider(name="West", ocn="12AC"))
    assert not same(Provider(name="West", frn="0016085920"), Provider(name="West", frn="1600085920"))
    assert not same(Provider(name="?!"), Provider(name="..."))


def test_an_ambiguous_answer_goes_on_only_where_all_calls_came_from_one() -> None:
    assert path_of(traced(CHAIN[0], hop("transit", status=Status.AMBIGUOUS), CHAIN[2])).state is State.AMBIGUOUS
    path = path_of(traced(CHAIN[0], hop("transit", "origin", Status.AMBIGUOUS), CHAIN[2]))
    assert (path.state, path.entry) == (State.END_CUSTOMER, provider("origin"))


def test_an_ambiguous_answer_is_the_point_of_entry_where_all_calls_entered_there() -> None:
    path = path_of(traced(CHAIN[0], hop("transit", status=Status.AMBIGUOUS, is_entry=True)))
    assert (path.state, path.entry) == (State.AMBIGUOUS, provider("transit"))


def test_an_upstream_that_nobody_knows_is_said() -> None:
    assert path_of(traced(hop("us"))).state is State.UNKNOWN_UPSTREAM


ANSWERS = st.builds(answered, NAMES, st.none() | NAMES, st.sampled_from(list(Status)), st.none() | NAMES)


@given(answers=st.lists(ANSWERS, max_size=8), rivals=st.integers(0, 1))
def test_whatever_is_answered_the_path_ends_and_an_entry_has_said_so_itself(answers: list[Hop], rivals: int) -> None:
    path = path_of(traced(hop("a", "b"), *answers, rivals=rivals))
    passed = [name for name in names(path) if name]
    assert len(passed) == len(set(passed))
    assert (path.entry is not None) == (path.state in {State.END_CUSTOMER, State.FOREIGN})  # none said `is_entry`
    assert path.entry is None or not path.contradictions
    if path.entry is not None:
        assert any(
            one.provider == path.entry and one.status.value == path.state.value for one in [hop("a", "b"), *answers]
        )
