"""Who places calls: one row a customer of a provider, with its trunks, origins, signer and habits."""

import uuid
from dataclasses import dataclass, field

import numpy as np

from models.traffic.first.population import Float64, Int64
from models.traffic.first.profiles import Attest, Outcome
from models.traffic.first.spec import TrafficSpec
from models.traffic.first.world import World

TRUNK_SLOTS = 4
ORIGIN_SLOTS = 4
_CITIES = ("nyc", "atl", "chi", "dal", "den", "lax", "mia", "sea")
_NAMES = (
    "MEDICAL CENTER", "PHARMACY", "SCHOOL DIST", "CITY UTILITY", "CARD SERVICES", "CUSTOMER CARE", "HOME SERVICES",
    "HEALTH PLAN", "AUTO CARE", "DELIVERY", "BANK", "SURVEY", "WIRELESS CALLER", "TOLL FREE CALL", "INSURANCE",
    "UNKNOWN NAME",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Network:
    """Names of trunks, switches and providers: the same for every span of a seed."""

    trunk_ids: tuple[str, ...]
    trunk_ocns: tuple[str, ...]
    trunk_switches: tuple[str | None, ...]
    trunk_is_tdm: tuple[bool, ...]
    signers: tuple[str, ...]
    names: tuple[str, ...] = _NAMES


def build_network(spec: TrafficSpec) -> Network:
    """Name the trunks and the providers. The upper half of the trunks is wholesale; a third names no switch.

    Trunks over TDM lose the verification status of a call without signature.
    """
    rng = np.random.default_rng([spec.seed, 2])
    providers = spec.world.count("providers")
    signers = tuple(f"{code:04d}" for code in rng.choice(np.arange(1_000, 9_999), providers, replace=False))
    ids = tuple(f"tg-{_CITIES[i % len(_CITIES)]}-{i:03d}" for i in range(spec.trunks))
    owners = rng.integers(0, providers, spec.trunks)
    switches = tuple(f"sbc-{_CITIES[i % len(_CITIES)]}-{i % 2}" if i % 3 else None for i in range(spec.trunks))
    is_tdm = tuple((rng.random(spec.trunks) < spec.world.value("tdm_share")).tolist())
    return Network(ids, tuple(signers[o] for o in owners), switches, is_tdm, signers)


@dataclass(slots=True)
class Actors:
    """Growing table of callers; `freeze` gives the columns. Row numbers stay valid as it grows."""

    rng: np.random.Generator
    trunks: int
    world: World
    kinds: list[str] = field(default_factory=list)
    campaigns: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    _outcomes: list[Float64] = field(default_factory=list)
    _attest: list[tuple[float, ...]] = field(default_factory=list)
    _trunks: list[Int64] = field(default_factory=list)
    _origins: list[Int64] = field(default_factory=list)
    _signer: list[int] = field(default_factory=list)
    _name: list[int] = field(default_factory=list)
    _shared_origins: int = 0
    _providers: int = 0
    _spread: float = 0.0
    _consistency: float = 0.0

    def __post_init__(self) -> None:
        """Give every provider origin ids that its small customers share."""
        self._shared_origins = self.world.count("shared_origins")
        self._providers = self.world.count("providers")
        self._spread = self.world.value("individuality")
        self._consistency = self.world.value("attest_consistency")
        self.origins.extend(self._uuid() for _ in range(self._shared_origins))

    def _uuid(self) -> str:
        return str(uuid.UUID(bytes=self.rng.bytes(16), version=4))

    def add(
        self,
        kind: str,
        campaign: str,
        outcome: Outcome,
        attest: Attest,
        *,
        wholesale: float,
        own_origin: float,
        names: float,
    ) -> int:
        """Add a caller with habits near the given ones and return its row.

        Args:
            kind: One of `models.traffic.kinds`.
            campaign: Name of the campaign; empty for a lawful caller.
            outcome: Mean behaviour; the caller's own differs from it at random.
            attest: Attestation shares.
            wholesale: Probability that each of its trunks is a wholesale one.
            own_origin: Probability that it signs under origin ids of its own.
            names: Probability that it sends a calling name.
        """
        rng = self.rng
        self.kinds.append(kind)
        self.campaigns.append(campaign)
        self._outcomes.append(_vary(rng, outcome, self._spread))
        self._attest.append(self._levels(attest))
        half = self.trunks // 2
        pool = rng.integers(0, half, TRUNK_SLOTS) + half * (rng.random(TRUNK_SLOTS) < wholesale)
        self._trunks.append(rng.choice(pool[: rng.integers(1, TRUNK_SLOTS + 1)], TRUNK_SLOTS).astype(np.int64))
        if rng.random() < own_origin:
            own = len(self.origins) + np.arange(ORIGIN_SLOTS) % int(rng.integers(1, ORIGIN_SLOTS + 1))
            self.origins.extend(self._uuid() for _ in range(int(own.max()) + 1 - len(self.origins)))
            self._origins.append(own)
        else:
            self._origins.append(np.full(ORIGIN_SLOTS, rng.integers(0, self._shared_origins)))
        self._signer.append(int(rng.integers(0, self._providers)))
        self._name.append(int(rng.integers(0, len(_NAMES))) if rng.random() < names else -1)
        return len(self.kinds) - 1

    def _levels(self, attest: Attest) -> tuple[float, ...]:
        """Draw a caller's own attestation shares: most callers have one provider, and so mostly one level."""
        shares = np.array([*attest, 1.0 - sum(attest)])
        return tuple(self.rng.dirichlet(np.maximum(shares, 1e-3) * self._consistency)[:-1].tolist())

    def freeze(self) -> "ActorColumns":
        """Stack the rows into columns."""
        return ActorColumns(
            outcomes=np.stack(self._outcomes),
            attest=np.cumsum(np.array(self._attest), axis=1),
            trunks=np.stack(self._trunks),
            origins=np.stack(self._origins),
            signer=np.array(self._signer, dtype=np.int64),
            name=np.array(self._name, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class ActorColumns:
    """Habits of callers by row: outcomes float64[n, 12], cumulative attestation float64[n, 4], slots int64[n, 4]."""

    outcomes: Float64
    attest: Float64
    trunks: Int64
    origins: Int64
    signer: Int64
    name: Int64


def _vary(rng: np.random.Generator, outcome: Outcome, spread: float) -> Float64:
    """Move every mean by a factor, so that callers of one kind differ and kinds overlap."""
    row = np.array(outcome)
    row *= np.exp(rng.normal(0.0, spread, len(row)))
    row[:5] /= max(1.0, row[:5].sum() / 0.97)  # shares of outcomes leave room for no answer
    row[10:] = np.minimum(row[10:], 0.95)
    return row
