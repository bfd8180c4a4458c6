"""Functions that numba has compiled, as their callers see them.

A compiled function is called by Python, or by another compiled function. Left to itself numba makes both forms of each:
it optimises a callee, translates it to machine code, wraps it for Python, and then does it again inside of each caller.
Here a callee is only a part: it is typed once, and becomes machine code together with the function that Python calls.
That takes less than half of the time. `tests/contracts/test_numba_seams.py` pins what this uses of numba's own parts.
"""

from collections.abc import Callable
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.types import unliteral
from numba.extending import intrinsic

from detector.columns.compiling.code_cache import cache_for

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


class Dispatcher(CPUDispatcher):
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


def intrinsic_type(define: Callable[..., object]) -> Any:
    """Return the type of a new intrinsic, by which compiled callers find it."""
    untyped: Any = intrinsic
    made, context = untyped(define), cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(made)
