"""Phone numbers as keyed digests that keep what detection needs: equality, number class, area and office code.

A North American number keeps `+1NPANXX`; its last four digits go through a permutation of 0000-9999 of its own for each
NPA-NXX, keyed (a Feistel network over HMAC-SHA256). Any other number becomes a token of the same class. docs/archive.md
says what this protects from and what not.
"""

import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from detector.columns.decision_ids import decision_id
from detector.contract.numbers import normal_form, written_forms
from detector.policy.lists import NUMBER_ENTITY
from detector.policy.reasons import CALL_REASON, CALLER_NAME

WITHHELD = "withheld"
"""Stands for a calling name, and for why somebody calls: that there was one is a feature."""

PRESENT_WORDS = frozenset({"", "anonymous", "restricted", "unavailable", "unknown", "private"})
_NANP = re.compile(r"(\+1[2-9][0-9]{2}[2-9][0-9]{2})([0-9]{4})")
_FOREIGN = re.compile(r"(\+[2-9][0-9])[0-9]{5,13}")
_HARMLESS = re.compile(r"\+?[0-9]{1,6}|urn:service:[a-z.]+")
_DIGIT = re.compile(r"[0-9]")
_ROUNDS = 10
_HALF = 100
_FOREIGN_DIGITS = 13
_KEPT_NUMBERS = 262_144


class NumberKey:
    """Replaces numbers under one secret; the same number always by the same text, different ones by different texts.

    Exact for North American numbers (a bijection); tokens of others are 43 bits (foreign) or 64 bits long. Words for a
    withheld number, short codes and the like stay as they are (`number`). It takes processor time alone, at most ten
    keyed hashes for a number that is not among the latest 262,144.

    Args:
        secret: any text; its strength is the strength of the digests.
    """

    def __init__(self, secret: str) -> None:
        self._key = secret.encode()
        self.identity = self._mac("identity")[:8].hex()
        """16 hex digits that tell keys apart and say nothing about the key."""
        self.number: Callable[[str], str] = lru_cache(maxsize=_KEPT_NUMBERS)(self._replace)

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    def _replace(self, number: str) -> str:
        nanp = _NANP.fullmatch(number)
        if nanp:
            return nanp[1] + self._line(nanp[1], int(nanp[2]))
        if number.lower() in PRESENT_WORDS or _HARMLESS.fullmatch(number):
            return number
        mac = self._mac(f"token:{number}")
        foreign = _FOREIGN.fullmatch(number)
        if foreign:
            digits = int.from_bytes(mac[:8]) % 10**_FOREIGN_DIGITS
            return f"{foreign[1]}{digits:0{_FOREIGN_DIGITS}}"
        if _DIGIT.search(number):
            return f"x{mac[:8].hex()}0"  # with a digit: of the class "invalid", as it was
        return "x" + "".join(chr(ord("a") + nibble) for byte in mac[:8] for nibble in divmod(byte, 16))

    def _line(self, block: str, line: int) -> str:
        left, right = divmod(line, _HALF)
        for turn in range(_ROUNDS):
            mac = self._mac(f"line:{block}:{turn}:{right}")
            left, right = right, (left + int.from_bytes(mac[:8])) % _HALF
        return f"{left * _HALF + right:04}"


def kept_forms(number: str, key: NumberKey | None) -> tuple[str, ...]:
    """How an archive may have a number: switches write it with and without `+` and the code of its country.

    Args:
        number: E.164.
        key: Replaces numbers in the archive; None where it keeps them as they are.
    """
    forms = written_forms(number)
    return forms if key is None else tuple(map(key.number, forms))


def redact(record: dict[str, Any], key: NumberKey) -> None:
    """Take the numbers, names and free text out of a record of any archived topic, in place.

    Called for each record before it is written, in the thread that writes. `record` has the fields of the contract, as
    plain values.

    Identity headers and notes go; so does the Reason header of an answer, which quotes the decision id. That id is a
    plain hash of the call, so it is made anew from the replaced number: a replay of the archive gives the same one.
    """
    for field in ("calling_number", "called_number", "from_number", "to_number", "own_diverted_from"):
        if record.get(field) is not None:
            record[field] = key.number(normal_form(record[field]))
    for field in ("diversion", "asserted_numbers"):
        if record.get(field):
            record[field] = [key.number(normal_form(number)) for number in record[field]]
    for field in ("calling_name", "own_call_reason"):
        if record.get(field):
            record[field] = WITHHELD
    if record.get("own_names"):
        record["own_names"] = [WITHHELD] * len(record["own_names"])
    for reason in record.get("reasons") or ():
        if reason["code"] in {CALLER_NAME, CALL_REASON}:
            reason["text"] = WITHHELD
    for field in ("identity", "note", "reason"):
        if field in record:
            record[field] = None
    if record.get("decision_id") is not None:
        record["decision_id"] = None if record["setup_time_ms"] is None else _decision_id(record)
    if record.get("sip") is not None:
        record["sip"] = {**record["sip"], "reason_header": None}
    if "history" in record:
        _redact_case(record, key)


def _redact_case(record: dict[str, Any], key: NumberKey) -> None:
    """Of a case, keep what is known to be no number or name: its facts are texts that somebody typed."""
    subject = record["subject"] or ""
    is_number = subject.startswith(NUMBER_ENTITY)
    record["subject"] = NUMBER_ENTITY + key.number(subject.removeprefix(NUMBER_ENTITY)) if is_number else None
    record["details"] = {
        name: text if name.endswith("_ms") else key.number(normal_form(text))
        for name, text in record["details"].items()
        if name.endswith(("_ms", "_number"))
    }
    record["history"] = [{**entry, "why": None} for entry in record["history"]]


class _Call:
    """What a decision id is made of."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.call_id = record["call_id"]
        self.setup_time_ms = record["setup_time_ms"]
        self.calling_number = record["calling_number"]
        self.called_number = record["called_number"]
        self.trunk_group_id = record["trunk_group_id"]


def _decision_id(record: dict[str, Any]) -> str:
    return decision_id(_Call(record))
