"""The register as a file: what is written is read again, and what breaks a rule is one line with its place."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.upstreams import entries as register
from streams.upstreams.entries import (
    Registration,
    State,
    Sure,
    Upstream,
    UpstreamRole,
    UpstreamsInvalid,
    load_upstreams,
    save_upstreams,
)
from tests.streams.upstreams.upstream_case import TODAY, upstream

ENTRY = "  - {trunk_group_id: tg-1, legal_name: Acme, role: gateway"


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(UpstreamsInvalid) as refused:
        load_upstreams(path)
    said = str(refused.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


def test_the_example_of_the_module_is_a_register(tmp_path: Path) -> None:
    example = str(register.__doc__).partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "a.yaml").write_text(example)

    (entry,) = load_upstreams(tmp_path / "a.yaml")

    assert (entry.ocn, entry.frn, entry.contract_date, entry.role) == (
        "123A", "0012345678", date(2025, 3, 1), UpstreamRole.INTERMEDIATE,
    )  # fmt: skip


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
ENTRIES = st.builds(
    Upstream,
    trunk_group_id=TEXTS,
    legal_name=TEXTS,
    role=st.sampled_from(UpstreamRole),
    ocn=st.none() | st.from_regex("[0-9A-Z]{4}", fullmatch=True),
    frn=st.none() | st.from_regex("[0-9]{10}", fullmatch=True),
    contact=st.none() | TEXTS,
    contract_date=st.none() | st.dates(),
    traceback_clause=st.none() | st.booleans(),
    registration=st.none()
    | st.builds(Registration, state=st.sampled_from(State), as_of=st.dates(), by=st.none() | st.sampled_from(Sure)),
)


@given(st.lists(ENTRIES, max_size=5, unique_by=lambda one: one.trunk_group_id))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, entries: list[Upstream]) -> None:
    """Codes that YAML takes for numbers, `0123` and `1E10`, among them."""
    path = tmp_path_factory.mktemp("register") / "upstreams.yaml"
    save_upstreams(path, entries)

    assert load_upstreams(path) == tuple(entries)


def test_an_frn_without_its_zeros_is_filled_up() -> None:
    assert upstream(frn="12345678").frn == "0012345678"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the file: input should be a valid dictionary or instance of _File"),
        ("upstreams: 3", "upstreams: input should be a valid tuple"),
        ("a: 1", "upstreams: missing: add it"),
        (f"upstreams:\n{ENTRY}, ocn: 9206}}", "entry 1 (tg-1): ocn: write it in quotes: YAML reads 9206 as a number"),
        (f"upstreams:\n{ENTRY}, ocn: '92-6'}}", "entry 1 (tg-1): ocn: string should match pattern '^[0-9A-Z]{4}$'"),
        (f"upstreams:\n{ENTRY}, frn: '12345678901'}}", "entry 1 (tg-1): frn: string should match"),
        (f"upstreams:\n{ENTRY}, frn: 12345678}}", "entry 1 (tg-1): frn: write it in quotes"),
        (f"upstreams:\n{ENTRY}, rmd_number: RMD1}}", "entry 1 (tg-1): rmd_number: string should match"),
        (f"upstreams:\n{ENTRY}, country: USA}}", "entry 1 (tg-1): country: string should match"),
        (f"upstreams:\n{ENTRY}, contract_date: 20250301}}", "entry 1 (tg-1): contract_date: a day is wanted"),
        (f"upstreams:\n{ENTRY}, traceback_clause: 1}}", "entry 1 (tg-1): traceback_clause: input should be"),
        (f"upstreams:\n{ENTRY}, colour: red}}", "entry 1 (tg-1): colour: no such field: see docs/upstreams.md"),
        (f"upstreams:\n{ENTRY}}}\n{ENTRY}}}", "entry 2: trunk group tg-1 has entry 1 already"),
        ("upstreams:\n  - {trunk_group_id: a, role: peer, legal_name: b}", "entry 1 (a): role: input should be"),
        ("upstreams:\n  - {role: gateway, legal_name: b}", "entry 1: trunk_group_id: missing: add it"),
        ("upstreams:\n  - three", "entry 1: input should be a valid dictionary"),
        ("upstreams: [", "no YAML, look at line 1"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_one_line_with_its_place(text: str, complaint: str, tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.yaml", text).startswith(complaint)


def test_a_file_that_is_not_there_or_too_large_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UpstreamsInvalid, match="make it by `robocall upstreams import`, or set ROBOCALL_UPSTREAMS_FILE"
    ):
        load_upstreams(tmp_path / "none.yaml")
    monkeypatch.setattr(register, "MOST_BYTES", 100)
    assert refusal(tmp_path / "a.yaml", "#" * 101) == "larger than 100 bytes"


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_upstreams(tmp_path / "a.yaml", [upstream()])
    before = (tmp_path / "a.yaml").read_bytes()
    monkeypatch.setattr(register, "MOST_ENTRIES", 1)

    with pytest.raises(UpstreamsInvalid, match="more than 1 entries"):
        save_upstreams(tmp_path / "a.yaml", [upstream("a"), upstream("b")])

    assert (tmp_path / "a.yaml").read_bytes() == before


def test_an_entry_is_as_old_as_the_latest_look_at_it() -> None:
    assert upstream(contract_date=date(2025, 11, 28)).age_days(TODAY) == 365
    assert upstream(contract_date=date(2025, 11, 28), reviewed_date=date(2026, 11, 27)).age_days(TODAY) == 1
    assert upstream(contract_date=None).age_days(TODAY) is None
