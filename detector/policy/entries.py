"""What the tables of the policy have in common: an entry says what is done with the calls of somebody, and why.

There is one table of who signs (`detector.policy.signers`) and one of who hands calls over
(`detector.policy.upstreams`).
"""

from dataclasses import dataclass
from enum import StrEnum

from detector.contract.decisions import Mode, Reason
from detector.contract.errors import SettingInvalid
from detector.policy.lists import DEMANDS, Basis

REASON_LIMIT = 128


class EntryAction(StrEnum):
    """What is done with the calls. `report` lets them be judged as ever, and says so in the decision."""

    BLOCK = "block"
    LABEL = "label"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is done with the calls of somebody; a table adds who that is.

    Attributes:
        action: `block`, `label` or `report`.
        reason: Why, 1 to 128 characters; decisions repeat it.
        category: Category whose label text is shown; without one the last of the policy.
        basis: What a block rests on: analytics, an order, or that a provider is not registered.
        mode: `shadow` only tries the entry: it comes last, so that it takes no call from what holds.
    """

    action: EntryAction
    reason: str
    category: str | None = None
    basis: Basis = Basis.ANALYTICS
    mode: Mode | None = None

    @property
    def who(self) -> str:
        """Whom it is about, for errors: `signer 123A`."""
        raise NotImplementedError

    @property
    def why(self) -> Reason:
        """Reason of a call that it is about."""
        raise NotImplementedError

    @property
    def is_demanded(self) -> bool:
        """Whether a block is no analytics: a court or the FCC ordered it, or the law does not let the call in."""
        return self.basis in DEMANDS

    @property
    def is_tried(self) -> bool:
        """Whether it is only tried."""
        return self.mode is Mode.SHADOW


def check_entry(entry: Entry) -> None:
    """Refuse an entry whose settings do not go together.

    Raises:
        SettingInvalid: one sentence that names it.
    """
    if not (0 < len(entry.reason) <= REASON_LIMIT and entry.reason.isprintable()):
        raise SettingInvalid(f"{entry.who}: reason has 1 to {REASON_LIMIT} printable characters")
    if entry.basis is Basis.SUBSCRIBER:
        raise SettingInvalid(f"{entry.who}: a subscriber blocks numbers: use `robocall lists add block`")
    if entry.is_demanded and entry.action is not EntryAction.BLOCK:
        raise SettingInvalid(f"{entry.who}: basis {entry.basis} is of blocks: set action: block")
    if entry.mode is Mode.ENFORCE or (entry.mode and entry.action is EntryAction.REPORT):
        raise SettingInvalid(f"{entry.who}: mode is shadow, of a block or label, or left out")
