"""How calls go: whether somebody or a mailbox answers, how long it rings and is talked, who hangs up.

A call is cancelled when its caller's patience ends before somebody picks up. So what rings once is answered rarely,
and a caller who waits reaches the mailbox.
"""

from dataclasses import dataclass, fields

import numpy as np

from models.traffic.fourth.arrays import Bools, Floats, Ints
from models.traffic.fourth.attempts import Attempts

BY_CALLING, BY_CALLED, BY_NETWORK = range(3)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How calls of some callers go.

    Attributes:
        answer: share of calls that somebody would pick up.
        mailbox: share of the others that a mailbox would, after some 25 s.
        busy: share that find the line engaged.
        patience_s: how long the caller lets it ring, about.
        talk_s: median of a conversation.
        spread: of its logarithm.
        message_s: length of a message that is played instead; 0 for a conversation.
        early: share of talks that the called ends within seconds.
        engages: share of those who heard a message and then talk with somebody.
        called_ends: share of talks that the called ends.
        leaves: share of calls to a mailbox that leave a message; others hang up at the greeting.
    """

    answer: float
    mailbox: float = 0.6
    busy: float = 0.04
    patience_s: float = 28.0
    talk_s: float = 80.0
    spread: float = 1.1
    message_s: float = 0.0
    early: float = 0.05
    engages: float = 0.0
    called_ends: float = 0.45
    leaves: float = 0.4


BEHAVIOURS: dict[str, Behaviour] = {
    "known": Behaviour(0.64, spread=1.35, talk_s=72.0, called_ends=0.48),
    "to_business": Behaviour(0.86, mailbox=0.35, busy=0.05, patience_s=40.0, talk_s=105.0, early=0.04,
                             called_ends=0.35),
    "agent": Behaviour(0.46, patience_s=26.0, talk_s=95.0, early=0.09, called_ends=0.4),
    "cold": Behaviour(0.13, mailbox=0.35, patience_s=20.0, talk_s=38.0, spread=1.2, early=0.34,
                      called_ends=0.7, leaves=0.12),
    "interview": Behaviour(0.12, mailbox=0.35, patience_s=22.0, talk_s=60.0, spread=1.5, early=0.36,
                           called_ends=0.62, leaves=0.06),
    "sales": Behaviour(0.2, mailbox=0.4, patience_s=22.0, talk_s=70.0, early=0.2, called_ends=0.6, leaves=0.1),
    "reminder": Behaviour(0.44, mailbox=0.8, message_s=27.0, early=0.12, engages=0.08, called_ends=0.55, leaves=0.95),
    "alert": Behaviour(0.5, mailbox=0.8, message_s=42.0, early=0.14, called_ends=0.4, leaves=0.95, busy=0.07),
    "code": Behaviour(0.9, mailbox=0.3, message_s=17.0, early=0.03, called_ends=0.5, leaves=0.5),
    "machine": Behaviour(0.97, mailbox=0.0, busy=0.03, talk_s=19.0, spread=0.4, early=0.01, called_ends=0.3),
    "fax": Behaviour(0.72, mailbox=0.2, busy=0.2, talk_s=55.0, spread=0.6, early=0.1, called_ends=0.2, leaves=0.0),
    "bridge": Behaviour(0.98, mailbox=0.0, busy=0.005, talk_s=1_500.0, spread=0.8, early=0.02, called_ends=0.12),
    "flash": Behaviour(0.25, mailbox=0.3, busy=0.02, patience_s=3.2, talk_s=4.0, early=0.4, leaves=0.0),
    "proxy": Behaviour(0.62, patience_s=24.0, talk_s=24.0, spread=0.9, early=0.06),
    "paging": Behaviour(0.8, mailbox=0.5, talk_s=45.0, early=0.02),
    "prison": Behaviour(0.55, talk_s=420.0, spread=0.9, early=0.2, called_ends=0.2, leaves=0.0),
    "robot": Behaviour(0.24, mailbox=0.6, patience_s=24.0, message_s=26.0, early=0.5, engages=0.03, called_ends=0.8,
                       leaves=0.35),
    "scam_agent": Behaviour(0.25, patience_s=22.0, talk_s=34.0, spread=1.4, early=0.42, called_ends=0.72, leaves=0.15),
    "ring_once": Behaviour(0.35, mailbox=0.4, busy=0.02, patience_s=2.6, talk_s=3.0, early=0.4, leaves=0.0),
    "padded": Behaviour(0.3, mailbox=0.2, patience_s=26.0, talk_s=105.0, spread=0.5, early=0.06,
                        called_ends=0.45, leaves=0.5),
    "mailbox_drop": Behaviour(0.04, mailbox=0.97, busy=0.01, message_s=29.0, early=0.2, called_ends=0.1, leaves=0.98),
    "probe": Behaviour(0.3, patience_s=6.0, talk_s=2.0, spread=0.5, called_ends=0.1, leaves=0.0),
    "tie_up": Behaviour(0.8, mailbox=0.2, busy=0.3, patience_s=45.0, talk_s=70.0, spread=0.9, early=0.2,
                        called_ends=0.8),
    "pump": Behaviour(0.97, mailbox=0.0, busy=0.01, talk_s=160.0, spread=0.7, early=0.05, called_ends=0.15),
}  # fmt: skip
NAMES = tuple(BEHAVIOURS)
_TABLE: dict[str, Floats] = {
    one.name: np.array([getattr(row, one.name) for row in BEHAVIOURS.values()]) for one in fields(Behaviour)
}


@dataclass(frozen=True, slots=True)
class Ends:
    """How calls ended; one element of each column is a call.

    Attributes:
        ring_ms: from the set-up to the answer, or to the end of what nobody answered; at least 1.
        talk_ms: from the answer to the end, at least 1; -1 where nobody answered.
        status: final SIP status.
        cause: Q.850 cause.
        released_by: `BY_CALLING`, `BY_CALLED` or `BY_NETWORK`.
    """

    ring_ms: Ints
    talk_ms: Ints
    status: Ints
    cause: Ints
    released_by: Ints


def number_of(behaviour: str) -> int:
    """The index that stands for a behaviour in columns."""
    return NAMES.index(behaviour)


def ends(attempts: Attempts, is_in_service: Bools, is_trap: Bools, random: np.random.Generator) -> Ends:
    """Draw how each call ends.

    Args:
        attempts: the calls.
        is_in_service: of the called numbers; calls to others fail.
        is_trap: calls that the carrier answers itself.
        random: two calls of this function with the same state give the same.
    """
    size = len(attempts)
    of = {name: column[attempts.behaviour] for name, column in _TABLE.items()}
    log_odds = np.log(of["answer"] / (1 - of["answer"])) + attempts.answer_shift
    picks_up_s = 1.0 + random.lognormal(2.1, 0.5, size)
    patience_s = of["patience_s"] * random.lognormal(0.0, 0.25, size)
    is_off = random.random(size) < 0.25  # a mobile that is off: the mailbox answers at once
    mailbox_s = np.where(is_off, random.uniform(1.5, 4.0, size), random.normal(25.0, 2.5, size))
    would = random.random(size) < 1.0 / (1.0 + np.exp(-log_odds))
    is_answered = (would & (picks_up_s < patience_s)) | is_trap
    is_mailbox = ~is_answered & ~would & (random.random(size) < of["mailbox"]) & (mailbox_s < patience_s)
    fate = random.random(size)
    is_dead = ~is_in_service & ~is_trap
    is_busy = ~is_dead & ~is_trap & (fate < of["busy"])
    is_lost = ~is_dead & ~is_trap & (fate > 0.99)
    is_up = (is_answered | is_mailbox) & ~is_dead & ~is_busy & ~is_lost
    given_up = ~is_up & ~is_dead & ~is_busy & ~is_lost
    is_timeout = given_up & (patience_s > 26.0) & (random.random(size) < 0.5)
    is_declined = given_up & ~is_timeout & (random.random(size) < 0.04)
    at_once_s = random.lognormal(-0.2, 0.6, size)
    ring_s = np.select(
        [is_dead | is_busy | is_lost, is_up & is_mailbox, is_up, is_declined],
        [at_once_s, mailbox_s, np.minimum(picks_up_s, patience_s), np.minimum(picks_up_s, patience_s)],
        patience_s,
    )
    talk_s = np.where(is_mailbox, _mailbox_s(of, random), _talk_s(of, attempts.talk_factor, random))
    code, cause = _codes([is_up, is_dead, is_busy, is_lost, is_timeout, is_declined], random, size)
    called_ends = random.random(size) < np.where(is_mailbox, 0.15, of["called_ends"])
    released = np.select(
        [is_up, is_dead | is_lost | is_timeout, is_busy | is_declined],
        [np.where(called_ends, BY_CALLED, BY_CALLING), BY_NETWORK, BY_CALLED],
        BY_CALLING,
    )
    talk_ms = np.where(is_up, np.maximum(1, np.round(np.minimum(talk_s, 14_000.0) * 1_000)), -1)
    return Ends(
        np.maximum(1, np.round(ring_s * 1_000)).astype(np.int64), talk_ms.astype(np.int64), code, cause, released
    )


def _talk_s(of: dict[str, Floats], factor: Floats, random: np.random.Generator) -> Floats:
    """Talks with somebody: a few seconds, a conversation, or a message to its end and perhaps a talk behind it."""
    size = len(factor)
    conversation = np.exp(np.log(of["talk_s"]) + of["spread"] * random.standard_normal(size)) * factor
    message = of["message_s"] * factor * random.uniform(0.55, 1.02, size)
    heard = message + np.where(random.random(size) < of["engages"], conversation, random.exponential(1.5, size))
    early = 0.4 + random.exponential(3.2, size)
    talk = np.where(of["message_s"] > 0, heard, conversation)
    return np.where(random.random(size) < of["early"], early, talk)


def _mailbox_s(of: dict[str, Floats], random: np.random.Generator) -> Floats:
    """Talks with a mailbox: the greeting, and behind it a message, or nothing after a part of it."""
    size = len(of["leaves"])
    greeting = random.uniform(4.0, 16.0, size)
    left = np.where(of["message_s"] > 0, of["message_s"] * random.uniform(0.95, 1.05, size),
                    random.lognormal(2.7, 0.6, size))  # fmt: skip
    return np.where(random.random(size) < of["leaves"], greeting + left, greeting * random.uniform(0.15, 1.0, size))


def _codes(fates: list[Bools], random: np.random.Generator, size: int) -> tuple[Ints, Ints]:
    """SIP statuses and the Q.850 causes that belong to them (RFC 3398)."""
    dead = random.choice([404, 404, 404, 484, 480], size)
    lost = random.choice([503, 500, 408], size)
    timeout = random.choice([480, 480, 408], size)
    status = np.select(fates, [200, dead, 486, lost, timeout, 603], 487).astype(np.int64)
    statuses = np.array([200, 404, 408, 480, 484, 486, 487, 500, 503, 603])
    causes = np.array([16, 1, 102, 19, 28, 17, 16, 41, 34, 21])
    return status, causes[np.searchsorted(statuses, status)]
