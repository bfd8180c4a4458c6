"""The notebooks in `examples/` run from top to bottom with the code of this checkout."""

import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("notebook", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path) -> None:
    """Every cell of code, in order, in one namespace; and its outputs are kept in the file for those who only read."""
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    namespace: dict[str, Any] = {"__name__": "__main__"}

    for cell in code:
        exec(compile("".join(cell["source"]), f"{notebook.name}:{cell['id']}", "exec"), namespace)  # noqa: S102

    assert namespace["history"].active() == namespace["running"].version
    assert any(cell["outputs"] for cell in code)


def test_there_is_an_example() -> None:
    """A moved folder must not pass for one that runs."""
    assert EXAMPLES
