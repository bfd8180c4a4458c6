"""What `compiled` relies on in numba beyond its documented interface; an upgrade that moves it fails here."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.columns.compiled import compiled, compiled_borrowing, entry_point


def _total(values: NDArray[np.int64]) -> int:
    total = 0
    for value in values:
        total += value
    return total


def test_functions_that_only_borrow_arrays_compile_without_counting_references() -> None:
    """The option `_nrt` exists and takes the counting away."""
    borrowing: Any = compiled_borrowing(_total)

    assert borrowing(np.arange(5)) == 10
    (code,) = borrowing.inspect_llvm().values()
    assert "NRT_incref" not in code


def test_an_entry_point_is_the_compiled_function_for_types_found_once() -> None:
    """`Dispatcher.compile` answers something that can be called with arrays of those types."""
    values = np.arange(7)
    run = entry_point(compiled(_total), (values,))

    assert run(values) == 21
