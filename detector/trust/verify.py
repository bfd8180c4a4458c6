"""The one use case of this room: headers, parties, certificates at hand, anchors and an instant become a verdict.

Nothing is fetched and no clock is read: the same arguments give the same verdict. Of several headers one must vouch for
the number: a `shaken` token, else one of a delegate. `div` tokens lead from its destination to where the call goes,
`rcd` tokens add names, `rph` tokens priorities.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from detector.trust.anchors import Anchors, Path, require_valid
from detector.trust.certificates import Certificate, Chain, Scope, scope_of
from detector.trust.extensions import attestation_of, diverter_of, name_of, original_of, priorities_of
from detector.trust.identity_header import IdentityHeader, parse_identities
from detector.trust.parties import Parties
from detector.trust.passport import BASE, DIV, DIV_O, RCD, RPH, SHAKEN, Passport, read_passport
from detector.trust.revocation import Revocations
from detector.trust.signatures import require_signature
from detector.trust.verdict import CallerName, Cause, Refused, Verdict, refused

FRESH_MS = 60_000
"""A token may be older or younger than its call by so much (RFC 8224 section 6.2)."""
_VOUCHING = (SHAKEN, BASE, RCD)
_DIVERTING = (DIV, DIV_O)
_RANKS = {ppt: rank for rank, ppt in enumerate((SHAKEN, DIV, DIV_O, BASE, RCD, RPH))}


@dataclass(frozen=True, slots=True)
class Trust:
    """What is at hand to judge signers by.

    Attributes:
        chains: What stands at an address, or why that is not known. An address that is missing is unavailable.
        anchors: Authorities.
        revocations: Withdrawn certificates; None where nobody looks.
    """

    chains: Mapping[str, Chain | Refused]
    anchors: Anchors
    revocations: Revocations | None = None

    def path(self, chain: Chain, at_ms: int) -> Path:
        """Way from the signer's certificate to an anchor, all of it valid at that instant and none of it withdrawn.

        Args:
            chain: What the signer's address holds.
            at_ms: Instant, epoch milliseconds.

        Raises:
            Refused: there is none, or it cannot be told.
        """
        path = self.anchors.path(chain)
        require_valid(path, at_ms)
        if self.revocations is not None:
            self.revocations.require_good(path, at_ms)
        return path


class _Signed(NamedTuple):
    """A token whose signature holds, by a signer who may sign it."""

    token: Passport
    spc: str | None


def verify(identities: Sequence[str], call: Parties, at_ms: int, trust: Trust) -> Verdict:
    """Verify the Identity headers of a call.

    Args:
        identities: Values of the headers. More than 16 are refused together, one of more than 8,192 characters by
            itself.
        call: Who calls whom.
        at_ms: When the call came, epoch milliseconds.
        trust: Certificates, anchors and revocations.

    Returns:
        The verdict. Whatever the arguments hold, nothing is raised.
    """
    try:
        headers = parse_identities(identities)
    except Refused as refusal:
        return refused(refusal)
    tokens, failed = _read(headers, call, at_ms)
    signed = _checked(tokens, failed, at_ms, trust)
    priorities, sip_priority, spc = _priorities(signed, call, at_ms)
    verdict = _number(signed, failed, call, at_ms)
    if priorities or sip_priority:
        verdict = verdict._replace(priorities=priorities, sip_priority=sip_priority, priority_spc=spc)
    return verdict


def _read(
    headers: Sequence[IdentityHeader | Refused], call: Parties, at_ms: int
) -> tuple[list[Passport], list[tuple[str, Refused]]]:
    """Tokens of the headers and those inside of them, and what could not be read, with its extension."""
    tokens: list[Passport] = []
    failed: list[tuple[str, Refused]] = []
    for header in headers:
        if isinstance(header, Refused):
            failed.append((BASE, header))
            continue
        try:
            token = read_passport(header, call, at_ms)
            tokens.append(token)
            if token.ppt == DIV_O:
                tokens.append(read_passport(original_of(token), call, at_ms, is_inner=True))
        except Refused as refusal:
            failed.append((header.ppt or BASE, refusal))
    return tokens, failed


def _checked(tokens: Sequence[Passport], failed: list[tuple[str, Refused]], at_ms: int, trust: Trust) -> list[_Signed]:
    """Those that hold; `failed` gets the others. Of a forwarded call, freshness is asked along its hops, later."""
    is_diverted = any(token.ppt in _DIVERTING for token in tokens)
    signed = []
    for token in tokens:
        try:
            if not is_diverted:
                _require_fresh(token, at_ms)
            signed.append(_Signed(token, _signer(token, at_ms, trust)))
        except Refused as refusal:
            failed.append((token.ppt, refusal))
    return signed


def _signer(token: Passport, at_ms: int, trust: Trust) -> str | None:
    """Provider code of the signer, None of a delegate; refuses a signer who may not sign this, or did not."""
    chain = trust.chains.get(token.x5u)
    if chain is None:
        raise Refused(Cause.CERTIFICATE_UNAVAILABLE, "the certificate is not at hand")
    if isinstance(chain, Refused):
        raise Refused(chain.cause, chain.detail)
    path = trust.path(chain, at_ms)
    _require_scope(token, scope_of(path), path[0])
    for one in path:
        if one.constraints is not None:
            one.constraints.require(token.claims)
    require_signature(path[0].key, token.signature, token.digest)
    authority = path[0].authority
    return authority.spcs[0] if authority is not None and authority.spcs else None


def _require_scope(token: Passport, scope: Scope, signer: Certificate) -> None:
    if token.ppt == BASE and "attest" in token.claims:
        raise Refused(Cause.PPT_MISMATCH, "the token has claims of shaken and does not name that extension")
    if scope is Scope.PROVIDER:
        if token.ppt == BASE:
            raise Refused(Cause.NUMBER_NOT_COVERED, "a provider's certificate vouches for a number by shaken alone")
        return
    if token.ppt in (SHAKEN, RPH):
        raise Refused(Cause.CERTIFICATE_SCOPE, "a delegate's certificate does not sign shaken or rph")
    number = diverter_of(token) if token.ppt in _DIVERTING else token.orig
    if signer.authority is None or not signer.authority.has_number(number):
        raise Refused(Cause.NUMBER_NOT_COVERED, "the certificate does not name the number")


def _number(signed: Sequence[_Signed], failed: Sequence[tuple[str, Refused]], call: Parties, at_ms: int) -> Verdict:
    """Verdict on the number: of the first token that vouches for it, else why the most telling one does not."""
    problems = list(failed)
    hops = [one for one in signed if one.token.ppt in _DIVERTING]
    for ppt in _VOUCHING:
        for one in signed:
            if one.token.ppt != ppt:
                continue
            try:
                return _vouched(one, signed, hops, failed, call, at_ms)
            except Refused as refusal:
                problems.append((ppt, refusal))
    if not problems:
        return Verdict(cause=Cause.NO_IDENTITY, detail="no Identity header vouches for the number")
    return refused(min(problems, key=lambda problem: _RANKS.get(problem[0], len(_RANKS)))[1])


def _vouched(
    one: _Signed,
    signed: Sequence[_Signed],
    hops: Sequence[_Signed],
    failed: Sequence[tuple[str, Refused]],
    call: Parties,
    at_ms: int,
) -> Verdict:
    token = one.token
    if token.ppt == RCD and one.spc is not None:
        raise Refused(Cause.NUMBER_NOT_COVERED, "a provider's certificate vouches for a number by shaken alone")
    if token.orig not in call.calling:
        raise Refused(Cause.ORIG_MISMATCH, "the token names another caller than P-Asserted-Identity, else From")
    broken = next((refusal for ppt, refusal in failed if ppt in _DIVERTING), None) if failed else None
    last: _Signed | None = None
    if hops and broken is None:
        last = _last_hop(token, hops, call, at_ms)
    else:
        _require_fresh(token, at_ms)
        if call.called not in token.dest:
            raise broken or Refused(Cause.DEST_MISMATCH, "the token names another number than To")
    attestation, origid = attestation_of(token) if token.ppt == SHAKEN else (None, None)
    return Verdict(
        cause=Cause.PASSED,
        attestation=attestation,
        origid=origid,
        signer_spc=one.spc,
        names=_names(token, signed, at_ms),
        is_diverted=last is not None,
        diverted_from=None if last is None else diverter_of(last.token),
        forwarder_spc=None if last is None else last.spc,
        token=token.digest if last is None else _digest_of(token, hops),
    )


def _digest_of(token: Passport, hops: Sequence[_Signed]) -> bytes:
    """What a forwarded call is known by: its token and all that say where it went. Together they belong to one call."""
    return hashlib.sha256(token.digest + b"".join(sorted(hop.token.digest for hop in hops))).digest()


def _last_hop(token: Passport, hops: Sequence[_Signed], call: Parties, at_ms: int) -> _Signed:
    """Follow a forwarded call from its first destination to where it goes, from signature to signature."""
    dest, signed_s, last = token.dest, token.iat_s, hops[0]
    waiting = sorted(hops, key=lambda hop: hop.token.iat_s)
    while waiting:
        found = next((one for one in waiting if _leads_on(one.token, token.orig, dest)), None)
        if found is None:
            raise Refused(Cause.DIVERSION_BROKEN, "a div token does not begin where the one before it leads")
        _require_near(signed_s * 1_000, found.token.iat_s * 1_000)
        dest, signed_s, last = found.token.dest, found.token.iat_s, found
        waiting.remove(found)
    _require_near(signed_s * 1_000, at_ms)
    if call.target not in dest:
        raise Refused(Cause.DIVERSION_BROKEN, "the last div token leads elsewhere than the Request-URI")
    return last


def _leads_on(hop: Passport, orig: str, dest: frozenset[str]) -> bool:
    return hop.orig == orig and diverter_of(hop) in dest


def _names(token: Passport, signed: Sequence[_Signed], at_ms: int) -> tuple[CallerName, ...]:
    """Names in the token itself and in `rcd` tokens of the same call; one that is not sound is left out."""
    found = []
    for one in signed:
        beside = one.token
        if beside is not token:
            is_of_call = beside.ppt == RCD and beside.orig == token.orig and bool(beside.dest & token.dest)
            if not is_of_call or not _is_near(beside.iat_s * 1_000, at_ms):
                continue
        try:
            name = name_of(beside, one.spc)
        except Refused:
            continue
        if name is not None:
            found.append(name)
    return tuple(found)


def _priorities(signed: Sequence[_Signed], call: Parties, at_ms: int) -> tuple[tuple[str, ...], str | None, str | None]:
    """Priorities that somebody signed for this call, and who; they do not depend on what comes of the number."""
    for one in signed:
        token = one.token
        is_of_call = token.ppt == RPH and token.orig in call.calling and bool(token.dest & {call.called, call.target})
        if is_of_call and _is_near(token.iat_s * 1_000, at_ms):
            try:
                return (*priorities_of(token), one.spc)
            except Refused:
                continue
    return (), None, None


def _require_fresh(token: Passport, at_ms: int) -> None:
    _require_near(token.iat_s * 1_000, at_ms)


def _require_near(signed_ms: int, at_ms: int) -> None:
    if not _is_near(signed_ms, at_ms):
        if signed_ms > at_ms:
            raise Refused(Cause.FUTURE, f"the token was signed more than {FRESH_MS // 1_000} s after the call")
        raise Refused(Cause.STALE, f"the token was signed more than {FRESH_MS // 1_000} s before the call")


def _is_near(signed_ms: int, at_ms: int) -> bool:
    return abs(at_ms - signed_ms) <= FRESH_MS
