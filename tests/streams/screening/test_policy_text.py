"""Single settings change in the text of a policy, however it is written; every other line stays."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streams.screening.policy_file import DEFAULT_POLICY_FILE
from streams.screening.policy_text import with_fields, with_items, with_setting

DEFAULT = DEFAULT_POLICY_FILE.read_text(encoding="utf-8")
ITEM = "{name: new}"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "mode: enforce\n"),
        ("# nothing yet\n", "# nothing yet\nmode: enforce\n"),
        ("mode: shadow  # until June\nhold_s: 60\n", "mode: enforce  # until June\nhold_s: 60\n"),
        ("mode:\n  shadow\n", "mode:\n  enforce\n"),
        ("hold_s: 60", "hold_s: 60\nmode: enforce\n"),
        ("{hold_s: 60}\n", "{mode: enforce, hold_s: 60}\n"),
        ("{}\n", "{mode: enforce}\n"),
        ('"mode": "shadow"\r\nhold_s: 60\r\n', '"mode": enforce\r\nhold_s: 60\r\n'),
    ],
)
def test_a_setting(text: str, changed: str) -> None:
    assert with_setting(text, "mode", "enforce") == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "list:\n  - {name: new}\n"),
        ("a: 1\n", "a: 1\nlist:\n  - {name: new}\n"),
        ("list: []  # none\na: 1\n", "list:  # none\n  - {name: new}\na: 1\n"),
        ("list: []", "list:\n  - {name: new}\n"),
        ("list:\n- {name: old}\n", "list:\n- {name: new}\n- {name: old}\n"),
        (
            "list:\n  # of May\n  - name: old\n    b: 2\n",
            "list:\n  # of May\n  - {name: new}\n  - name: old\n    b: 2\n",
        ),
        ("list: [{name: old}]\n", "list: [{name: new}, {name: old}]\n"),
        ("{a: 1}\n", "{list: [{name: new}], a: 1}\n"),
        ("{list: []}\n", "{list: [{name: new}]}\n"),
    ],
)
def test_an_item(text: str, changed: str) -> None:
    assert with_items(text, "list", [ITEM]) == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (
            "list:\n  - {name: a}\n  - {name: b, mode: shadow}  # him\n",
            "list:\n  - {name: a}\n  - {share: 5, name: b, mode: enforce}  # him\n",
        ),
        (
            "list:\n- name: a\n- name: b\n  mode: shadow # him\nrest: 1\n",
            "list:\n- name: a\n- share: 5\n  name: b\n  mode: enforce # him\nrest: 1\n",
        ),
        ("list: [{name: a}, {name: b}]\n", "list: [{name: a}, {share: 5, mode: enforce, name: b}]\n"),
    ],
)
def test_fields_of_an_item(text: str, changed: str) -> None:
    assert with_fields(text, "list", 1, {"mode": "enforce", "share": "5"}) == changed


WORDS = st.text("ab#:- '\"\u00e9", min_size=1, max_size=8)
VALUES = st.recursive(
    st.integers(0, 9) | st.booleans() | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner)
)


@given(st.dictionaries(WORDS, VALUES, max_size=4), st.sampled_from([None, True, False]), st.integers(1, 3))
def test_any_file_is_changed_in_that_alone(rest: dict[str, object], flow: bool | None, count: int) -> None:
    """Whatever style the file is written in: YAML reads the rest as it was, and what was asked for."""
    held = {"list": [{"name": f"old {number}"} for number in range(count)], "mode": "shadow"}
    text = yaml.safe_dump(rest | held, default_flow_style=flow, allow_unicode=True)

    text = with_setting(text, "mode", "enforce")
    text = with_setting(text, "hold_s", "60")
    text = with_items(text, "list", [ITEM])
    text = with_items(text, "others", [ITEM, ITEM])
    text = with_fields(text, "list", count, {"name": "last", "share": "5"})

    items = [{"name": "new"}, *held["list"][:-1], {"name": "last", "share": 5}]
    wanted = {"list": items, "mode": "enforce", "hold_s": 60, "others": [{"name": "new"}] * 2}
    assert yaml.safe_load(text) == rest | wanted


def test_every_other_line_of_the_default_stays() -> None:
    changed = with_items(with_setting(DEFAULT, "mode", "enforce"), "overrides", [ITEM])
    left = iter(changed.splitlines())
    kept = [line for line in DEFAULT.splitlines() if not line.startswith(("mode:", "overrides:"))]
    assert all(line in left for line in kept)


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(TypeError, match="mode is no list"):
        with_items("mode: shadow\n", "mode", [ITEM])
    for text in ("", "list: [1]\n"):
        with pytest.raises(TypeError, match="list has no item 0"):
            with_fields(text, "list", 0, {"a": "1"})
