"""Columns of calls told as events of the contract, in order of time, each with the truth of its call."""

import numpy as np

from detector.contract.events import Attestation, CallEnd, CallEvent, CallSetup, ReleasedBy, Role
from models.traffic.fourth.arrays import Bools, fractions, salt_of
from models.traffic.fourth.calls import Calls
from models.traffic.fourth.network.numbers import text
from models.traffic.fourth.network.outcomes import BY_CALLED, BY_CALLING, BY_NETWORK
from models.traffic.fourth.network.world import World
from models.traffic.truth import Truth

_RELEASED = {BY_CALLING: ReleasedBy.CALLING, BY_CALLED: ReleasedBy.CALLED, BY_NETWORK: ReleasedBy.NETWORK}
_LEVELS = (None, Attestation.A, Attestation.B, Attestation.C)
_PRIVATE = 0.012  # of numbers: their subscriber asks for privacy
_FAILS = 0.004  # of signatures
_PRISON = "29"
_MOST_SWITCHES = 4


class Teller:
    """Tells calls of a carrier as events.

    Args:
        world: the carrier.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._salt = salt_of(world.seed, "events")
        self._switches = 1 + self._salt % _MOST_SWITCHES
        self._truths: dict[tuple[int, int], Truth] = {}

    def events(self, calls: Calls, is_end: Bools) -> list[tuple[CallEvent, Truth]]:
        """Tell one event of each call: its end where `is_end`, else its set-up."""
        told: list[tuple[CallEvent, Truth]] = []
        for row, more, ends in zip(_rows(calls), self._more(calls), is_end.tolist(), strict=True):
            told.append(self._end(row) if ends else self._setup(row, more))
        return told

    def truth(self, kind: int, campaign: int) -> Truth:
        """What a call was, by the values of its columns."""
        key = kind, campaign
        if key not in self._truths:
            name = self._world.kinds[kind]
            self._truths[key] = Truth(bool(campaign), f"{name}-{campaign}" if campaign else "", name)
        return self._truths[key]

    def _more(self, calls: Calls) -> "list[_More]":
        """Level, role, privacy and verification status of each call."""
        attempts, numbering = calls.attempts, self._world.numbering
        is_private = (attempts.calling < 0) | (fractions(attempts.calling, self._salt + 1) < _PRIVATE)
        fails = fractions(calls.number, self._salt + 2) < _FAILS
        statuses = np.where(
            calls.routes.level == 0, "No-TN-Validation", np.where(fails, "TN-Validation-Failed", "TN-Validation-Passed")
        )
        roles = [
            Role.TERMINATING if ends_here else Role.ORIGINATING if begins_here else Role.INTERMEDIATE
            for ends_here, begins_here in zip(
                numbering.is_ours(attempts.called).tolist(), numbering.is_ours(attempts.calling).tolist(), strict=True
            )
        ]
        private = [True if one else None for one in is_private.tolist()]
        return list(zip(calls.routes.level.tolist(), roles, private, statuses.tolist(), strict=True))

    def _setup(self, row: "_Row", more: "_More") -> tuple[CallSetup, Truth]:
        number, setup_ms, calling, called, customer, kind, campaign, trunk, *_ = row
        level, role, private, verstat = more
        providers = self._world.providers
        name, ocn = providers.trunks[trunk]
        truth = self.truth(kind, campaign)
        return CallSetup(
            call_id=self._world.call_id(number),
            setup_time_ms=setup_ms,
            calling_number=text(calling),
            called_number=text(called),
            trunk_group_id=name,
            switch_id=f"sw{1 + trunk % self._switches}",
            upstream_ocn=None if role is Role.ORIGINATING else ocn,
            privacy=private,
            verstat=verstat,
            attestation=_LEVELS[level],
            origid=providers.origids[customer] if level else None,
            signer_spc=providers.signers[customer] if level else None,
            role=role,
            ani_ii=_PRISON if truth.kind == "prison" else None,
        ), truth

    def _end(self, row: "_Row") -> tuple[CallEnd, Truth]:
        number, setup_ms, calling, called, _, kind, campaign, trunk, ring_ms, talk_ms, status, cause, released = row
        is_answered = talk_ms >= 0
        return CallEnd(
            call_id=self._world.call_id(number),
            setup_time_ms=setup_ms,
            end_time_ms=setup_ms + ring_ms + max(talk_ms, 0),
            calling_number=text(calling),
            called_number=text(called),
            trunk_group_id=self._world.providers.trunks[trunk][0],
            sip_status=status,
            answer_time_ms=setup_ms + ring_ms if is_answered else None,
            q850_cause=cause,
            released_by=_RELEASED[released],
            switch_id=f"sw{1 + trunk % self._switches}",
        ), self.truth(kind, campaign)


_Row = tuple[int, ...]
_More = tuple[int, Role, bool | None, str]


def _rows(calls: Calls) -> list[_Row]:
    attempts, ends = calls.attempts, calls.ends
    columns = (
        calls.number, attempts.setup_ms, attempts.calling, attempts.called, attempts.customer, attempts.kind,
        attempts.campaign, calls.routes.trunk, ends.ring_ms, ends.talk_ms, ends.status, ends.cause, ends.released_by,
    )  # fmt: skip
    return list(zip(*(column.tolist() for column in columns), strict=True))
