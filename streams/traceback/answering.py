"""Our own hop: what the archive has of a call that somebody asks for, and who stands behind its trunk groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from detector.contract.errors import RobocallError
from streams.archive.calls import ArchivedCall, Sought, find
from streams.archive.coverage import missing
from streams.archive.numbers import NumberKey, kept_forms
from streams.traceback.matching import ZONES_APART_MS, Match, match, whole_hours_away
from streams.traceback.questions import Question
from streams.traceback.records import MOST_CANDIDATES, Candidate, Customer, Hop, Provider, Status, same

HOME = "US"


class CannotSay(RobocallError):
    """The archive lacks calls of that time. The text is a predicate without its subject, the request."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who stands behind a trunk group: a provider, or a customer of our own."""

    provider: Provider
    is_customer: bool = False


@dataclass(frozen=True, slots=True)
class Office:
    """What an answer needs besides the archive.

    Attributes:
        provider: Ourselves.
        parties: Who stands behind each trunk group, as far as it is known.
        key: Replaces numbers in the archive; None where it keeps them as they are.
        actions: What was done about the customer behind a trunk group.
    """

    provider: Provider
    parties: Mapping[str, Party]
    key: NumberKey | None = None
    actions: Mapping[str, str] | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether the archive keeps numbers as they are: a digest of one says nothing to whoever asks."""
        return self.key is None

    def kept(self, number: str) -> tuple[str, ...]:
        """How the archive may have a number: switches write it with and without `+` and the country's code."""
        return kept_forms(number, self.key)


def answer(connection: Any, office: Office, question: Question, now_ms: int) -> Hop:
    """Answer one request from the archive. It blocks for a look-up (`streams.archive.calls.find`).

    Args:
        connection: Of `streams.archive.query.connected`.
        office: Who answers.
        question: The request.
        now_ms: When it is answered, epoch milliseconds.

    Raises:
        CannotSay: nothing is found, and the archive does not have every call of that time.
        QueryRefused: DuckDB met a fault.
    """
    called, calling = office.kept(question.called_number), office.kept(question.calling_number)
    asked = question.asked
    found = match(asked, find(connection, Sought(called, calling, (), asked.begin_ms, asked.end_ms)))
    if found.status is Status.NOT_FOUND:
        lacks = missing(connection, asked.begin_ms, asked.end_ms)
        wide = Sought(called, calling, (), asked.begin_ms - ZONES_APART_MS, asked.end_ms + ZONES_APART_MS)
        hours = whole_hours_away(asked, find(connection, wide))
        hint = "" if hours is None else f"; one is {hours:+d} h away: is the zone right?"
        if lacks is not None:
            raise CannotSay(f"cannot be answered: {lacks}{hint}")
        found = Match(Status.NOT_FOUND, reason=f"{found.reason}{hint}")
    return hop_of(office, found, now_ms)


def hop_of(office: Office, found: Match, now_ms: int) -> Hop:
    """What we say of a call.

    Where several may be meant, it names whom we had it from only if that is the same of all, and says whether all of
    them entered here.

    Args:
        office: Who says it.
        found: The call, or those that may be meant.
        now_ms: When it is said, epoch milliseconds.
    """
    said = Hop(provider=office.provider, status=found.status, answered_ms=now_ms, reason=found.reason)
    if found.status is Status.NOT_FOUND:
        return said
    hops = [_one(office, call, said) for call in found.calls]
    if found.status is Status.FOUND:
        return hops[0]
    sources = [hop.received_from for hop in hops]
    first = sources[0]
    agreed = first if all(one is not None and first is not None and same(one, first) for one in sources) else None
    candidates = tuple(
        Candidate(
            call_id=call.set_up.call_id,
            time_ms=call.set_up.setup_time_ms,
            ingress_trunk=call.set_up.trunk_group_id,
            duration_s=call.duration_s,
        )
        for call in found.calls[:MOST_CANDIDATES]
    )
    entered = [hop.status in {Status.END_CUSTOMER, Status.FOREIGN} for hop in hops]
    return replace(
        said, received_from=None if any(entered) else agreed, is_entry=all(entered), candidates=candidates
    )  # fmt: skip


def _one(office: Office, call: ArchivedCall, said: Hop) -> Hop:
    """What we say of one call, after what is said already."""
    set_up, end = call.set_up, call.end
    party = office.parties.get(set_up.trunk_group_id)
    status, customer, reason = said.status, None, said.reason
    source = party.provider if party is not None else _by_ocn(set_up.upstream_ocn)
    if party is not None and party.is_customer:
        status, source = Status.END_CUSTOMER, None
        name = party.provider.name or f"the customer behind {set_up.trunk_group_id}"
        action = (office.actions or {}).get(set_up.trunk_group_id)
        customer = Customer(name=name, contact=party.provider.contact, action=action)
    elif source is not None and source.country not in {None, HOME}:
        status = Status.FOREIGN
    elif source is None:
        reason = reason or f"trunk group {set_up.trunk_group_id} is not in the register of upstreams"
    is_ours = set_up.own_verstat is not None
    return replace(
        said,
        status=status,
        reason=reason,
        time_ms=set_up.setup_time_ms,
        call_id=set_up.call_id,
        received_from=source,
        ingress_trunk=set_up.trunk_group_id,
        source_ip=set_up.source_ip or None,
        sent_to=_sent_to(office, call),
        egress_trunk=None if end is None else end.egress_trunk_group_id or None,
        attestation=set_up.own_attestation if is_ours else set_up.attestation,
        origid=(set_up.own_origid if is_ours else set_up.origid) or None,
        signer_spc=(set_up.own_signer_spc if is_ours else set_up.signer_spc) or None,
        verstat=set_up.own_verstat or None,
        diverted_from=(set_up.own_diverted_from if office.has_numbers else None) or None,
        forwarder_spc=set_up.own_forwarder_spc or None,
        treatment=(None if end is None else end.treatment) or call.action,
        customer=customer,
    )


def _sent_to(office: Office, call: ArchivedCall) -> Provider | None:
    if call.end is None:
        return None
    party = office.parties.get(call.end.egress_trunk_group_id or "")
    return party.provider if party is not None and not party.is_customer else _by_ocn(call.end.egress_ocn)


def _by_ocn(ocn: str | None) -> Provider | None:
    return Provider(ocn=ocn) if ocn else None
