"""The one way to compile a function: numba, cached on disk, without the interpreter lock, typed for mypy.

numba takes a second to import. It is imported when a function is compiled, or loaded from disk: most commands of people
never do that, though they import what does.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any, TypeVar, cast

import detector.columns.compiling  # noqa: F401 - it notes when sources were loaded

F = TypeVar("F", bound=Callable[..., object])


class _Compiled:
    """A function before and after it is compiled. Compiled callers find it by its type."""

    def __init__(self, function: Callable[..., object], **options: object) -> None:
        update_wrapper(self, function)
        self._function = function
        self._options = options

    def __call__(self, *arguments: object) -> object:
        return self.dispatcher(*arguments)

    @cached_property
    def dispatcher(self) -> Any:
        """What numba makes of it."""
        from detector.columns.compiling.dispatchers import Dispatcher  # noqa: PLC0415 - it imports numba

        return Dispatcher(self._function, **self._options)

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher._numba_type_

    def entry_point(self, arguments: tuple[object, ...]) -> Any:
        """Compile, or load from the cache, what takes arguments of the types of these; return its entry."""
        from numba import typeof  # noqa: PLC0415 - as above

        typed: Any = typeof
        return self.dispatcher.compile(tuple(typed(argument) for argument in arguments))


class _Intrinsic:
    """A function that writes code for its compiled callers; Python cannot call it."""

    def __init__(self, define: Callable[..., object]) -> None:
        self._define = define

    @cached_property
    def _numba_type_(self) -> Any:
        from detector.columns.compiling.dispatchers import intrinsic_type  # noqa: PLC0415 - it imports numba

        return intrinsic_type(self._define)


def compiled(function: F) -> F:
    """Compile `function` on first call; division follows numpy, there is no fast-math, results are reproducible.

    That call blocks for tenths of a second to many seconds, or for reading the cache, and once more for each new set of
    argument types. All others run without the interpreter lock. An index is not checked against its array.
    """
    return cast("F", _Compiled(function))


def compiled_borrowing(function: F) -> F:
    """Compile as `compiled` does, but without counting references: for functions that neither make nor return an array.

    Their caller holds every array meanwhile, so the counts would only go up and down again: atomically, for each array
    of each nested call, which was two thirds of the time spent in the windows.
    """
    return cast("F", _Compiled(function, _nrt=False))


def compiled_inline(function: F) -> F:
    """Compile as `compiled_borrowing` does, and always into the caller: for functions with a caller or two."""
    return cast("F", _Compiled(function, _nrt=False, forceinline=True))


def entry_point(function: Callable[..., object], arguments: tuple[object, ...]) -> Callable[..., object]:
    """Return the compiled `function` for arguments of the types of `arguments` alone; it does not look at them again.

    Finding the types of a hundred arrays takes 12 us a call. Whoever calls the result answers for types and layouts.
    It compiles, or loads from the cache, here and not at the first call of the result.
    """
    lazy: Any = function
    return cast("Callable[..., object]", lazy.entry_point(arguments))


def cache_of(function: Callable[..., object]) -> Any:
    """Return what keeps the code of a compiled function on disk."""
    from detector.columns.compiling.code_cache import cache_for  # noqa: PLC0415 - it imports numba

    return cache_for(function)


def intrinsic(define: F) -> Any:
    """Make what numba's own `intrinsic` makes; `define` imports what it needs of numba itself."""
    return _Intrinsic(define)
