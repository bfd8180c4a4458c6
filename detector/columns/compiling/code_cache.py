"""Machine code of compiled functions on disk: one file for each function and signature.

A file is good as long as all sources are the same that the function could have been made of: its own module and what
that imports from our packages, however far. numba's own cache looks at one source file only. So an edit of the policy
leaves the code of the windows alone.

Code is looked for in the folder that NUMBA_CACHE_DIR names, else beside the sources and then in the user's cache
folder; new code goes to the first of these that can be written. Where none can, nothing is kept. What is loaded is run:
so a folder or file that belongs to another user (but root), or that others may write, is passed over. This module knows
no function of ours, and must import none.
"""

import hashlib
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from detector.columns.compiling import LOADED_NS

PACKAGES = ("detector", "models", "streams")
_ROOT = Path(__file__).parents[3]
_IMPORT = re.compile(rb"^[ \t]*(?:from +([\w.]+) +import +(\([^)]*\)|[^\n#]*)|import +([\w., ]+))", re.MULTILINE)
_NAME = re.compile(rb"\w+")
_DIGEST_BYTES = 8
_READABLE = 0o644
_OTHERS_WRITE, _ROOT_USER = 0o022, 0
_rebuilt: Any = CompileResult._rebuild  # noqa: SLF001 - numba has no public way, and no types
_dumps: Any = dumps


class NoCache(NullCache):
    """Keeps nothing."""

    is_filled = can_be_filled = False


def cache_for(function: Callable[..., object]) -> "CodeCache | NoCache":
    """Return the cache of one function, as numba's dispatcher asks it; one that keeps nothing where that is not safe.

    That is so for a function within a function, and where a source was edited after this process had loaded it: what
    is compiled then is not what the source says. Called once a function, at its first compilation, when all that its
    module imports is loaded. Reads source files.
    """
    module = sys.modules.get(function.__module__)
    if module is None or "<locals>" in function.__qualname__:
        return NoCache()
    sources = sources_of(module)
    if any(path.stat().st_mtime_ns > LOADED_NS for path in sources):
        return NoCache()
    return CodeCache(f"{function.__module__}.{function.__qualname__}", sources)


def folders() -> list[Path]:
    """Return where code is looked for, in order."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen) / _name_of_checkout()]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [_ROOT / "detector" / "__pycache__" / "compiled", home / "robocall" / _name_of_checkout()]


def _name_of_checkout() -> str:
    """Two checkouts that share a folder must not overwrite each other's code."""
    return f"compiled-{_digest(str(_ROOT).encode())}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


class CodeCache(NullCache):
    """The files of one function. numba asks once for each signature; every method blocks for the disk."""

    def __init__(self, function: str, sources: Iterable[Path]) -> None:
        self._function = function
        versions = f"{numba.__version__} {sys.implementation.cache_tag}".encode()
        self._sources = _digest(versions, *(path.read_bytes() for path in sources))

    @property
    def is_filled(self) -> bool:
        """True when something is kept that was compiled from the sources of today."""
        pattern = f"{self._function}.{self._sources}.*"
        return any(_is_ours(path) for folder in folders() if _is_ours(folder) for path in folder.glob(pattern))

    @property
    def can_be_filled(self) -> bool:
        """True when one of the folders can be written."""
        return any(map(_can_be_written, folders()))

    def _file(self, signature: Any, codegen: Any) -> str:
        key = _digest(repr((signature, codegen.magic_tuple())).encode())
        return f"{self._function}.{self._sources}.{key}"

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return what was compiled for this signature, processor and these sources; None where that is not there.

        A file that cannot be read counts as none; one of the right name with other content raises what pickle raises.
        """
        target.refresh()
        name = self._file(signature, target.codegen())
        for folder in folders():
            try:
                content = _read(folder, name)
            except OSError:
                continue
            return _rebuilt(target, *pickle.loads(content))  # noqa: S301 - it is code, as the sources are
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled, in place of what was compiled from older sources; a full disk is no error."""
        if result.library.has_dynamic_globals:
            return  # addresses of this process
        content, name = _dumps(result._reduce()), self._file(signature, result.codegen)  # noqa: SLF001 - as above
        for folder in folders():
            try:
                _put(folder, name, content)
                self._remove_old(folder)
            except OSError:
                continue
            return

    def _remove_old(self, folder: Path) -> None:
        for path in folder.glob(f"{self._function}.*"):
            if not path.name.startswith(f"{self._function}.{self._sources}."):
                path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether nobody but this user and root can have written it; False where it is not there."""
    try:
        return _is_safe(path.stat())
    except OSError:
        return False


def _is_safe(found: os.stat_result) -> bool:
    return found.st_uid in (os.getuid(), _ROOT_USER) and not found.st_mode & _OTHERS_WRITE


def _read(folder: Path, name: str) -> bytes:
    """Read a file of a folder that nobody else may write.

    Raises:
        OSError: It is not there, or somebody else may have written it.
    """
    with (folder / name).open("rb") as file:
        if not (_is_ours(folder) and _is_safe(os.fstat(file.fileno()))):
            raise PermissionError(f"others may write {folder}")
        return file.read()


def _put(folder: Path, name: str, content: bytes) -> None:
    """Write a file that appears whole or not at all, whoever else writes the same; others may read it.

    Raises:
        OSError: It cannot be written, or others may write the folder.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not _is_ours(folder):
        raise PermissionError(f"others may write {folder}")
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
        part.write(content)
    Path(part.name).chmod(_READABLE)
    Path(part.name).replace(folder / name)


def _can_be_written(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK) and (there != folder or _is_ours(folder))


def sources_of(module: ModuleType) -> list[Path]:
    """Return the source files that code of `module` may be made of: its own, and those of our modules it imports."""
    found: dict[str, Path] = {}
    waiting = [module.__name__]
    while waiting:
        name = waiting.pop()
        file = getattr(sys.modules.get(name), "__file__", None)
        if name in found or file is None or name == __name__:  # where code is kept has no part in it
            continue
        found[name] = Path(file)
        waiting += _imported_by(found[name])
    return [found[name] for name in sorted(found)]


@cache
def _imported_by(source: Path) -> tuple[str, ...]:
    return tuple(name for name in _imports(source.read_bytes()) if name.partition(".")[0] in PACKAGES)


def _imports(source: bytes) -> Iterator[str]:
    """Names that may be modules, in the import statements of a source; `from a import b` gives `a` and `a.b`."""
    for match in _IMPORT.finditer(source):
        origin, names, plain = match.groups()
        if plain:
            yield from (name.decode().split()[0] for name in plain.split(b",") if name.strip())
            continue
        yield origin.decode()
        yield from (f"{origin.decode()}.{name.decode()}" for name in _NAME.findall(names))
