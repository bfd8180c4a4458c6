"""The one way that this package compiles a function: numba, cached on disk, without the interpreter lock, typed for mypy."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile `function` on first call; integer division follows numpy, there is no fast-math, results are reproducible."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))
