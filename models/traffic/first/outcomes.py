"""What becomes of an attempted call: attestation, trunk, answer, duration, release. Vectorised over a slice."""

from dataclasses import dataclass, fields

import numpy as np

from models.traffic.first.actors import ORIGIN_SLOTS, TRUNK_SLOTS, ActorColumns
from models.traffic.first.population import Bool, Float64, Int64
from models.traffic.first.profiles import Outcome
from models.traffic.first.sources import Draft

UNSIGNED, LEVEL_A, LEVEL_B, LEVEL_C, FAILED = range(5)
BY_CALLING, BY_CALLED, BY_NETWORK = range(3)
NEVER = -1
_LONGEST_S = 7_200.0
_NO_ANSWER_S = 25.0  # ring timeout before 480, predictive dialling study

_COLUMN = {name: i for i, name in enumerate(Outcome._fields)}


@dataclass(slots=True)
class Calls:
    """Calls as columns of shape (n,); text is held as an index into the tables of the network and the actors.

    Times are epoch milliseconds UTC. Without an answer `answer_ms` is `NEVER`, without a diversion `diverted_by` is.
    Attestation is 1 to 3 for A to C, else `FAILED` or `UNSIGNED`; numbers are those of `Draft`.
    """

    serial: Int64
    setup_ms: Int64
    end_ms: Int64
    answer_ms: Int64
    actor: Int64
    calling: Int64
    called: Int64
    trunk: Int64
    attestation: Int64
    origin: Int64
    status: Int64
    cause: Int64
    released_by: Int64
    diverted_by: Int64

    def __len__(self) -> int:
        """Count the calls."""
        return len(self.serial)

    def take(self, rows: Int64 | Bool) -> "Calls":
        """Pick rows."""
        return Calls(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def join(cls, first: "Calls", second: "Calls") -> "Calls":
        """Append one to the other."""
        return cls(*(np.concatenate([getattr(first, f.name), getattr(second, f.name)]) for f in fields(cls)))

    @classmethod
    def empty(cls) -> "Calls":
        """Hold no call."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in fields(cls)))


def resolve(rng: np.random.Generator, actors: ActorColumns, drafts: list[Draft], first_serial: int) -> Calls:
    """Turn the attempts of a slice into calls in order of setup.

    Args:
        rng: The generator's own source of chance.
        actors: Habits of the callers; `Draft.actor` are its rows.
        drafts: Attempts, in no order; none gives no calls.
        first_serial: Number of the first call; the others follow.
    """
    if not drafts:
        return Calls.empty()
    time_ms, actor, calling, called, exists = (np.concatenate(column) for column in zip(*drafts, strict=True))
    order = np.argsort(time_ms, kind="stable")
    time_ms, actor, calling, called, exists = (c[order] for c in (time_ms, actor, calling, called, exists))
    n = len(time_ms)
    habits = actors.outcomes[actor]
    status, cause, end_ring_s = _responses(rng, habits, exists)
    answered = status == 200
    talk_s = _talk(rng, habits, n)
    answer_ms = time_ms + np.round(end_ring_s * 1_000).astype(np.int64)
    end_ms = np.where(answered, answer_ms + np.round(talk_s * 1_000).astype(np.int64), answer_ms)
    by_caller = rng.random(n) < habits[:, _COLUMN["caller_ends"]]
    released = np.where(answered, np.where(by_caller, BY_CALLING, BY_CALLED), BY_NETWORK)
    released[status == 487] = BY_CALLING
    released[np.isin(status, (486, 603, 607))] = BY_CALLED
    attestation = (rng.random(n)[:, None] >= actors.attest[actor]).sum(axis=1) + 1
    attestation[attestation > FAILED] = UNSIGNED
    return Calls(
        serial=first_serial + np.arange(n, dtype=np.int64),
        setup_ms=time_ms,
        end_ms=end_ms,
        answer_ms=np.where(answered, answer_ms, NEVER),
        actor=actor,
        calling=calling,
        called=called,
        trunk=actors.trunks[actor, rng.integers(0, TRUNK_SLOTS, n)],
        attestation=attestation,
        origin=actors.origins[actor, rng.integers(0, ORIGIN_SLOTS, n)],
        status=status,
        cause=cause,
        released_by=released,
        diverted_by=np.where(rng.random(n) < 0.012, called // 100 * 100 + rng.integers(0, 100, n), NEVER),
    )


def _responses(rng: np.random.Generator, habits: Float64, exists: Bool) -> tuple[Int64, Int64, Float64]:
    """Draw the final response, its Q.850 cause and the seconds until it came."""
    n = len(exists)
    # The order of the first five habits: answer, busy, cancel, reject, fail; what is left rings out.
    which = (rng.random(n)[:, None] >= np.cumsum(habits[:, :5], axis=1)).sum(axis=1)
    status = np.array([200, 486, 487, 603, 503, 480])[which]
    cause = np.array([16, 17, 16, 21, 41, 19])[which]
    missing = np.where(rng.random(n) < 0.86, 404, 484)
    status = np.where(exists, status, missing)
    cause = np.where(exists, cause, np.where(missing == 404, 1, 28))
    declined = np.array([603, 607, 608])[np.searchsorted([0.93, 0.98], rng.random(n))]
    status = np.where(status == 603, declined, status)
    ring_s = np.clip(habits[:, _COLUMN["ring_s"]] * np.exp(rng.normal(0.0, 0.5, n)), 0.4, 55.0)
    quick_s = 0.15 + rng.exponential(0.6, n)
    ring_s = np.where(np.isin(status, (404, 484, 486, 503)), quick_s, ring_s)
    return status, cause, np.where(status == 480, _NO_ANSWER_S + rng.exponential(4.0, n), ring_s)


def _talk(rng: np.random.Generator, habits: Float64, n: int) -> Float64:
    """Draw talk seconds: a short mode (hang-up, voicemail) and a long one with a truncated tail."""
    long = rng.random(n) < habits[:, _COLUMN["long_share"]]
    median = np.where(long, habits[:, _COLUMN["long_s"]], habits[:, _COLUMN["short_s"]])
    sigma = np.where(long, habits[:, _COLUMN["long_sigma"]], habits[:, _COLUMN["short_sigma"]])
    talk_s: Float64 = np.clip(median * np.exp(sigma * rng.normal(0.0, 1.0, n)), 0.5, _LONGEST_S)
    return talk_s
