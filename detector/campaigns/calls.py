"""A suspect call, and the key of what its caller cannot change from call to call: its cell."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from detector.contract.events import CallSetup
from detector.trust.verdict import Cause

_UNCHECKED = frozenset((Cause.NOT_CHECKED, Cause.CERTIFICATE_UNAVAILABLE, Cause.REVOCATION_UNKNOWN))
TOLL_FREE = ("800", "833", "844", "855", "866", "877", "888")
ANONYMOUS, INVALID, DOMESTIC, TOLL_FREE_CALLER, FOREIGN = "anonymous", "invalid", "domestic", "toll_free", "foreign"
_NANP = re.compile(r"\+1([2-9](?!11)\d{2})([2-9](?!11)\d{2})\d{4}", re.ASCII)
_ELSEWHERE = re.compile(r"\+([2-9]\d)\d{5,13}", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)
MOST_TEXT = 64
"""Characters of a signer, an origid or a user agent that count: a provider code has 4, an origid 36."""


@dataclass(frozen=True, slots=True)
class SuspectCall:
    """A call that a decision held for a robocall, as far as grouping needs it.

    Attributes:
        call_id: Identifies the call.
        decision_id: Of the decision on it.
        at_ms: When it was set up, epoch milliseconds; where that is ahead of the decision, when it was decided.
        calling_number: In its normal form.
        called_number: Likewise.
        trunk_group_id: It came in by.
        signer_spc: Who signed it, at most `MOST_TEXT` characters; empty where it is unsigned.
        origid: Origination id that was signed, likewise; empty where there is none.
        attestation: `A`, `B`, `C`, or empty.
        user_agent: As the caller sent it, likewise. Evidence only: it can be changed at will.
        score: Calibrated probability of a robocall; 1 where a list or a standing decision decided, and no model.
    """

    call_id: str
    decision_id: str
    at_ms: int
    calling_number: str
    called_number: str
    trunk_group_id: str
    signer_spc: str = ""
    origid: str = ""
    attestation: str = ""
    user_agent: str = ""
    score: float = 1.0

    @classmethod
    def of(cls, setup: CallSetup, decision_id: str, score: float | None) -> "SuspectCall":
        """Take what is needed of a call setup.

        Where we came to a verdict of our own, that alone counts: a signature that failed says nothing of who signed.

        Args:
            setup: The call.
            decision_id: Of the decision on it.
            score: None where no model was asked.
        """
        is_ours = setup.own_cause is not None and setup.own_cause not in _UNCHECKED
        level = setup.own_attestation if is_ours else setup.attestation
        return cls(
            setup.call_id,
            decision_id,
            setup.setup_time_ms,
            setup.calling_number,
            setup.called_number,
            setup.trunk_group_id,
            ((setup.own_signer_spc if is_ours else setup.signer_spc) or "")[:MOST_TEXT],
            ((setup.own_origid if is_ours else setup.origid) or "")[:MOST_TEXT],
            "" if level is None else str(level),
            (setup.user_agent or "")[:MOST_TEXT],
            1.0 if score is None else score,
        )


class Cell(NamedTuple):
    """What calls have in common that their caller cannot change from call to call; a busy number is a cell of its own.

    Attributes:
        trunk_group_id: It comes in by; empty of a busy number.
        signer_spc: Who signs; empty where unsigned, and of a busy number.
        origid: Likewise; empty too where a signer gives each call another.
        caller: Class of the calling number (`caller_class`).
        number: The calling number, of a busy number alone.
    """

    trunk_group_id: str
    signer_spc: str
    origid: str
    caller: str
    number: str = ""

    @classmethod
    def of(cls, call: SuspectCall) -> "Cell":
        """Return the cell that a call falls in as long as nothing is known of its number or signer. It has no state."""
        return cls(call.trunk_group_id, call.signer_spc, call.origid, caller_class(call.calling_number))

    @classmethod
    def of_number(cls, number: str) -> "Cell":
        """Return the cell of a number that calls much, by whatever way its calls come."""
        return cls("", "", "", caller_class(number), number)

    @property
    def origin(self) -> tuple[str, str] | None:
        """Signer and origid, which other trunk groups may carry too; None where one of them is not known."""
        return (self.signer_spc, self.origid) if self.signer_spc and self.origid else None

    def without_origid(self) -> "Cell":
        """Return the cell of the same signer, whatever the origid."""
        return self._replace(origid="")


def caller_class(number: str) -> str:
    """Say what a calling number is: anonymous, invalid, domestic, toll-free, or foreign with its country's digits.

    Args:
        number: In its normal form.
    """
    if (found := _NANP.fullmatch(number)) is not None:
        return TOLL_FREE_CALLER if found[1] in TOLL_FREE else DOMESTIC
    if (found := _ELSEWHERE.fullmatch(number)) is not None:
        return f"{FOREIGN} +{found[1]}"
    return INVALID if _DIGIT.search(number) else ANONYMOUS


def area_of(number: str) -> str:
    """Return the area code of a North American number, the first digits of a foreign one, or empty.

    Args:
        number: In its normal form.
    """
    if (found := _NANP.fullmatch(number)) is not None:
        return found[1]
    found = _ELSEWHERE.fullmatch(number)
    return f"+{found[1]}" if found is not None else ""
