"""Lists as text: whatever form an entry has, in however many pieces it comes; what is wrong is said with its line."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.numbers import dno_text
from streams.numbers.dno_text import DnoTextRefused, read_entries

DIGITS = st.sampled_from([3, 6, 7, 10]).flatmap(lambda length: st.text("0123456789", min_size=length, max_size=length))
FORMS = st.sampled_from(["{}", "{},ITG,2026-01-01", " {} ", "+1{}", '"{}"', "{}  # a bank", "({})", "{}\r"])
EMPTY = st.sampled_from(["", "\r", "# a comment", " , ", "   "])


def read(text: bytes) -> dict[int, list[int]]:
    found = read_entries(io.BytesIO(text), "list.csv", lambda *_: None)
    return {length: keys.tolist() for length, keys in found.items()}


@given(
    lines=st.lists(st.one_of(st.tuples(DIGITS, FORMS), EMPTY), min_size=1).filter(
        lambda lines: any(isinstance(line, tuple) for line in lines)
    ),
    chunk_bytes=st.sampled_from([8, 64, 4_096]),
    is_ended=st.booleans(),
)
def test_each_line_is_an_entry_in_any_form(
    lines: list[tuple[str, str] | str], chunk_bytes: int, is_ended: bool
) -> None:
    entries = {line[0] for line in lines if isinstance(line, tuple)}
    text = "\n".join(line if isinstance(line, str) else line[1].format(line[0]) for line in lines)
    expected: dict[int, list[int]] = {}
    for entry in sorted(entries):
        expected.setdefault(len(entry), []).append(int(entry))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dno_text, "CHUNK_BYTES", chunk_bytes)
        assert read(f"{text}\n".encode() if is_ended else text.encode()) == expected


def test_many_entries_are_sorted_and_each_is_there_once() -> None:
    numbers = np.random.default_rng(1).integers(2_000_000_000, 9_999_999_999, 50_000)
    text = "".join(f"{number}\n" for number in [*numbers, *numbers[:100]])

    assert read(text.encode()) == {10: np.unique(numbers).tolist()}


def test_the_first_line_may_be_a_heading_and_no_other() -> None:
    assert read(b"prefix,owner\n212,x\n") == {3: [212]}
    assert read("\ufeff212\n".encode()) == {3: [212]}
    with pytest.raises(DnoTextRefused, match=r"list\.csv line 2: do-not-originate entry 'prefix': give 3, 6, 7 or 10"):
        read(b"212\nprefix\n")


def test_a_wrong_line_is_named_in_whatever_piece_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dno_text, "CHUNK_BYTES", 16)
    text = b"".join(b"212555%04d\n" % line for line in range(1, 1_300)) + b"21255\n"

    with pytest.raises(DnoTextRefused, match="line 1,300: do-not-originate entry '21255'"):
        read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"id,number,owner\n212,+18005550100,Acme\n", "line 2: '212' is what numbers begin with, but '.18005550100'"),
        (b"id,name,prefix\n100001,Acme,202-5550\n", "line 2: '100001' .* but '202-5550'"),
        (b"npa,nxx,x\n303,555,0\n", "line 2: '303' .* but '555'"),
        (b'owner,number\n"Dept 312",+18005550101\n', "line 2: do-not-originate entry 'Dept 312'"),
    ],
)
def test_a_wrong_first_column_is_refused(text: bytes, said: str) -> None:
    """Taken as entries, row numbers, halves of a prefix and names would block whole area codes."""
    with pytest.raises(DnoTextRefused, match=said):
        read(text)


def test_other_columns_may_have_numbers_that_cannot_be_meant() -> None:
    """A whole number is what it is, and shorter figures or days stand beside what numbers begin with."""
    text = b"8005550100,212,+18005550101\n212555,2026-11-20,303,9021\n900,17\n"

    assert read(text) == {10: [8005550100], 6: [212555], 3: [900]}


@pytest.mark.parametrize("text", [b"", b"\n\n", b"heading only\n", b"# nothing\n"])
def test_a_list_without_entries_is_refused(text: bytes) -> None:
    with pytest.raises(DnoTextRefused, match="has no entry"):
        read(text)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(DnoTextRefused, match="line 2 is not UTF-8 text"):
        read(b"212\n\xff\xfe\n")


def test_what_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries, bytes, and a line without an end."""
    with pytest.raises(DnoTextRefused, match="a line of more than 4,096 bytes"):
        read(b"2" * 10_000)
    monkeypatch.setattr(dno_text, "MAX_ENTRIES", 3)
    with pytest.raises(DnoTextRefused, match="more than 3 entries: list prefixes"):
        read(b"212\n213\n214\n+1215\n")
    monkeypatch.setattr(dno_text, "MAX_BYTES", 1 << 20)
    with pytest.raises(DnoTextRefused, match="larger than 1 MiB"):
        read(b"#" * 100 + b"\n" + b"\n" * (1 << 20))
