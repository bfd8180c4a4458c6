"""A file that a person wrote: what it says, or one line of what is wrong."""

from datetime import date
from pathlib import Path

import pytest

from detector.contract.errors import RobocallError
from streams.yaml_files import dump_yaml, read_yaml


class WrongError(RobocallError):
    """What a caller wants raised."""


def test_a_file_is_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, two]")
    assert read_yaml(tmp_path / "a.yaml", 11, WrongError, "write one") == {"a": [1, "two"]}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file or directory; write one"),
        (b"a: [1, two] ", "larger than 11 bytes"),
        (b"a: 1\nb: [", "no YAML, look at line 2: expected the node content, but found '<stream end>'"),
        (b"a: 1\na: 2", "no YAML, look at line 2: a stands twice"),
        (b"- &b\n- *b", "no YAML, look at line 2: aliases are not allowed"),
        (b"a: 1\nb: 0x_", "no YAML, look at line 2: what looks like int is none: put it in quotes"),
        (b"!!bool foo", "no YAML, look at line 1: tags are not allowed"),
        (b"- !x a", "no YAML, look at line 1: tags are not allowed"),
        (b"[a]: 1", "no YAML"),
        (b"\xff\xff\xff", "no YAML"),
    ],
)
def test_what_is_none_is_one_line_with_its_place(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WrongError) as refused:
        read_yaml(path, 11, WrongError, "write one")

    assert str(refused.value) == f"{path}: {complaint}"


def test_what_is_written_is_read_again_though_a_value_stands_twice(tmp_path: Path) -> None:
    day = date(2026, 11, 28)
    content = {"a": [day, day, "0123", "1e3", "no", None], "b": {"c": [1.5, True]}}
    (tmp_path / "a.yaml").write_text(dump_yaml(content))

    assert read_yaml(tmp_path / "a.yaml", 1_000, WrongError, "write one") == content
