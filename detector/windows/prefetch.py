"""Asking the processor for memory before it is needed: with millions of keys nearly every access would wait for it."""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

_intrinsic = cast("Callable[[Callable[..., Any]], Callable[[NDArray[Any], int], None]]", intrinsic)
_READ, _KEEP, _DATA = 0, 3, 1


@_intrinsic
def prefetch(_context: Any, array: Any, offset: Any) -> Any:
    """Start to load element `offset` of a contiguous array, counted through all dimensions; any offset is safe."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", (place.type,), kind)
        builder.call(call, [place, *(ir.Constant(number, value) for value in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(array, offset), generate
