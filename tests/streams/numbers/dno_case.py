"""Small do-not-originate lists."""

from detector.numbers.do_not_originate import DnoList, DnoSource
from streams.numbers.dno_files import DnoFile


def dno_file(
    *entries: str, name: str = "registry", date: str = "2026-11-20", good_for_days: int | None = None
) -> DnoFile:
    """A list with these entries."""
    return DnoFile(DnoList.of(entries, DnoSource(name, date)), 1_764_000_000_000, good_for_days)


def texts(file: DnoFile) -> set[str]:
    """The entries of a list."""
    return {f"{key:0{length}}" for length, keys in file.entries.entries.items() for key in keys.tolist()}
