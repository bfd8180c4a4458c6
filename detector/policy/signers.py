"""What the policy says of who signs a call: a table by provider code, and the look-up made of it.

Only a signer whose token held is anybody (`own_verstat` passed): a code that stands in a broken token says nothing.
So a failed signature blocks no call here, and no entry lets a call pass that anything else objects to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.columns.arrays import Ints
from detector.columns.setups import Calls
from detector.columns.verdicts import signer_key
from detector.contract.decisions import Reason
from detector.contract.errors import SettingInvalid
from detector.contract.events import CallSetup
from detector.policy.entries import Entry, EntryAction, check_entry
from detector.policy.lists import Basis
from detector.trust.verdict import Verstat

MOST_SIGNERS = 1_000
_CODE_LIMIT = 16


@dataclass(frozen=True, slots=True)
class Signer(Entry):
    """One signer and what is done with the calls that it signs.

    Attributes:
        spc: Service provider code of its certificate, 1 to 16 letters and digits, exactly.
    """

    spc: str

    def __post_init__(self) -> None:
        """Refuse what no certificate holds, and what does not go together."""
        if not (self.spc.isascii() and self.spc.isalnum() and len(self.spc) <= _CODE_LIMIT):
            raise SettingInvalid(f"signer {self.spc!r}: spc has 1 to {_CODE_LIMIT} letters and digits")
        if self.basis is Basis.REGISTRATION:
            raise SettingInvalid(f"{self.who}: basis registration is about who hands calls over: use upstreams")
        check_entry(self)

    @property
    def who(self) -> str:
        """Whom it is about, for errors."""
        return f"signer {self.spc}"

    @property
    def why(self) -> Reason:
        """Reason of a call that it signed: who, and why that matters."""
        return Reason("signer", f"{self.spc} signed the call, which was verified: {self.reason}")


class SignerTable:
    """The policy's signers made ready for batches; immutable by convention.

    Args:
        signers: Each code once.
    """

    __slots__ = ("_blocked", "_by_code", "_keys")

    def __init__(self, signers: Sequence[Signer]) -> None:
        self._by_code = {one.spc: one for one in signers}
        self._blocked = frozenset(one.spc for one in signers if one.action is EntryAction.BLOCK and not one.is_tried)
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

    def blocks(self, spc: str | None) -> bool:
        """Tell whether an entry that is not only tried blocks the calls of a signer: it vouches for nothing then.

        Args:
            spc: Its provider code; None or empty where nobody is known to have signed.
        """
        return spc in self._blocked


def is_verified(setup: CallSetup) -> bool:
    """Tell whether our own verdict on the call is passed."""
    return setup.own_verstat == Verstat.PASSED.value


def verified_signer(setup: CallSetup) -> str:
    """Provider code of the signer whose token held; empty where there is none."""
    return (setup.own_signer_spc or "") if is_verified(setup) else ""
