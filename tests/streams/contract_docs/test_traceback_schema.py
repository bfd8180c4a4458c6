"""The published schema is the code's."""

from pathlib import Path

import jsonschema
import pytest

from streams.contract_docs import traceback_schema


def test_the_published_schema_is_current(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert traceback_schema.main(["--check"]) == 0, capsys.readouterr().err
    path = tmp_path / "schema.json"
    assert traceback_schema.main(["--check"], path) == 1
    assert traceback_schema.main([], path) == 0
    assert traceback_schema.main(["--check"], path) == 0


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(traceback_schema.document())
