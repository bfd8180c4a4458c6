"""The carrier's policy as frozen values: every setting with its default, its meaning and its bounds.

A `Policy` can only be built valid; `streams.screening.policy_file` reads one from YAML with the same names. `Policy()`
is what a fresh installation runs: it judges in shadow and changes no call. How a policy is applied stands in
`detector.policy.steps`.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from detector.columns.impossible import Impossible
from detector.contract.decisions import Action, Label, Mode
from detector.contract.errors import SettingInvalid
from detector.contract.events import Role
from detector.contract.public_address import is_public
from detector.contract.sip import DnoStatus, Location, Redress
from detector.features.table import INDEX
from detector.policy.budgets import Budgets
from detector.policy.signers import MOST_SIGNERS, Signer
from detector.policy.upstreams import MOST_UPSTREAMS, Upstream

VERSION_BYTES = 6
NAME_LIMIT = 64
DISPLAY_LIMIT = 15
"""Characters of a name that networks carry to a display (CNAM)."""
EMERGENCY_NUMBERS = ("911", "933", "988")
ALL_PERCENT = 100.0
PLACEHOLDER_URL = "https://redress.example.com/"


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise SettingInvalid(message)


def _known_feature(name: str) -> None:
    _require(name in INDEX, f"unknown feature {name!r}: docs/features.md lists them")


def _a_share(percent: float) -> None:
    _require(
        0 < percent <= ALL_PERCENT and math.isclose(percent * 100, round(percent * 100)),
        "enforce_percent must be 0.01 to 100, in steps of 0.01; `mode: shadow` enforces nothing",
    )


def _name(name: str) -> None:
    well_formed = 0 < len(name) <= NAME_LIMIT and name.isascii() and name.replace("_", "").isalnum()
    _require(well_formed, f"name {name!r}: use 1 to {NAME_LIMIT} letters, digits and _")


@dataclass(frozen=True, slots=True)
class Condition:
    """A bound on one feature. A feature without enough data meets no condition.

    Attributes:
        feature: Name in `detector.features.table`.
        at_least: Lower bound, inclusive, in the feature's unit.
        at_most: Upper bound, inclusive.
    """

    feature: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown feature and a condition without a bound."""
        _known_feature(self.feature)
        _require(
            self.at_least is not None or self.at_most is not None, f"{self.feature}: give at_least, at_most or both"
        )
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        _require(all(map(math.isfinite, bounds)), f"{self.feature}: bounds must be finite")


@dataclass(frozen=True, slots=True)
class MinimumSample:
    """How much must have been seen before the model may block; below it the call is labelled at most."""

    feature: str
    count: float

    def __post_init__(self) -> None:
        """Refuse an unknown feature and a minimum that everything meets."""
        _known_feature(self.feature)
        _require(self.count > 0, f"{self.feature}: count must be above 0")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores, each in (0, 1], at which a treatment starts, and below which it ends again.

    Attributes:
        label_at: A number is labelled from this score on.
        label_clear: A labelled number stays so while its score is at least this.
        block_at: A number is blocked from this score on.
        block_clear: A blocked number stays so while its score is at least this.
    """

    label_at: float = 0.99
    label_clear: float = 0.95
    block_at: float = 0.997
    block_clear: float = 0.985

    def __post_init__(self) -> None:
        """Refuse thresholds out of order: hysteresis needs each clear threshold at or below the one that enters."""
        _require(
            0.0 < self.label_clear <= self.label_at <= self.block_at <= 1.0,
            "want 0 < label_clear <= label_at <= block_at <= 1",
        )
        _require(self.label_clear <= self.block_clear <= self.block_at, "want label_clear <= block_clear <= block_at")


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of unwanted call: how it is recognised among suspected ones, what the called party reads, how hard we act.

    Attributes:
        name: Category in labels and standing decisions.
        label_text: What the called party is shown, 1 to 15 ASCII characters: every display has room for them. It
            informs ("Maybe automated") and does not judge ("Scam").
        label_long_text: The same in up to 64 characters, for displays that have room; none by default.
        highest_action: `block`, or `label` for a category that is never blocked by the model.
        when: All must hold; the first category whose conditions hold is the call's. Empty: holds for every call.
        thresholds: Scores at which it is labelled and blocked.
    """

    name: str
    label_text: str
    highest_action: Action = Action.BLOCK
    when: tuple[Condition, ...] = ()
    thresholds: Thresholds = Thresholds()
    label_long_text: str | None = None

    def __post_init__(self) -> None:
        """Refuse texts that no display shows, and a category that does nothing."""
        _name(self.name)
        length = len(self.label_text)
        _require(
            0 < length <= DISPLAY_LIMIT,
            f"label_text has {length} characters, displays show 1 to {DISPLAY_LIMIT}: shorten it, and give the whole "
            "text as label_long_text",
        )
        _require(self.label_text.isascii(), "label_text is for every display, so ASCII: others go to label_long_text")
        _require(self.label_text.isprintable(), "label_text must be printable")
        if (whole := self.label_long_text) is not None:
            _require(0 < len(whole) <= NAME_LIMIT, f"label_long_text must have 1 to {NAME_LIMIT} characters")
            _require(whole.isprintable(), "label_long_text must be printable")
        _require(self.highest_action is not Action.ALLOW, "highest_action is label or block")

    @property
    def label(self) -> Label:
        """What its labelled calls carry."""
        return Label(self.label_text, self.name, self.label_long_text)


@dataclass(frozen=True, slots=True)
class Rule:
    """A decision without the model: when all conditions hold, the action is taken. The first rule that holds decides.

    Attributes:
        name: Shown in the reasons.
        when: At least one condition; all must hold.
        action: `allow`, `label` or `block`.
        category: Category whose label text is shown.
    """

    name: str
    when: tuple[Condition, ...]
    action: Action
    category: str

    def __post_init__(self) -> None:
        """Refuse a rule that would decide every call."""
        _name(self.name)
        _require(bool(self.when), f"rule {self.name}: give at least one condition")


@dataclass(frozen=True, slots=True)
class DoNotOriginate:
    """How do-not-originate numbers and impossible calling numbers are answered.

    Attributes:
        sip_status: 603 (`Decline`), 403 or 404; never a 603+, because nothing is analysed.
        impossible: Which kinds of impossible `+1` numbers are treated like listed ones.
        mode: Mode of these blocks alone, or none to do as the rest does. They follow from a list and not from
            analytics, so they may be enforced while the rest is only tried.
    """

    sip_status: DnoStatus = DnoStatus.DECLINE
    impossible: tuple[Impossible, ...] = tuple(Impossible)
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class StandingBlocks:
    """When single blocks of a number by the model become a standing block of the number.

    Attributes:
        after_blocks: Number of model blocks that it takes, 2 to 1000.
        within_s: Event time within which they must fall, seconds.
        block_s: How long the standing block holds, seconds, at most 7 days.
    """

    after_blocks: int = 10
    within_s: int = 600
    block_s: int = 3_600

    def __post_init__(self) -> None:
        """Refuse a standing block after one call, and one without a foreseeable end."""
        _require(2 <= self.after_blocks <= 1_000, "after_blocks must be 2 to 1000")  # noqa: PLR2004 - stated bounds
        _require(1 <= self.within_s <= 86_400, "within_s must be 1 to 86400")  # noqa: PLR2004
        _require(1 <= self.block_s <= 604_800, "block_s must be 1 to 604800 (7 days)")  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Override:
    """Other settings for one trunk group or one switch. Where both apply, the trunk group's win, setting by setting.

    Attributes:
        trunk_group_id: Trunk group; give this or `switch_id`.
        switch_id: Switch.
        mode: Mode of its calls, or none to keep the policy's.
        thresholds: Thresholds of every category for its calls, or none to keep the categories'.
        enforce_percent: Share of callers that `enforce` is for, or none to keep the policy's.
    """

    trunk_group_id: str | None = None
    switch_id: str | None = None
    mode: Mode | None = None
    thresholds: Thresholds | None = None
    enforce_percent: float | None = None

    def __post_init__(self) -> None:
        """Refuse an override without a single subject or without an effect."""
        _require(
            (self.trunk_group_id is None) != (self.switch_id is None), "give trunk_group_id or switch_id, not both"
        )
        _require(self.is_of_mode or self.thresholds is not None, "give mode, enforce_percent or thresholds")
        if self.enforce_percent is not None:
            _a_share(self.enforce_percent)

    @property
    def subject(self) -> str:
        """Whose calls it is about, for people."""
        return f"trunk group {self.trunk_group_id}" if self.trunk_group_id is not None else f"switch {self.switch_id}"

    @property
    def is_of_mode(self) -> bool:
        """Whether it says which calls are enforced."""
        return self.mode is not None or self.enforce_percent is not None


DEFAULT_REDRESS = Redress(url=PLACEHOLDER_URL)
DEFAULT_SAMPLES = (MinimumSample("trunk_attempts_24h", 20),)
"""A trunk group that has hardly called yet. Not the number: rotated ones never reach a sample of their own."""
DEFAULT_CATEGORIES = (Category("automated_call", "Maybe automated", label_long_text="Possible automated call"),)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a carrier decides about decisions.

    Attributes:
        mode: `shadow` answers allow to every call and says what it would have done; `enforce` acts.
        redress: Contact in every 603+.
        location: Where the carrier stands in the call path when the event has no `role`; location in a 603+.
        blocking_roles: Where analytics (rules, model, block list, standing decisions) may block. Elsewhere a call is
            labelled at most: the safe harbour of 47 CFR 64.1200(k) names terminating providers.
        emergency_numbers: Called numbers that are never blocked, national form; 911, 933 and 988 cannot be left out.
            988 stands for what it is translated to as well, 1-800-273-8255.
        emergency_trunks: Trunk groups whose calls are believed when they claim a priority (`psap-callback`, `esnet`,
            `ets`, `wps`). By others only a verified signature with attestation A is believed.
        dno: Do-not-originate treatment.
        signers: What is done with calls by who signed them; none by default.
        upstreams: What is done with calls by who handed them over; none by default.
        rules: Decisions without the model, in order; none by default.
        categories: In order; the last one has no conditions and takes every call that the others leave.
        minimum_samples: What must have been seen before the model may block.
        hold_s: How long hysteresis remembers a number after its score was last at an enter threshold, seconds.
        standing_blocks: When blocks of single calls become a block of the number.
        overrides: Per trunk group and per switch.
        budgets: How many lawful calls the model's step may hit; until that is measured its decisions are only tried.
        enforce_percent: Share of callers that `enforce` is for, drawn by their numbers: a higher share has all of a
            lower one. Calls of the others are decided in shadow, but for blocks that follow from no analytics.
        version: `p1-` and a digest of all of the above.

    Raises:
        SettingInvalid: A setting breaks a rule, or two do not go together.
    """

    mode: Mode = Mode.SHADOW
    redress: Redress = DEFAULT_REDRESS
    location: Location = Location.TERMINATING
    blocking_roles: tuple[Role, ...] = (Role.TERMINATING,)
    emergency_numbers: tuple[str, ...] = EMERGENCY_NUMBERS
    emergency_trunks: tuple[str, ...] = ()
    dno: DoNotOriginate = DoNotOriginate()
    signers: tuple[Signer, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    rules: tuple[Rule, ...] = ()
    categories: tuple[Category, ...] = DEFAULT_CATEGORIES
    minimum_samples: tuple[MinimumSample, ...] = DEFAULT_SAMPLES
    hold_s: int = 3_600
    standing_blocks: StandingBlocks = StandingBlocks()
    overrides: tuple[Override, ...] = ()
    budgets: Budgets = Budgets()
    enforce_percent: float = ALL_PERCENT
    version: str = field(init=False, default="", compare=False)

    def __post_init__(self) -> None:
        """Check what concerns several settings, and name the content."""
        _require(set(EMERGENCY_NUMBERS) <= set(self.emergency_numbers), "emergency_numbers must hold 911, 933 and 988")
        _require(all(n.isascii() and n.isdigit() for n in self.emergency_numbers), "emergency_numbers are digits only")
        _require(1 <= self.hold_s <= 604_800, "hold_s must be 1 to 604800 (7 days)")  # noqa: PLR2004
        _a_share(self.enforce_percent)
        _require(bool(self.categories) and not self.categories[-1].when, "the last of categories must have no `when`")
        names = [category.name for category in self.categories]
        _require(len(set(names)) == len(names), "categories: each name may stand once")
        for rule in self.rules:
            _require(rule.category in names, f"rule {rule.name}: category {rule.category!r} is not among categories")
        for entry in (*self.signers, *self.upstreams):
            known = entry.category is None or entry.category in names
            _require(known, f"{entry.who}: category {entry.category!r} is not among categories")
        _require(len(self.signers) <= MOST_SIGNERS, f"signers: at most {MOST_SIGNERS} entries")
        _require(len({one.spc for one in self.signers}) == len(self.signers), "signers: each spc may stand once")
        _require(len(self.upstreams) <= MOST_UPSTREAMS, f"upstreams: at most {MOST_UPSTREAMS} entries")
        trunks = {one.trunk_group_id for one in self.upstreams}
        _require(len(trunks) == len(self.upstreams), "upstreams: each trunk_group_id may stand once")
        subjects = [(override.trunk_group_id, override.switch_id) for override in self.overrides]
        _require(len(set(subjects)) == len(subjects), "overrides: each trunk group and each switch may stand once")
        object.__setattr__(self, "version", _digest(self))

    def label(self, category: str) -> Label:
        """Label of a category, O(categories); one that the policy does not know (any more) has that of the last."""
        return next((one for one in self.categories if one.name == category), self.categories[-1]).label

    def warnings(self) -> list[str]:
        """What an operator should change before calls are blocked, one sentence each."""
        url = self.redress.url
        if url is None or is_public(url):
            return []
        what = "the placeholder" if url == PLACEHOLDER_URL else f"{url}, which nobody outside reaches"
        return [f"redress.url is {what}: set your own contact before you enforce"]

    def treats(self, override: Override | None = None) -> str:
        """Say which calls are enforced, for people: `shadow`, `enforce`, or `enforce for 10 % of callers`.

        Args:
            override: Of the calls that it is about; None says it of the others.
        """
        mode, percent = self.mode, self.enforce_percent
        if override is not None:
            mode, percent = override.mode or mode, override.enforce_percent or percent
        is_of_all = mode is Mode.SHADOW or percent == ALL_PERCENT
        return mode.value if is_of_all else f"{mode.value} for {percent:g} % of callers"

    @property
    def does_enforce(self) -> bool:
        """Whether analytics may block any call: a block must then name whom to complain to (47 CFR 64.1200(k)(8))."""
        return Mode.ENFORCE in {self.mode, *(override.mode for override in self.overrides)}


def with_mode(policy: Policy, mode: Mode) -> Policy:
    """Return the policy with one mode for every call: what has a mode of its own loses it, so shadow is everywhere.

    Shares of callers stay: `enforce` is for so many of them.

    Args:
        policy: It stays as it is.
        mode: Mode of all calls; the version changes with it.
    """
    others = (one for one in policy.overrides if one.thresholds is not None or one.enforce_percent is not None)
    kept = tuple(replace(override, mode=None) for override in others)
    signers = tuple(replace(signer, mode=None) for signer in policy.signers)
    upstreams = tuple(replace(upstream, mode=None) for upstream in policy.upstreams)
    dno = replace(policy.dno, mode=None)
    return replace(policy, mode=mode, dno=dno, overrides=kept, signers=signers, upstreams=upstreams)


def _plain(content: Any) -> Any:
    """Content with every number as a float: 20 in a file and 20.0 are the same setting."""
    if isinstance(content, dict):
        return {name: _plain(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return float(content) if isinstance(content, int) else content


def _digest(policy: Policy) -> str:
    content = asdict(policy)
    del content["version"]
    text = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"))
    return "p1-" + hashlib.blake2b(text.encode(), digest_size=VERSION_BYTES).hexdigest()
