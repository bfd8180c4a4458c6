"""What `compiled` relies on in numba beyond its documented interface; an upgrade that moves it fails here."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import int64
from numpy.typing import NDArray

from detector.columns.compiled import compiled, compiled_borrowing, entry_point

ROOT = Path(__file__).parents[2]


def _total(values: NDArray[np.int64]) -> int:
    total = 0
    for value in values:
        total += value
    return total


def test_functions_that_only_borrow_arrays_compile_without_counting_references() -> None:
    """The option `_nrt` exists and takes the counting away."""
    borrowing: Any = compiled_borrowing(_total)

    assert borrowing(np.arange(5)) == 10
    (code,) = borrowing.dispatcher.inspect_llvm().values()
    assert "NRT_incref" not in code


def test_an_entry_point_is_the_compiled_function_for_types_found_once() -> None:
    """`Dispatcher.compile` answers something that can be called with arrays of those types."""
    values = np.arange(7)
    run = entry_point(compiled(_total), (values,))

    assert run(values) == 21


def test_a_function_that_compiled_code_calls_is_no_machine_code_of_its_own() -> None:
    """It is a part of its caller, and Python can call it all the same. Local functions are not kept on disk."""

    @compiled_borrowing
    def half(value: int) -> int:
        return value // 2

    @compiled_borrowing
    def halves(value: int) -> int:
        return half(value) + half(value + 1)

    callee: Any = half

    assert halves(9) == 9
    assert callee.dispatcher.signatures == []
    assert len(callee.dispatcher._part.signatures) == 1
    assert half(9) == 4
    assert len(callee.dispatcher.signatures) == 1


def test_numba_is_not_imported_before_something_is_compiled() -> None:
    """It takes a second, which commands of people that read and write topics need not wait for."""
    program = (
        "import sys; from streams.kafka.topics import TOPICS; from streams.kafka.publishing import outbox; "
        "from detector.windows import WindowEngine; print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


@compiled
def _positive(value: int) -> int:
    if value < 0:
        raise ValueError("below zero")
    return value


@compiled
def _doubled(value: int) -> int:
    return 2 * _positive(value)


def test_an_error_of_a_part_reaches_python() -> None:
    """Its message as well."""
    assert _doubled(2) == 4
    with pytest.raises(ValueError, match="below zero"):
        _doubled(-1)


def test_a_part_is_compiled_once_for_all_constants_that_it_is_given() -> None:
    """Numba takes a constant for a type of its own, and would compile a callee again for each."""

    @compiled_borrowing
    def sum_of(one: int, other: int) -> int:
        return one + other

    @compiled_borrowing
    def sums(value: int) -> int:
        return sum_of(value, 1) + sum_of(2, 3) + sum_of(value, value) + sum_of(other=4, one=value)

    callee: Any = sum_of

    assert sums(5) == 6 + 5 + 10 + 9
    assert callee.dispatcher._part.signatures == [(int64, int64)]
