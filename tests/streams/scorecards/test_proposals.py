"""A change of the policy for a trunk group: the file keeps every other line, and is read as that change alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.errors import PolicyInvalid
from detector.policy.entries import REASON_LIMIT, EntryAction
from detector.policy.lists import Basis
from detector.policy.upstreams import Upstream
from streams.scorecards.cards import THRESHOLDS, TRACEBACKS, UNKNOWN, By, cards_of
from streams.scorecards.counts import Counts
from streams.scorecards.proposals import ProposalRefused, entry_of, line_of, with_entries
from streams.scorecards.query import Line
from streams.screening.policy_file import DEFAULT_POLICY_FILE, parse_policy
from streams.upstreams.entries import Registration, State
from tests.streams.upstreams.upstream_case import TODAY, upstream

ENTRY = Upstream("tg-1", action=EntryAction.LABEL, reason='he said: "no" # not')
HAS_ONE = "  - {trunk_group_id: old, action: report, reason: x}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mode: enforce",
        "# ours\nmode: enforce  # since May\n\nrules: []\n",
        "upstreams: []  # nobody yet\nmode: enforce\n",
        "upstreams:\nmode: enforce\n",
        f"mode: enforce\nupstreams:\n{HAS_ONE}\nrules: []\n",
        f"upstreams:  # these\n{HAS_ONE[2:]}\n",
        f"upstreams:\n\n  # a comment\n  {HAS_ONE}\n",
        DEFAULT_POLICY_FILE.read_text(encoding="utf-8"),
        "upstreams: [{trunk_group_id: old, action: report, reason: x}]\n",
        '"upstreams":\n  - {trunk_group_id: old, action: report, reason: x}\n',
    ],
)
def test_the_entry_comes_in_and_every_other_line_stays(text: str) -> None:
    if text.startswith("upstreams:\nmode"):
        with pytest.raises(PolicyInvalid):  # it is no policy
            with_entries(text, [ENTRY])
        return
    changed = with_entries(text, [ENTRY, replace(ENTRY, trunk_group_id="tg-2")])

    before, after = parse_policy(text.encode()), parse_policy(changed.encode())
    there = [one.trunk_group_id for one in before.upstreams]
    assert [one.trunk_group_id for one in after.upstreams] == ["tg-1", "tg-2", *there]
    assert replace(after, upstreams=before.upstreams) == before
    kept = [line for line in text.splitlines() if not line.startswith("upstreams:")]
    left = iter(changed.splitlines())
    assert all(line in left for line in kept)


def test_a_file_in_braces_has_it_in_braces() -> None:
    changed = with_entries("{mode: enforce}\n", [ENTRY])
    assert changed.endswith("mode: enforce}\n")
    assert parse_policy(changed.encode()).upstreams == (ENTRY,)


def test_a_trunk_group_with_an_entry_is_for_a_person() -> None:
    with pytest.raises(ProposalRefused, match="old has an entry under upstreams already"):
        with_entries(f"upstreams:\n{HAS_ONE}\n", [replace(ENTRY, trunk_group_id="old")])


KEPT_OUT = (EntryAction.BLOCK, Basis.REGISTRATION)
TEXTS = st.text(min_size=1, max_size=30).filter(str.isprintable)


@given(TEXTS, TEXTS, st.sampled_from([*((action, Basis.ANALYTICS) for action in EntryAction), KEPT_OUT]))
def test_any_text_of_an_entry_is_read_as_it_is(trunk: str, reason: str, done: tuple[EntryAction, Basis]) -> None:
    entry = Upstream(trunk, action=done[0], reason=reason, basis=done[1])

    assert parse_policy(f"upstreams:\n{line_of(entry)}\n".encode()).upstreams == (entry,)


def test_the_reason_says_what_is_alarming() -> None:
    counts = Counts(calls=1_000, judged=1_000, suspect=311, invalid=120)
    (card,) = (one for one in cards_of([Line("tg-1", None, counts)], (), TODAY) if one.by is By.TRUNK)

    entry = entry_of(card, EntryAction.LABEL)

    assert entry.reason == "2026-11-28: 31% suspect calls, 12% invalid numbers, of 1,000 calls"
    assert len(entry.reason) <= REASON_LIMIT


@pytest.mark.parametrize("alarm", [*THRESHOLDS, TRACEBACKS, UNKNOWN, By.REGISTRATION.value])
def test_every_alarm_has_words(alarm: str) -> None:
    (card,) = [one for one in cards_of([Line("tg-1", None, Counts(calls=9))], [], TODAY) if one.by is By.TRUNK]

    said = entry_of(replace(card, alarms=(alarm,)), EntryAction.LABEL).reason
    assert said.endswith(", of 9 calls")
    assert "asked for" not in said


def test_nobody_is_kept_out_as_not_registered_whom_the_register_does_not_say_to_be() -> None:
    missing = Registration(state=State.MISSING, as_of=TODAY)
    lines, register = [Line("tg-1", None, Counts(calls=1)), Line("tg-2", None, Counts(calls=1))], [
        upstream("tg-1"), upstream("tg-2", legal_name="Nobody", registration=missing),
    ]  # fmt: skip
    listed, gone = sorted(
        (one for one in cards_of(lines, register, TODAY) if one.by is By.TRUNK), key=lambda one: one.key
    )

    assert entry_of(gone, *KEPT_OUT).reason == "2026-11-28: not registered, of 1 calls"
    with pytest.raises(ProposalRefused, match="does not say that tg-1 is not registered"):
        entry_of(listed, *KEPT_OUT)
