"""What stands in `examples/` runs from top to bottom with the code of this checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED, load

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path) -> None:
    """Every cell of code, in order, in one namespace."""
    code = code_cells(notebook)
    namespace: dict[str, Any] = {"__name__": "__main__"}

    for cell in code:
        exec(compile("".join(cell["source"]), f"{notebook.name}:{cell['id']}", "exec"), namespace)  # noqa: S102

    assert namespace["history"].active() == namespace["running"].version


@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.stem)
def test_the_outputs_that_a_notebook_keeps_are_of_this_build(notebook: Path) -> None:
    """Who only reads sees the shipped model and the feature table of today: `make notebook` after either changed."""
    shown = json.dumps([cell["outputs"] for cell in code_cells(notebook)])

    assert FEATURE_SCHEMA_ID in shown
    assert load(SHIPPED, schema_id=FEATURE_SCHEMA_ID).version in shown


@pytest.mark.slow
@pytest.mark.kafka
def test_from_the_demo_to_an_exported_traceback(tmp_path: Path) -> None:
    """With services of its own, whatever is configured here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROBOCALL_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["bash", "examples/traceback.sh", str(tmp_path / "out")]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    traceback = json.loads((tmp_path / "out" / "traceback.json").read_text())
    assert traceback["hops"][0]["status"] == "found"
    assert traceback["traceback_id"] in (tmp_path / "out" / "traceback.html").read_text()


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    """The cells of code, in order."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_is_an_example() -> None:
    """A moved folder must not pass for one that runs."""
    assert EXAMPLES
