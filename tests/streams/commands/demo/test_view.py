"""What the demo shows of the decisions that it read."""

import pytest
from rich.console import Console
from rich.control import strip_control_codes
from rich.text import Text

from detector.contract.decisions import Action, Decision, Mode, Outcome, Step, Versions, decide
from detector.contract.events import CallSetup
from detector.policy.unjudged import late
from models.traffic.first.slices import LabelRow
from streams.commands.demo.view import Dips, Figures, Routing, in_few_lines, live, summary

BLOCK = Outcome(Action.BLOCK, Step.MODEL)


def blocked(calling_number: str, call: int, outcome: Outcome = BLOCK) -> Decision:
    setup = CallSetup(
        call_id=f"{calling_number}-{call}",
        setup_time_ms=0,
        calling_number=calling_number,
        called_number="+13125550145",
        trunk_group_id="t",
    )
    return decide(setup, "", outcome, 0.9, Mode.ENFORCE, 0, Versions("", "", ""), Decision)


@pytest.mark.parametrize("shared", ["+1", "asterisk", "anonymous", "", "+0123456789"])
def test_offenders_are_numbers_and_not_what_many_callers_share(shared: str) -> None:
    """Spoofed junk comes from everybody: it is counted, but it is nobody's number."""
    figures = Figures()
    for call in range(5):
        figures.add(blocked(shared, call), latency_ms=1.0)
    figures.add(blocked("+12025550123", 0), latency_ms=1.0)

    assert list(figures.offenders) == ["+12025550123"]
    assert figures.actions[Action.BLOCK] == 6


def test_a_few_lines_say_how_far_it_is() -> None:
    """For logs, where no table can be redrawn."""
    figures = Figures()
    figures.add(blocked("+12025550123", 0), latency_ms=2.0)

    said = in_few_lines(figures, elapsed_s=5, seconds=20)

    assert said == "5 of 20 s: 1 decided (allow 0, label 0, block 1)\n  p50 2.0, p95 2.0, p99 2.0 ms"


def test_the_summary_says_how_many_answers_a_switch_would_have_waited_for() -> None:
    """The demo's deadline is a generous one, so it must not hide how slow an answer was."""
    figures, console = Figures(), Console(width=200, record=True, quiet=True)
    figures.add(blocked("+12025550123", 0), latency_ms=250.0)
    figures.add(blocked("+12025550123", 1), latency_ms=251.0)
    figures.add(blocked("+12025550123", 2, late(5_001, 5_000)), latency_ms=5_001.0)

    console.quiet = False
    with console.capture() as said:
        console.print(summary(figures))

    assert "1 of 3 within 250 ms, as long as a switch waits; 1 passed because" in said.get()


def test_the_summary_has_what_a_cold_start_makes_of_the_same_calls() -> None:
    """Two robocalls and a lawful call: the worker blocks both, empty windows catch one."""
    figures, console = Figures(), Console(width=200, record=True)
    for call, label in enumerate(("robocall", "robocall", "legitimate")):
        decision = blocked("+12025550123", call)
        figures.sent.truths[decision.call_id] = LabelRow(decision.call_id, label, "", "flood")
        figures.sent.calls += 1
        if label == "robocall":
            figures.add(decision, latency_ms=2.0)
    cold = dict.fromkeys(figures.sent.truths, Action.ALLOW) | {"+12025550123-1": Action.LABEL}

    with console.capture() as said:
        console.print(summary(figures, cold))

    shown = said.get()
    assert "robocall: 2 calls, 2 labelled or blocked (100.00%), 2 of them blocked" in shown
    assert "robocalls were labelled or blocked by model 2; the model by thresholds that nobody measured" in shown
    assert (
        "a cold start would have labelled or blocked 0 of 1 of legitimate (0.00%), 1 of 2 of robocall (50.00" in shown
    )
    assert "3 calls sent, 2 decided, 1 missing, 0 repeated" in shown


@pytest.mark.parametrize(
    ("stopped_ms", "said"),
    [(None, ""), (10_000.0, "2 of the missing ones were sent in the second before it was stopped"), (12_000.0, "")],
)
def test_the_summary_says_which_calls_are_missing_because_it_was_stopped(stopped_ms: float | None, said: str) -> None:
    """Three of four are missing: one for some other reason, two since nobody read on."""
    figures, console = Figures(), Console(width=200, record=True)
    decision = blocked("+12025550123", 0)
    for call_id, due_ms in ((decision.call_id, 9_500.0), ("lost", 8_000.0), ("last", 9_600.0), ("very last", 9_990.0)):
        figures.sent.truths[call_id] = LabelRow(call_id, "robocall", "", "flood")
        figures.sent.due_ms[call_id] = due_ms
        figures.sent.calls += 1
    figures.add(decision, latency_ms=2.0)
    figures.sent.stopped_ms = stopped_ms

    with console.capture() as shown:
        console.print(summary(figures))

    assert f"4 calls sent, 1 decided, 3 missing, 0 repeated\n{said}" in shown.get()
    assert "stopped" not in shown.get() or said


@pytest.mark.parametrize(
    ("unjudged", "said"),
    [
        (0, None),
        (220_868, "220,868 of the 365,178 calls of the history passed unjudged: late, or something failed"),
        (None, "nobody knows how many of the 365,178 calls of the history passed unjudged"),
    ],
)
def test_the_summary_says_how_many_calls_of_the_history_passed_unjudged(unjudged: int | None, said: str | None) -> None:
    """Else nobody sees why campaigns of the history have no decisions."""
    figures, console = Figures(unjudged=unjudged), Console(width=200, record=True)
    figures.sent.history = 365_178

    with console.capture() as shown:
        console.print(summary(figures))

    assert said in shown.get() if said else "unjudged" not in shown.get()


def test_dips_are_shown_while_they_come_and_in_the_summary() -> None:
    """What was done with how many, in the order of the kinds; a call without an answer has no latency."""
    figures, console = Figures(dips=Dips()), Console(width=200, record=True)
    assert figures.dips is not None
    figures.dips.add(Routing.BLOCKED, 3.0)
    figures.dips.add(Routing.PASSED, 81.0)
    figures.dips.add(Routing.UNANSWERED, 280.0)
    figures.dips.ends = 1

    with console.capture() as said:
        console.print(live(figures, elapsed_s=1, seconds=2))
        console.print(summary(figures))

    shown = said.get()
    assert "by SIP   2" in shown
    assert "by SIP: 3 INVITEs, passed 1, blocked 1, unanswered 1" in shown
    assert "dip, from the intended send instant to the answer: p50 42.0, p95 77.1, p99 " in shown
    assert "1 of them within 80 ms, as long as a bridge lets a call wait" in shown
    assert "the switch 1 ends of calls that it routed" in shown
    assert in_few_lines(figures, elapsed_s=1, seconds=2).endswith("\n  by SIP passed 1, blocked 1, unanswered 1")


def test_nothing_of_dips_is_shown_where_the_switch_speaks_kafka() -> None:
    figures, console = Figures(), Console(width=200, record=True)

    with console.capture() as said:
        console.print(live(figures, elapsed_s=1, seconds=2))
        console.print(summary(figures))

    assert "SIP" not in said.get()
    assert "SIP" not in in_few_lines(figures, elapsed_s=1, seconds=2)


@pytest.mark.parametrize("dips", [None, Dips()])
def test_tables_and_lines_fit_80_columns(dips: Dips | None) -> None:
    """With figures as wide as half an hour at a console makes them, no row of the figures goes on in a second line."""
    figures, console = Figures(dips=dips), Console(width=80, record=True, force_terminal=True)
    figures.recent_ms.extend([1_234.5] * 3)
    figures.decided = 1_799_999
    figures.actions.update({Action.ALLOW: 1_799_999, Action.LABEL: 99_999, Action.BLOCK: 99_999})
    if dips is not None:
        dips.add(Routing.PASSED, 1_234.5)
        dips.routed.update(dict.fromkeys(Routing, 99_999))
    truth = LabelRow("c", "legitimate", "", "outbound_call_centre")
    figures.decisions["c"], figures.sent.truths["c"] = Action.ALLOW, truth

    with console.capture() as said:
        console.print(live(figures, elapsed_s=1_799, seconds=1_800), summary(figures))

    lines = strip_control_codes(Text.from_ansi(said.get()).plain).splitlines()
    lines += in_few_lines(figures, elapsed_s=1_799, seconds=1_800).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("p50 1234.5, p95 1234.5, p99 1234.5 ms" in line for line in lines) >= (1 if dips is None else 2)
    assert any("outbound_call_centre │ legitimate │     1 │" in line for line in lines)
