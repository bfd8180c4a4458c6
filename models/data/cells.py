"""Cells of a CSV file that holds what strangers wrote: a spreadsheet takes a text that begins like a formula for one.

Such a text gets an apostrophe before it (https://owasp.org/www-community/attacks/CSV_Injection), which a reader takes
off again.
"""

import re
from typing import Any

_FORMULA = r"(?:[=@\t\r]|[+-](?!\d+(\.\d+)?\Z))"
_BARE = re.compile(f"'*{_FORMULA}")
_MARKED = re.compile(f"'+{_FORMULA}")


def inert(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: a text that begins like one and is no number gets an apostrophe.

    So does one that begins with apostrophes and a formula, or `as_it_was` would take one of its own off.

    Args:
        value: Of the cell; what is no text stays.
    """
    return "'" + value if isinstance(value, str) and _BARE.match(value) else value


def as_it_was(text: str) -> str:
    """Undo `inert`; text that it leaves alone stays.

    Args:
        text: Of the cell.
    """
    return text[1:] if _MARKED.match(text) else text


def separator_of(header: str) -> str:
    """What stands between the cells of a table: spreadsheets of many countries write a semicolon.

    Args:
        header: Its first line.
    """
    return ";" if header.count(";") > header.count(",") else ","
