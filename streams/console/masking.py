"""Telephone numbers with their last digits covered, wherever they stand in a text."""

import re

COVERED = 4
"""Digits of a number that nobody sees: the line. Area and office code stay, which campaigns are seen by."""
DOT = "•"
_NUMBER = re.compile(r"\+?[0-9](?:[ ().-]{0,2}[0-9]){6,}")
"""Seven digits or more, with the separators that people write. Shorter ones are short codes: 911, 988, 24365."""
_USER = re.compile(r"[^\s@<>:;,\"']+@")
_DIGIT = re.compile(r"[0-9]")


def masked(text: str) -> str:
    """Cover the last four digits of each number in a text, and the user of each address.

    Args:
        text: a number, or words that may have some: `+12025550123` becomes `+1202555••••`.
    """
    return _NUMBER.sub(lambda found: _covered(found[0]), _USER.sub(_hidden_user, text))


def _hidden_user(found: re.Match[str]) -> str:
    text = found[0][:-1]
    return found[0] if _NUMBER.fullmatch(text) else f"{DOT * COVERED}@"


def _covered(number: str) -> str:
    digits = [at.start() for at in _DIGIT.finditer(number)][-COVERED:]
    return "".join(DOT if place in digits else character for place, character in enumerate(number))
