"""Asking the processor for memory before it is needed: with millions of keys nearly every access would wait for it."""

from typing import Any

from detector.columns.compiled import intrinsic

_READ, _KEEP, _DATA = 0, 3, 1


@intrinsic
def prefetch(_context: Any, array: Any, offset: Any) -> Any:
    """Start to load element `offset` of a contiguous array, counted through all dimensions; any offset is safe."""
    from llvmlite import ir  # type: ignore[import-untyped]  # noqa: PLC0415 - where it is compiled alone, as numba is
    from numba import types  # noqa: PLC0415

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", (place.type,), kind)
        builder.call(call, [place, *(ir.Constant(number, value) for value in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(array, offset), generate
