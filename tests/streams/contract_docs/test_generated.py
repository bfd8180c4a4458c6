"""The files that are made from code are those of today's code, and a stale one is said to be stale."""

import shutil
from pathlib import Path

import pytest

from streams.contract_docs.generated import DOCS, main, rendered


def test_the_files_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """`make docs` writes them."""
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_what_is_stale_or_not_there_is_named_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(DOCS / "contract.md", tmp_path)
    wanted = {path: text for path, text in rendered(tmp_path).items() if path.parent == tmp_path}
    assert main(["--check"], wanted) == 1
    assert capsys.readouterr().err.count(" is stale: make docs") == len(wanted) - 1  # but for the contract
    assert main([], wanted) == 0
    assert main(["--check"], wanted) == 0
    contract = tmp_path / "contract.md"
    contract.write_text(contract.read_text(encoding="utf-8").replace("| `call_id` |", "| `id` |"), encoding="utf-8")
    wanted[contract] = rendered(tmp_path)[contract]
    assert main(["--check"], wanted) == 1
    assert main([], wanted) == 0
    assert contract.read_bytes() == (DOCS / "contract.md").read_bytes()
