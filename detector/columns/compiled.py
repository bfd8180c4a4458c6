"""The one way to compile a function: numba, cached on disk, without the interpreter lock, typed for mypy.

numba's cache asks only whether the file of the compiled function has changed, not the files of the functions and
constants that went into it. So the cache folder carries a digest of this package's sources, and of the scan of records,
the one kernel elsewhere that spans files: an edit anywhere starts a fresh one. What numba caches is code: it stands
where NUMBA_CACHE_DIR says, else where the sources stand, or in the user's own cache folder.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import config, njit, typeof

F = TypeVar("F", bound=Callable[..., object])

_PACKAGE = Path(__file__).parents[1]


def _cache_folder(chosen: str) -> Path:
    """Folder of the cache, within the `chosen` one where there is one."""
    digest = hashlib.blake2b(digest_size=8)
    for source in [*sorted(_PACKAGE.rglob("*.py")), *sorted(_PACKAGE.parent.glob("streams/wire/scan*.py"))]:
        digest.update(source.read_bytes())
    beside = os.access(_PACKAGE, os.W_OK)
    home = _PACKAGE / "__pycache__" if beside else Path.home() / ".cache" / "robocall"
    return (Path(chosen) if chosen else home) / f"numba-{digest.hexdigest()}"


_settings: Any = config  # its attributes are set at run time, from the environment
_settings.CACHE_DIR = str(_cache_folder(_settings.CACHE_DIR))


_njit: Any = njit  # its type does not tell of `_nrt`


def compiled(function: F) -> F:
    """Compile `function` on first call; division follows numpy, there is no fast-math, results are reproducible."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


def compiled_borrowing(function: F) -> F:
    """Compile as `compiled` does, but without counting references: for functions that neither make nor return an array.

    Their caller holds every array meanwhile, so the counts would only go up and down again: atomically, for each array
    of each nested call, which was two thirds of the time spent in the windows.
    """
    return cast("F", _njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function))


def compiled_inline(function: F) -> F:
    """Compile as `compiled_borrowing` does, and always into the caller: for functions with a caller or two."""
    return cast("F", _njit(cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True)(function))


def entry_point(function: Callable[..., object], arguments: tuple[object, ...]) -> Callable[..., object]:
    """Return the compiled `function` for arguments of the types of `arguments` alone; it does not look at them again.

    Finding the types of a hundred arrays takes 12 us a call. Whoever calls the result answers for types and layouts.
    """
    typed: Any = typeof
    dispatcher: Any = function
    return cast("Callable[..., object]", dispatcher.compile(tuple(typed(argument) for argument in arguments)))
