"""Machine code on disk is used as long as nothing has changed that it was made of, and never after."""

import ast
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from detector.columns.compiling import code_cache
from detector.windows import loop

ROOT = Path(__file__).parents[4]

LIBRARY = "BASE = {base}\n"
MODULE = """
from detector.columns.compiled import compiled
from models.library import (
    BASE,
)

@compiled
def total(n):
    return BASE + n
"""
PROGRAM = """
import sys
from numba.core import event

class Compilations(event.Listener):
    def on_start(self, e): print("compiled", e.data["dispatcher"].py_func.__name__)
    def on_end(self, e): pass

event.register("numba:compile", Compilations())
import models
models.__path__.append(sys.argv[1])
from models.module import total
print(total(int(sys.argv[2])))
"""


def run(folder: Path, n: int, *, base: int, cache: Path, edited_ns: int = 0) -> list[str]:
    """What a process of its own says that uses a compiled function whose constant stands in another module."""
    for name, text in (("library.py", LIBRARY.format(base=base)), ("module.py", MODULE)):
        (folder / name).write_text(text, encoding="utf-8")
        os.utime(folder / name, ns=(edited_ns, edited_ns))
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, str(folder), str(n)],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\n")[:-1]


def test_code_is_made_again_only_when_a_source_that_it_was_made_of_has_changed(tmp_path: Path) -> None:
    """Also when the source that changed is another than that of the function; and old code does not stay."""
    sources, cache = tmp_path / "sources", tmp_path / "cache"
    sources.mkdir()

    assert run(sources, 1, base=10, cache=cache) == ["compiled total", "11"]
    assert run(sources, 2, base=10, cache=cache) == ["12"]
    assert run(sources, 2, base=20, cache=cache) == ["compiled total", "22"]
    assert len([path for path in cache.rglob("*") if path.is_file()]) == 1


def test_what_was_edited_after_it_was_loaded_is_neither_kept_nor_used(tmp_path: Path) -> None:
    """A test run may compile minutes after it has imported: the sources on disk are others by then."""
    tomorrow_ns = time.time_ns() + 86_400_000_000_000

    for _ in range(2):
        assert run(tmp_path, 1, base=10, cache=tmp_path / "cache", edited_ns=tomorrow_ns) == ["compiled total", "11"]


def test_a_cache_that_cannot_be_written_costs_time_but_no_result(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    nowhere = tmp_path / "file"
    nowhere.write_bytes(b"")

    assert run(tmp_path, 1, base=10, cache=nowhere) == ["compiled total", "11"]


@pytest.mark.parametrize("what", ["folder", "file"])
def test_code_that_others_may_have_written_is_not_run(tmp_path: Path, what: str) -> None:
    """It is machine code: who can write there is who runs as this user. It is compiled again instead."""
    sources, cache = tmp_path / "sources", tmp_path / "cache"
    sources.mkdir()
    assert run(sources, 1, base=10, cache=cache) == ["compiled total", "11"]
    (file,) = (path for path in cache.rglob("*") if path.is_file())
    changed = file.parent if what == "folder" else file
    mode = changed.stat().st_mode

    changed.chmod(mode | 0o020)
    assert run(sources, 1, base=10, cache=cache) == ["compiled total", "11"]
    changed.chmod(mode)
    assert run(sources, 1, base=10, cache=cache) == ["11"]


def test_the_sources_of_a_function_are_all_that_its_module_imports_of_ours() -> None:
    """Held against the syntax tree of each source."""
    found = code_cache.sources_of(sys.modules[loop.__name__])

    assert Path(loop.__file__) in found
    for path in found:
        for name in imported(path):
            file = getattr(sys.modules.get(name), "__file__", None)
            if name.partition(".")[0] in code_cache.PACKAGES and name != code_cache.__name__ and file:
                assert Path(file) in found, f"{path} imports {name}"


def imported(path: Path) -> set[str]:
    """Names that may be modules in the import statements of a source, by Python's own parser."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_beside_the_sources_comes_before_the_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image brings its code along; who cannot write there keeps it at home."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/somebody/.cache")

    beside, home = code_cache.folders()

    assert beside == ROOT / "detector" / "__pycache__" / "compiled"
    assert home.parent == Path("/home/somebody/.cache/robocall")


def test_a_function_within_a_function_is_not_kept() -> None:
    """What it was made of is nowhere in a source."""

    def local() -> int:
        return 1

    cache: Any = code_cache.cache_for(local)

    assert not cache.can_be_filled
