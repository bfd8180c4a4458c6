"""What the policy says of who signs a call: a table by provider code, and the look-up made of it.

Only a signer whose token held is anybody (`own_verstat` passed): a code that stands in a broken token says nothing.
So a failed signature blocks no call here, and no entry lets a call pass that anything else objects to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detector.columns.arrays import Ints
from detector.columns.setups import Calls
from detector.columns.verdicts import signer_key
from detector.contract.decisions import Mode
from detector.contract.errors import SettingInvalid
from detector.contract.events import CallSetup
from detector.policy.lists import ORDERS, Basis
from detector.trust.verdict import Verstat

MOST_SIGNERS = 1_000
_CODE_LIMIT = 16
_REASON_LIMIT = 128


class SignerAction(StrEnum):
    """What is done with the calls of a signer. `report` lets them be judged as ever, and says so in the decision."""

    BLOCK = "block"
    LABEL = "label"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Signer:
    """One signer and what is done with the calls that it signs.

    Attributes:
        spc: Service provider code of its certificate, 1 to 16 letters and digits, exactly.
        action: `block`, `label` or `report`.
        reason: Why, 1 to 128 characters; decisions repeat it.
        category: Category whose label text is shown; without one the last of the policy.
        basis: What a block rests on: analytics, or an order.
        mode: `shadow` only tries the entry: it comes last, so that it takes no call from what holds.
    """

    spc: str
    action: SignerAction
    reason: str
    category: str | None = None
    basis: Basis = Basis.ANALYTICS
    mode: Mode | None = None

    def __post_init__(self) -> None:
        """Refuse what no certificate holds, and what does not go together."""
        if not (self.spc.isascii() and self.spc.isalnum() and len(self.spc) <= _CODE_LIMIT):
            raise SettingInvalid(f"signer {self.spc!r}: spc has 1 to {_CODE_LIMIT} letters and digits")
        if not (0 < len(self.reason) <= _REASON_LIMIT and self.reason.isprintable()):
            raise SettingInvalid(f"signer {self.spc}: reason has 1 to {_REASON_LIMIT} printable characters")
        if self.basis is Basis.SUBSCRIBER:
            raise SettingInvalid(f"signer {self.spc}: a subscriber blocks numbers: use `robocall lists add block`")
        if self.is_ordered and self.action is not SignerAction.BLOCK:
            raise SettingInvalid(f"signer {self.spc}: basis {self.basis} is of blocks: set action: block")
        if self.mode is Mode.ENFORCE or (self.mode and self.action is SignerAction.REPORT):
            raise SettingInvalid(f"signer {self.spc}: mode is shadow, of a block or label, or left out")

    @property
    def is_ordered(self) -> bool:
        """Whether a court or the FCC ordered it."""
        return self.basis in ORDERS

    @property
    def is_tried(self) -> bool:
        """Whether it is only tried."""
        return self.mode is Mode.SHADOW


class SignerTable:
    """The policy's signers made ready for batches; immutable by convention.

    Args:
        signers: Each code once.
    """

    __slots__ = ("_by_code", "_keys")

    def __init__(self, signers: Sequence[Signer]) -> None:
        self._by_code = {one.spc: one for one in signers}
        self._keys: Ints = np.array(sorted(map(signer_key, self._by_code)), np.int64)

    def signed(self, calls: Calls) -> dict[int, Signer]:
        """Entry of the verified signer of each call that has one, by row; only their events are made.

        Args:
            calls: Of a batch.
        """
        if not self._by_code:
            return {}
        may_be = np.isin(calls.own_signers, self._keys).nonzero()[0].tolist()
        found = ((row, self._by_code.get(verified_signer(calls.events[row]))) for row in may_be)
        return {row: one for row, one in found if one is not None}


def is_verified(setup: CallSetup) -> bool:
    """Tell whether our own verdict on the call is passed."""
    return setup.own_verstat == Verstat.PASSED.value


def verified_signer(setup: CallSetup) -> str:
    """Provider code of the signer whose token held; empty where there is none."""
    return (setup.own_signer_spc or "") if is_verified(setup) else ""
