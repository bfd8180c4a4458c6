"""The base of sequences whose elements are made when somebody asks for them. It knows nothing of calls."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class LazySequence(Sequence[T_co]):
    """A sequence that makes its elements on demand; a subclass says how many there are and makes one of them.

    It is equal to any sequence of equal elements, and a slice of it is a list.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # it is compared by content

    @abstractmethod
    def _make(self, index: int) -> T_co:
        """Make an element, or return the one that was made before. `index` is at least 0 and below the length."""

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> list[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | list[T_co]:
        """Make one element, or several."""
        places = range(len(self))[index]
        return self._make(places) if isinstance(places, int) else [self._make(place) for place in places]

    def __iter__(self) -> Iterator[T_co]:
        """Make all of them in order, each when its turn comes."""
        return map(self._make, range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Compare by content; makes all elements."""
        return isinstance(other, Sequence) and list(self) == list(other)
