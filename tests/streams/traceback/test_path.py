"""The path: to the point of entry where the answers reach it, else it says where it ends; nobody is blamed by guess."""

from hypothesis import given
from hypothesis import strategies as st

from streams.traceback.path import Path, State, path_of
from streams.traceback.records import Customer, Hop, Status
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
    assert said(hop("transit", "a"), hop("transit", "b")) == "transit answered twice, and had it from a and b"
    first = hop("us", "transit", time_ms=NOON_MS)
    late = path_of(traced(first, hop("transit", "origin", time_ms=NOON_MS + 400_000)))
    assert late.contradictions == ("transit has it 400 s apart from us: is it the same call?",)


def test_of_two_answers_the_later_one_counts() -> None:
    path = path_of(traced(CHAIN[0], hop("transit", status=Status.NO_RESPONSE), *CHAIN[1:]))
    assert (path.state, path.contradictions) == (State.END_CUSTOMER, ())


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
    if path.entry is not None:
        assert any(
            one.provider == path.entry and one.status.value == path.state.value for one in [hop("a", "b"), *answers]
        )
