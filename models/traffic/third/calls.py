"""The calls of the third author as columns: what becomes of them, by which trunk group and how signed they come."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.traffic.third.carrier import LAWFUL_SHARES, NONE, ROBOCALL_KINDS, Array, Carrier, mixed

Columns = dict[str, Array]
"""Arrays of one length by name, one entry a call."""
KINDS = (*LAWFUL_SHARES, "spoofed_callback", *ROBOCALL_KINDS)


@dataclass(frozen=True, slots=True)
class Manner:
    """How calls end.

    Attributes:
        human: Share that a person answers.
        talk_s: Median talk with a person.
        spread: Of the talk times; the logistic scale of their logarithm.
        voicemail: Share that a machine answers; without it as many as this carrier's subscribers have machines.
        voicemail_talk_s: Mean message.
        bad: Share of called numbers that do not exist, or which do not.
        short: Share of persons who hang up at once.
        busy: Share of called lines that are engaged.
        patience_s: How long callers let it ring.
    """

    human: float
    talk_s: float
    spread: float = 0.55
    voicemail: float | None = None
    voicemail_talk_s: float = 22
    bad: Any = 0.0
    short: float = 0.0
    busy: float = 0.035
    patience_s: tuple[float, float] = (17, 38)


def outcome(carrier: Carrier, n: int, manner: Manner) -> Columns:
    """Draw how n calls end, columns of shape (n,).

    Returns:
        `status`, the final one; `ring` and `talk`, seconds; `by`, who hung up: 0 the caller, 1 the called, 2 the
        network.
    """
    random = carrier.random
    drawn = random.random(n)
    human = manner.human
    voicemail = (1 - human) * carrier.voicemail if manner.voicemail is None else manner.voicemail
    answered = human + voicemail
    status = np.full(n, 487)
    status[drawn < answered + manner.busy + 0.05] = 480
    status[drawn < answered + manner.busy + 0.015] = 603
    status[drawn < answered + manner.busy] = 486
    status[drawn < answered] = 200
    machine = (drawn >= human) & (drawn < answered)
    status[drawn > 0.996] = 503
    dead = random.random(n) < manner.bad
    status[dead] = random.choice([404, 484, 480, 503], int(dead.sum()), p=[0.72, 0.12, 0.13, 0.03])
    ring = np.where(random.random(n) < 0.6, random.normal(8, 2, n), random.gamma(6, 2.6, n)).clip(1.5)
    ring = np.where(machine, carrier.voicemail_ring_s + random.normal(0, 1.5, n), ring)
    given_up = random.uniform(*manner.patience_s, n) * np.where(random.random(n) < 0.12, 0.3, 1)
    ring = np.where(status == 487, given_up, ring)
    ring = np.where(np.isin(status, (404, 484, 503, 486)), random.gamma(2, 0.5, n) + 0.1, ring)
    odds = random.random(n).clip(1e-4, 1 - 1e-4)
    length = manner.talk_s * (odds / (1 - odds)) ** manner.spread
    quick = (random.random(n) < manner.short) & ~machine
    length = np.where(quick, random.gamma(2, 2.6, n) + 0.5, length)
    message = random.gamma(3, manner.voicemail_talk_s / 3, n) + 1
    length = np.where(machine, message, length).clip(0.4, 7200)
    called_first = np.where(machine, random.random(n) < 0.08, random.random(n) < np.where(quick, 0.85, 0.5))
    unanswered = np.where(status == 487, 0, np.where(np.isin(status, (486, 603)), 1, 2))
    released_by = np.where(status == 200, called_first.astype(int), unanswered)
    return {"status": status, "ring": ring, "talk": np.where(status == 200, length, 0.0), "by": released_by}


class Calls:
    """The calls of a carrier, added caller by caller."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._parts: list[Columns] = []

    def add(
        self, kind: str, times: Array, caller: Any, called: Any, provider: Any, ends: Columns, **more: Any
    ) -> Columns:
        """Add calls and return them; `more` are columns that are otherwise the same for all calls.

        Args:
            kind: Of `KINDS`.
            times: Seconds from the start.
            caller: Number, or one for each call; so are `called` and `provider`.
            called: Number that is called.
            provider: Where the calls start: 0 for this carrier, else a peer.
            ends: As `outcome` gives.
            more: `campaign`, `customer`, `trunk`, `attest`, -1 for none, and `forwarded`.
        """
        part: dict[str, Any] = {
            "kind": KINDS.index(kind), "t": times, "caller": caller, "called": called, "provider": provider,
            "campaign": -1, "customer": -1, "trunk": -1, "attest": -1, "forwarded": False, **ends, **more,
        }  # fmt: skip
        added = {name: np.broadcast_to(np.asarray(value), (len(times),)) for name, value in part.items()}
        self._parts.append(added)
        return added

    def again(self, part: Columns, share: float, delay_s: tuple[float, float], manner: Manner) -> None:
        """Dial again some of what was not answered.

        Args:
            part: Calls, as `add` gives them.
            share: Of those without an answer, in [0, 1].
            delay_s: Shortest and longest wait after the first try, seconds.
            manner: How the new calls end.
        """
        random = self._carrier.random
        chosen = (part["status"] != 200) & (random.random(len(part["t"])) < share)
        n = int(chosen.sum())
        later = {name: value[chosen] for name, value in part.items()}
        later["t"] = later["t"] + random.uniform(*delay_s, n)
        self._parts.append({**later, **outcome(self._carrier, n, manner)})

    def columns(self, start_ms: int) -> Columns:
        """All calls of the span in order of set-up, with how they come in and their instants in epoch milliseconds.

        Called once, at the end: it empties what was added.
        """
        parts, self._parts = self._parts, []
        calls = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        in_span = (calls["t"] >= 0) & (calls["t"] < self._carrier.span_s)
        kept = np.flatnonzero(in_span & (calls["caller"] != calls["called"]))
        order = kept[np.argsort(calls["t"][kept], kind="stable")]
        calls = {name: value[order] for name, value in calls.items()}
        _carry(self._carrier, calls)
        calls["setup"] = start_ms + (calls["t"] * 1000).astype(np.int64)
        calls["answer"] = calls["setup"] + np.maximum((calls["ring"] * 1000).astype(np.int64), 1)
        talk_ms = np.maximum((calls["talk"] * 1000).astype(np.int64), calls["status"] == 200)
        calls["end"] = calls["answer"] + talk_ms
        return calls


def _carry(carrier: Carrier, calls: Columns) -> None:
    """Set trunk groups, levels, failed verifications and origination ids: most follow from the calling number."""
    random, provider, n = carrier.random, calls["provider"], len(calls["t"])
    route = np.searchsorted([0.78, 0.96], np.where(random.random(n) < 0.7, mixed(calls["caller"], 3), random.random(n)))
    calls["trunk"] = np.where(calls["trunk"] >= 0, calls["trunk"], carrier.routes[provider, route])
    signs, which = (
        np.where(random.random(n) < 0.93, mixed(calls["caller"], salt), random.random(n)) for salt in (11, 12)
    )
    level = 1 + (which[:, None] > np.cumsum(carrier.level_shares, axis=1)[provider]).sum(1).clip(max=2)
    level = np.where(signs < carrier.signed_share[provider], level, NONE)
    level = np.where(calls["attest"] >= 0, calls["attest"], level)
    calls["attest"] = np.where(np.array(carrier.tdm)[calls["trunk"]], NONE, level)
    more_often = np.where(calls["campaign"] >= 0, 2, 1)
    calls["failed"] = (calls["attest"] > 0) & (random.random(n) < carrier.fails * more_often)
    customer, policy = calls["customer"], carrier.origid_policy[provider]
    node = np.where(customer >= 0, customer, calls["caller"] // 10_000) % carrier.nodes[provider] + 10 * provider
    own = np.where(customer >= 0, customer, node)
    each = random.integers(2**41, 2**42, n)
    calls["origid"] = np.select([policy == 0, policy == 1, policy == 2], [node, own, each], calls["trunk"] + 2**43)
