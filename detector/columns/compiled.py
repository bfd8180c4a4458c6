"""The one way to compile a function: numba, cached on disk, without the interpreter lock, typed for mypy.

A compiled function is called by Python, or by another compiled function. Left to itself numba makes both forms of each:
it optimises a callee, translates it to machine code, wraps it for Python, and then does it again inside of each caller.
Here a callee is only a part: it is typed once, and becomes machine code together with the function that Python calls.
That takes less than half of the time. `tests/contracts/test_numba_seams.py` pins what this uses of numba's own parts.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import typeof
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.types import unliteral

from detector.columns.code_cache import cache_for

F = TypeVar("F", bound=Callable[..., object])

_OPTIONS = {"nopython": True, "nogil": True, "error_model": "numpy", "boundscheck": None}


class _PartLibrary(JITCodeLibrary):
    """Code of a part: its functions are simplified one by one; the rest happens in the libraries that take it in."""

    def _optimize_final_module(self) -> None:
        """Leave it to the caller's library, which optimises all of its parts together."""

    def _finalize_final_module(self) -> None:
        """Make no machine code."""
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]  # numba has no types, here and below
        self._finalized = True


class _PartCompiler(Compiler):
    """Compile for compiled callers alone: no wrapper for Python, no machine code."""

    def __init__(
        self, typing: Any, target: Any, library: Any, args: Any, return_type: Any, flags: Any, local_types: Any
    ) -> None:
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        library = _PartLibrary(target.codegen(), "part")  # type: ignore[no-untyped-call]
        super().__init__(typing, target, library, args, return_type, flags, local_types)  # type: ignore[no-untyped-call]


class _PartDispatcher(CPUDispatcher):
    """What compiled callers see of a function; nothing of it can be called, so any object stands for its entry."""

    def add_overload(self, result: Any) -> None:
        """Register one compiled signature where callers look for it."""
        entry = object()
        self.targetctx.insert_user_function(entry, result.fndesc, [result.library])  # type: ignore[no-untyped-call]
        self.overloads[tuple(result.signature.args)] = result._replace(entry_point=entry)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Find the signature for a call; a constant counts as any value of its type, not as a type of its own."""
        named = dict(zip(kws, map(unliteral, kws.values()), strict=True))
        return super().get_call_template(tuple(map(unliteral, args)), named)


class _Dispatcher(CPUDispatcher):
    """A compiled function as Python sees it; compiled callers are led to its part by its type."""

    def __init__(self, function: Callable[..., object], **options: object) -> None:
        options = _OPTIONS | options
        self._part: Any = _PartDispatcher(function, targetoptions=options, pipeline_class=_PartCompiler)
        super().__init__(function, targetoptions=options | {"no_cfunc_wrapper": True})

    @property
    def _type(self) -> Any:
        """The type that numba registers for this function; numba itself would set that of this very object."""
        return self._part._type  # noqa: SLF001 - of our own part

    @_type.setter
    def _type(self, of_this: object) -> None:
        pass

    @property
    def _numba_type_(self) -> Any:
        return self._type

    def compile(self, signature: Any) -> Any:
        """Compile, or load from the cache, what takes arguments of the types in `signature`; return its entry."""
        if not self.overloads:
            self._cache = cache_for(self.py_func)
        return super().compile(signature)


def compiled(function: F) -> F:
    """Compile `function` on first call; division follows numpy, there is no fast-math, results are reproducible.

    That call blocks for tenths of a second to many seconds, or for reading the cache, and once more for each new set of
    argument types. All others run without the interpreter lock. An index is not checked against its array.
    """
    return cast("F", _Dispatcher(function))


def compiled_borrowing(function: F) -> F:
    """Compile as `compiled` does, but without counting references: for functions that neither make nor return an array.

    Their caller holds every array meanwhile, so the counts would only go up and down again: atomically, for each array
    of each nested call, which was two thirds of the time spent in the windows.
    """
    return cast("F", _Dispatcher(function, _nrt=False))


def compiled_inline(function: F) -> F:
    """Compile as `compiled_borrowing` does, and always into the caller: for functions with a caller or two."""
    return cast("F", _Dispatcher(function, _nrt=False, forceinline=True))


def entry_point(function: Callable[..., object], arguments: tuple[object, ...]) -> Callable[..., object]:
    """Return the compiled `function` for arguments of the types of `arguments` alone; it does not look at them again.

    Finding the types of a hundred arrays takes 12 us a call. Whoever calls the result answers for types and layouts.
    It compiles, or loads from the cache, here and not at the first call of the result.
    """
    typed: Any = typeof
    dispatcher: Any = function
    return cast("Callable[..., object]", dispatcher.compile(tuple(typed(argument) for argument in arguments)))
