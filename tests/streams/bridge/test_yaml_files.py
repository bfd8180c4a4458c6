"""A file that a person wrote: what it says, or one line of what is wrong."""

from pathlib import Path

import pytest

from detector.contract.errors import RobocallError
from streams.bridge.yaml_files import read_yaml


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
        (b"a: 1\nb: [", "no YAML, look at line 2"),
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
