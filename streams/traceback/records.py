"""What a traceback is made of: the call, who carried it, and what each of them says. Exported and imported as JSON.

Instants are epoch milliseconds UTC, by the clock of whoever says them. `docs/traceback.schema.json` is made from these
types (`streams.contract_docs.traceback_schema`).
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from detector.contract.events import EARLIEST_TIME_MS, LATEST_TIME_MS

MOST_TEXT = 512
MOST_HOPS = 100
MOST_CANDIDATES = 20
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_TEXT)]
TimeMs = Annotated[int, msgspec.Meta(ge=EARLIEST_TIME_MS, le=LATEST_TIME_MS)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Status(StrEnum):
    """What a provider says about a call, or that it says nothing.

    `foreign`: it came from abroad, and the provider is the gateway. `end_customer`: it came from a customer of the
    provider, which is the originating one. `open`: asked, and nothing is late yet.
    """

    OPEN = "open"
    FOUND = "found"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    NO_RESPONSE = "no_response"
    FOREIGN = "foreign"
    END_CUSTOMER = "end_customer"


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provider, as far as it is known."""

    name: Text | None = None
    ocn: Text | None = None
    frn: Text | None = None
    rmd_number: Text | None = None
    country: Text | None = None
    contact: Text | None = None


class Customer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who made the call, and what was done about it: warned, blocked, terminated."""

    name: Text
    contact: Text | None = None
    action: Text | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The call that a traceback is about, as whoever asks saw it."""

    time_ms: TimeMs
    calling_number: Text
    called_number: Text
    duration_s: Seconds | None = None
    is_answered: bool | None = None
    attestation: Text | None = None
    origid: Text | None = None
    signer_spc: Text | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that may be the one that is asked for."""

    call_id: Text
    time_ms: TimeMs
    ingress_trunk: Text
    duration_s: Seconds | None = None


class Hop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one provider says about a call.

    `diverted_from` and `forwarder_spc`: which number forwarded the call last, and who signed that.
    `is_entry`, of an ambiguous answer: whichever call is meant, it entered at this provider.
    """

    provider: Provider
    status: Status
    answered_ms: TimeMs | None = None
    time_ms: TimeMs | None = None
    call_id: Text | None = None
    received_from: Provider | None = None
    ingress_trunk: Text | None = None
    source_ip: Text | None = None
    sent_to: Provider | None = None
    egress_trunk: Text | None = None
    attestation: Text | None = None
    origid: Text | None = None
    signer_spc: Text | None = None
    verstat: Text | None = None
    diverted_from: Text | None = None
    forwarder_spc: Text | None = None
    treatment: Text | None = None
    customer: Customer | None = None
    reason: Text | None = None
    is_entry: bool = False
    candidates: Annotated[tuple[Candidate, ...], msgspec.Meta(max_length=MOST_CANDIDATES)] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a file of answers: whose request it answers, the hop, and by when it was due."""

    traceback_id: Text
    hop: Hop
    due_ms: TimeMs | None = None


class Traceback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that is traced: its first hop is ours, the others are what was answered, as it came.

    `rivals`: other calls between both numbers so near in time that somebody else may take one for the other.
    """

    traceback_id: Text
    opened_ms: TimeMs
    due_ms: TimeMs
    call: Call
    hops: Annotated[tuple[Hop, ...], msgspec.Meta(min_length=1, max_length=MOST_HOPS)]
    rivals: Annotated[int, msgspec.Meta(ge=0)] = 0
    requester: Text | None = None
    campaign: Text | None = None


def same(one: Provider, other: Provider) -> bool:
    """Tell whether two descriptions are of one provider: by OCN, else by FRN, else by name.

    What both have decides, the surest first; where they share nothing that is known they are strangers. Neither case
    nor punctuation counts, nor zeros in front of an FRN, which the Robocall Mitigation Database leaves out.
    """
    for mine, theirs in zip(_names(one), _names(other), strict=True):
        if mine is not None and theirs is not None:
            return mine == theirs
    return False


def is_called(provider: Provider, text: str) -> bool:
    """Tell whether a text is the OCN, the FRN or the name of a provider."""
    return any(
        known is not None and known == said
        for known, said in zip(_names(provider), _names(Provider(ocn=text, frn=text, name=text)), strict=True)
    )


def named(provider: Provider) -> str:
    """How a provider is called in a sentence."""
    known = [text for text in (provider.name, provider.ocn and f"OCN {provider.ocn}") if text]
    return ", ".join(known) or (f"FRN {provider.frn}" if provider.frn else "an unknown provider")


def _names(provider: Provider) -> tuple[str | None, str | None, str | None]:
    """OCN, FRN and name in the form in which they are compared; None where one is not known, or says nothing."""
    frn = _plain(provider.frn)
    return _plain(provider.ocn), frn and frn.lstrip("0"), _plain(provider.name)


def _plain(name: str | None) -> str | None:
    return "".join(filter(str.isalnum, (name or "").casefold())) or None
