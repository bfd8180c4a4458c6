"""`enforce` for a share of callers, where calls come as JSON: lots are those of the numbers, however written."""

from hypothesis import given
from hypothesis import strategies as st

from detector.columns.hashing import hash_text
from detector.columns.setups import LOT_SEED, LOTS
from detector.contract.decisions import Action, Mode
from detector.contract.numbers import is_e164
from detector.policy.lists import Lists
from detector.policy.reasons import LEFT_OUT
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecisions
from detector.testing import BY_ORDER
from detector.windows import WindowEngine
from streams.screening.pipeline import Pipeline
from streams.wire.record_columns import records_of
from tests.streams.screening.pipeline_case import SMALL, Certain, setup

HALF = Policy(mode=Mode.ENFORCE, budgets=BY_ORDER, enforce_percent=50.0)
NUMBERS = st.integers(2_000_000_000, 9_999_999_999).map(lambda n: f"+1{n}")
WRITTEN = st.sampled_from(["{}", "tel:{}", "<sip:{}@host;user=phone>", "{} ext. 5"])
ODD = st.sampled_from(["anonymous", "+442079460000", "é", "+12\u202f02", 'a"b\\'])


def world(policy: Policy) -> Pipeline:
    screener = Screener(WindowEngine(SMALL), Certain(1.0), policy, Lists(), StandingDecisions())
    failures: list[Exception] = []
    return Pipeline(screener, seed=1, on_failure=failures.append)


@given(st.lists(st.tuples(NUMBERS, WRITTEN) | st.tuples(ODD, st.just("{}")), min_size=1, max_size=20))
def test_lots_are_those_of_the_numbers(drawn: list[tuple[str, str]]) -> None:
    """Against a hash of each number alone; whoever has none draws by its decision id. Both halves are answered so."""
    values = [setup(n, calling_number=how.format(number)) for n, (number, how) in enumerate(drawn)]

    screening = world(HALF).process(records_of(values), decided_time_ms=None).screening

    wanted = [
        hash_text(number, seed=LOT_SEED) % LOTS
        if is_e164(number)
        else int(screening.calls.identifier(row)[:8], 16) % LOTS
        for row, (number, _) in enumerate(drawn)
    ]
    assert screening.calls.caller_lots().tolist() == wanted
    for row, lot in enumerate(wanted):
        outcome = screening.outcome(row)
        if outcome.action is Action.LABEL:
            assert screening.mode(row) is (Mode.ENFORCE if lot < LOTS // 2 else Mode.SHADOW)
            assert (LEFT_OUT in outcome.reasons) == (lot >= LOTS // 2)
