"""Telephone numbers with their last digits covered, wherever they stand in a text."""

import json
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from detector.contract.numbers import plain

COVERED = 4
"""Digits of a number that nobody sees: the line. Area and office code stay, which campaigns are seen by."""
DOT = "•"
_NUMBER = re.compile(r"\+?[0-9](?:[ ()./_-]{0,3}[0-9]){6,}")
"""Seven digits or more, with the separators that people write. Shorter ones are short codes: 911, 988, 24365. A comma
is none: counts have it."""
_DATE = r"(?<![0-9+.-])20[0-9]{2}-[01][0-9]-[0-3][0-9](?![0-9.-])"
_CASE = r"\b(?:redress|traceback|referral|change|look_up)-[0-9]{8}-[0-9a-f]{10}\b"
_CAMPAIGN = r"\bc(?=[0-9]*[a-f])[0-9a-f]{10}\b"
_MODEL = r"\bgbt-(?=[0-9]*[a-f])[0-9a-f]{12}\b"
"""With a letter among its digits: else it may be a number of ten digits behind a letter."""
_UUID = (
    r"(?<![\w+.-])(?=[0-9-]{0,35}[a-fA-F])"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}(?![\w-])"
)
"""As RFC 9562 has them, version and variant too: the origination ids of signers, and ids of many calls. It has a letter
for the same reason."""
_SHARE = r"(?<![0-9+.-])[0-9]{1,3}%"
_KEPT = re.compile(f"({_DATE}|{_CASE}|{_CAMPAIGN}|{_MODEL}|{_UUID}|{_SHARE})")
"""Days and ids, which people write into reasons, and shares, which stand behind ids."""
_USER = re.compile(r"(?<![^\s@<>:;,\"'])[^\s@<>:;,\"']+@")
"""From the beginning of a word alone: else a text of many letters is read once for each of them."""
_DIGIT = re.compile(r"[0-9]")
_CODE = re.compile(
    r"(?:^|_)(?:id|ids|ms|sha256|digest|ocn|frn|rmd_number|spc|origid|ip|trunk|who|by|file|version|campaign|merged_into)$"
)
"""Names of what is no telephone number, however many digits it has."""


def masked(text: str) -> str:
    """Cover the last four digits of each number in a text, and the user of each address.

    Args:
        text: a number, or words that may have some: `+12025550123` becomes `+1202555••••`.
    """
    parts = _KEPT.split(_USER.sub(_hidden_user, text))
    return "".join(part if place % 2 else _covered(part) for place, part in enumerate(parts))


def _hidden_user(found: re.Match[str]) -> str:
    text = found[0][:-1]
    return found[0] if _NUMBER.fullmatch(text) else f"{DOT * COVERED}@"


def _covered(text: str) -> str:
    """Cover the lines of all numbers; they are looked for in what the text looks like, and covered where they stand."""
    seen = text if text.isascii() else [_seen(character) for character in text]
    places = [place for place, character in enumerate(seen) if character]
    hidden = {
        places[found.start() + at]
        for found in _NUMBER.finditer("".join(seen))
        for at in [digit.start() for digit in _DIGIT.finditer(found[0])][-COVERED:]
    }
    return "".join(DOT if place in hidden else character for place, character in enumerate(text))


def _seen(character: str) -> str:
    """What people take a character for: the digit of any script, a plain dash or space; empty where nobody sees it."""
    if character.isascii():
        return character
    digit = unicodedata.decimal(character, None)
    return plain(character) if digit is None else str(digit)


def masked_values(value: Any, name: str = "") -> Any:
    """Cover numbers in every text of a record, whatever its form; ids, instants and codes of providers stay.

    Args:
        value: Of JSON: mappings, sequences, texts, figures. A text that is JSON itself is looked into.
        name: Under which it stands.

    Returns:
        The same, with other texts.
    """
    if isinstance(value, str):
        return _masked_text(value, name)
    if isinstance(value, Mapping):
        return {key: masked_values(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked_values(one, name) for one in value]
    return value


def _masked_text(text: str, name: str) -> str:
    if _CODE.search(name) or (name == "subject" and not text.startswith("number")):
        return text
    if text.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            return json.dumps(masked_values(json.loads(text)), ensure_ascii=False)
    return masked(text)
