"""Profiles: by which answer of a redirect server a switch is told to route a call, to label it, or to block it. Pure.

A block is the same in all of them, since the decision says its bytes. They differ in how a call passes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from detector.contract.decisions import Action, Decision, Label, SipAnswer, Step
from streams.bridge.peers import LabelHeader, Peer, Peers, Profile
from streams.bridge.sip.mapping import caller_of
from streams.bridge.sip.messages import Request
from streams.bridge.sip.responses import Answer

FAIL_OPEN = ("Reason", 'SIP;cause=404;text="fail-open"')
"""Tells that nobody judged the call, whatever the status."""
MOVED = 302, "Moved Temporarily"
DECLINE = Answer(603, "Decline")
_PASSES = {Profile.CLEARIP: (404, "Not Found"), Profile.RIBBON: (503, "Service Unavailable"), Profile.REDIRECT: MOVED}
_LABELS = frozenset({Profile.CLEARIP, Profile.REDIRECT})
"""Profiles that have an answer for a label: Ribbon's knows 503 and 603 alone."""
_NOT_IN_URI = dict.fromkeys([*range(33), 127, *map(ord, '<>"')])
"""Characters that go: controls, spaces, and what would end the URI."""
NAMED = 5
"""A warning names so many peers: a carrier has a thousand."""
WARNINGS = {
    Profile.CLEARIP: "lets calls pass by 404: let the switch route on after it, and never after 603, where some go on "
    "by default",
    Profile.RIBBON: "lets calls pass by 503: a switch may take this dip for dead after some of them, so turn that off; "
    "and let it never route on after 603",
    Profile.REDIRECT: "lets calls pass by 302 to the number that was called: let the switch route them on, and not "
    "here again; and never after 603",
}


class Said(NamedTuple):
    """What a peer is told, and what that does to the call.

    Attributes:
        answer: final.
        action: what was done, for `treatment` and the metrics.
    """

    answer: Answer
    action: Action


def answer_to(peer: Peer, request: Request, decision: Decision) -> Said:
    """The answer to an INVITE by what was decided; in shadow, and where a decision cannot be executed, it passes.

    Args:
        peer: says the profile.
        request: the INVITE; a label stands beside the URI of its caller.
        decision: on its call.
    """
    if decision.action is Action.BLOCK and decision.sip is not None:
        return Said(_blocked(peer, decision.sip), Action.BLOCK)
    if decision.action is Action.LABEL and decision.label is not None and peer.profile in _LABELS:
        headers = tuple(_labelled(peer, request, decision.label))
        if headers:
            return Said(Answer(*MOVED, (_contact(request), *headers)), Action.LABEL)
    is_unjudged = decision.decided_by is Step.FAIL_OPEN  # a worker had it too late, or could not judge it
    return Said(passing(peer, request, is_fail_open=is_unjudged), Action.ALLOW)


def _blocked(peer: Peer, sip: SipAnswer) -> Answer:
    """The decision's own answer; but a plain 404 of a do-not-originate block would let the call pass by 404."""
    if sip.status == _PASSES[peer.profile][0]:
        return DECLINE
    return Answer(sip.status, sip.reason_phrase, () if sip.reason_header is None else (("Reason", sip.reason_header),))


def passing(peer: Peer, request: Request, *, is_fail_open: bool = False) -> Answer:
    """The answer by which a call passes.

    Args:
        peer: says the profile.
        request: the INVITE.
        is_fail_open: whether it passes for want of a decision, which is said.
    """
    status, phrase = _PASSES[peer.profile]
    contact = (_contact(request),) if status == MOVED[0] else ()
    return Answer(status, phrase, (*contact, *((FAIL_OPEN,) if is_fail_open else ())))


def _contact(request: Request) -> tuple[str, str]:
    return "Contact", f"<{request.uri.translate(_NOT_IN_URI)}>"


def _labelled(peer: Peer, request: Request, label: Label) -> Iterator[tuple[str, str]]:
    text = label.text.replace("\\", "\\\\").replace('"', '\\"')
    if peer.label_header is LabelHeader.P_ASSERTED_IDENTITY:
        caller = caller_of(request, peer).address.uri
        yield "P-Asserted-Identity", f'"{text}" <{caller.translate(_NOT_IN_URI)}>'
    elif peer.label_header is LabelHeader.CALL_INFO:  # RFC 9796; there is nothing to fetch
        yield "Call-Info", f'<data:,>;call-reason="{text}"'


def warnings(peers: Peers) -> Iterator[str]:
    """What has to be set at the switches, one sentence for each profile in use, with names of its peers."""
    for profile, warning in WARNINGS.items():
        names = [peer.name for peer in peers.all if peer.profile is profile and peer.addresses]
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"profile {profile} ({', '.join(names[:NAMED])}{more}) {warning}"
