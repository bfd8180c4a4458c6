"""`adapting.json`: written whole, and read by whoever looks for what answers showed."""

from pathlib import Path

import pytest

from models.adapt.found import FOUND, SHOWN_BY, shown_later, write_found


def test_what_answers_showed_later_is_found(tmp_path: Path) -> None:
    found = {"version": "gbt-b", "base": "gbt-a", SHOWN_BY: "answers"}

    write_found(found, tmp_path)

    assert shown_later(tmp_path) == found
    assert [path.name for path in tmp_path.iterdir()] == [FOUND]


@pytest.mark.parametrize(
    "content",
    ['{"version": "gbt-b", "base": "gbt-a"}', '{"version": "a", "base": "a", "shown_by": ""}', '{"shown_by": ""}', "{"],
)
def test_any_other_is_none(content: str, tmp_path: Path) -> None:
    """A model that the gate took at once, a base that was kept, and what is damaged or not there."""
    assert shown_later(tmp_path) is None
    (tmp_path / FOUND).write_text(content)

    assert shown_later(tmp_path) is None
