"""What passes, and what a verdict says: lawful calls of providers and delegates, forwarded, named, with priority."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import Attestation, CallSetup
from detector.trust.parties import Parties, parties_of
from detector.trust.replays import SeenTokens, without_replay
from detector.trust.verdict import CallerName, Cause, Refused, Verdict, Verstat
from detector.trust.verify import Trust, verify
from tests.detector.trust.authority import (
    AT_MS,
    AT_S,
    CALL,
    CALLED,
    CALLING,
    FORWARDED,
    X5U,
    Owner,
    base64url,
    base_claims,
    claims,
    constraints,
    delegate,
    encoded,
    header,
    identity,
    issue,
    number,
    provider,
    provider_authority,
    root,
    spc,
    tn_auth_list,
    trust,
)

DELEGATES = "https://certificates.example.org/delegate.pem"
FORWARDED_CALL = Parties(calling=frozenset({CALLING}), called=FORWARDED, target=FORWARDED)


def verdict_of(*identities: str, call: Parties = CALL, at_ms: int = AT_MS, using: Trust | None = None) -> Verdict:
    return verify(identities, call, at_ms, using or trust())


def div(
    dest: str = FORWARDED, diverter: str = CALLED, owner: Owner | None = None, x5u: str = X5U, **changes: object
) -> str:
    made = base_claims(dest={"tn": [dest]}, div={"tn": diverter}, **changes)
    return header((owner or provider()).sign(made, ppt="div", x5u=x5u), info=x5u, ppt="div")


@pytest.mark.parametrize("level", list(Attestation))
def test_a_lawful_call_passes(level: Attestation) -> None:
    """With everything that the token says."""
    found = verdict_of(identity(attest=level.value))

    assert (found.cause, found.verstat, found.code) == (Cause.PASSED, Verstat.PASSED, None)
    assert (found.attestation, found.signer_spc) == (level, "123A")
    assert found.origid == "123e4567-e89b-12d3-a456-426655440000"
    assert len(found.token) == 32


@pytest.mark.parametrize(
    "setup_numbers",
    [
        {"calling_number": "+1-202-555-0101", "called_number": "tel:+12025550199"},
        {"calling_number": "2025550101", "called_number": "(202) 555-0199"},
        {"calling_number": "sip:+12025550101@host;user=phone", "called_number": "12025550199"},
        {"calling_number": "anonymous", "called_number": "+12025550199", "asserted_numbers": ["<tel:+12025550101>"]},
        {"calling_number": "+12025550101", "called_number": "+13125550142", "to_number": "+12025550199"},
    ],
)
def test_numbers_are_one_however_they_are_written(setup_numbers: dict[str, object]) -> None:
    """Separators, `+` and the country's code do not tell numbers apart; To counts, and P-Asserted-Identity."""
    setup = CallSetup(call_id="c", setup_time_ms=AT_MS, trunk_group_id="t", **setup_numbers)  # type: ignore[arg-type]

    assert verdict_of(identity(), call=parties_of(setup)).cause is Cause.PASSED


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_a_minute_to_each_side_is_fresh(seconds: int) -> None:
    """The minute itself included."""
    assert verdict_of(identity(iat=AT_S + seconds)).cause is Cause.PASSED


def test_a_provider_below_an_intermediate_authority_passes() -> None:
    """Certificates may stand in any order behind the signer's."""
    middle = issue("Middle", root(), is_authority=True)
    lower = issue("Lower", middle, is_authority=True)
    owner = issue("SHAKEN 456B", lower, tn_auth_list(spc("456B")))
    shuffled = type(owner)(owner.name, owner.key, owner.certificate, owner.above[::-1])

    assert verdict_of(identity(owner), using=trust(shuffled.chain())).signer_spc == "456B"


def test_a_delegate_vouches_for_its_numbers_without_an_extension() -> None:
    """No attestation, and no code: the certificate names the number itself."""
    found = verdict_of(identity(delegate(), ppt=None), using=trust(delegate().chain()))

    assert (found.cause, found.attestation, found.signer_spc) == (Cause.PASSED, None, None)


def test_the_compact_form_passes_where_the_clock_agrees() -> None:
    """Header and claims are rebuilt from the call, as its signer built them."""
    full = delegate().sign(base_claims(), ppt=None)
    compact = header(".." + full.split(".")[2], ppt=None)

    assert verdict_of(compact, using=trust(delegate().chain())).cause is Cause.PASSED
    assert verdict_of(compact, at_ms=AT_MS + 1_000, using=trust(delegate().chain())).cause is Cause.SIGNATURE_INVALID


def test_one_good_header_among_bad_ones_is_enough() -> None:
    """Whoever adds junk on the way does not make a call look forged."""
    unknown = header(provider().sign(claims(), ppt="other"), ppt="other")

    assert verdict_of("junk", f"{unknown}, {identity()}", "also junk").cause is Cause.PASSED


def test_an_unknown_item_of_the_token_is_ignored() -> None:
    """RFC 8225 lets claims grow."""
    assert verdict_of(identity(extra={"deep": [1, 2.5, None]})).cause is Cause.PASSED


def test_a_forwarded_call_is_followed_from_hop_to_hop() -> None:
    """The first token names who was dialled; the last div leads to the Request-URI."""
    further = "14155550123"
    hops = [div(further, FORWARDED, iat=AT_S + 20), div(iat=AT_S)]
    call = Parties(calling=frozenset({CALLING}), called=further, target=further)

    found = verdict_of(identity(iat=AT_S - 40), *hops, call=call, at_ms=AT_MS + 30_000)

    assert (found.cause, found.is_diverted, found.attestation) == (Cause.PASSED, True, Attestation.A)


def test_who_forwarded_a_call_last_is_named_with_its_signer() -> None:
    """Whatever order the headers come in; the first signer stays the number's."""
    further, elsewhere = "14155550123", "https://certificates.example.org/456B.pem"
    second = issue("SHAKEN 456B", root(), tn_auth_list(spc("456B")))
    hops = [div(further, FORWARDED, second, elsewhere, iat=AT_S + 20), div(iat=AT_S)]
    call = Parties(calling=frozenset({CALLING}), called=further, target=further)
    using = trust(chains={X5U: provider().chain(), elsewhere: second.chain()})

    found = [
        verdict_of(identity(iat=AT_S - 40), *order, call=call, at_ms=AT_MS + 30_000, using=using)
        for order in (hops, hops[::-1])
    ]

    assert {(one.cause, one.signer_spc, one.diverted_from, one.forwarder_spc) for one in found} == {
        (Cause.PASSED, "123A", FORWARDED, "456B")
    }


def test_a_delegate_that_forwards_has_no_provider_code() -> None:
    """Its certificate names the number that forwards."""
    owner = issue("Own line", provider_authority(), tn_auth_list(number(CALLED)))
    using = trust(chains={X5U: provider().chain(), DELEGATES: owner.chain()})

    found = verdict_of(identity(), div(owner=owner, x5u=DELEGATES), call=FORWARDED_CALL, using=using)

    assert (found.cause, found.diverted_from, found.forwarder_spc) == (Cause.PASSED, CALLED, None)


def test_nobody_forwarded_a_call_whose_hops_do_not_hold() -> None:
    forged = div(owner=issue("Stranger", None))

    call_there = verdict_of(identity(), forged)
    forwarded = verdict_of(identity(), forged, call=FORWARDED_CALL)

    assert (call_there.cause, forwarded.cause) == (Cause.PASSED, Cause.SIGNATURE_INVALID)
    for one in (call_there, forwarded):
        assert (one.is_diverted, one.diverted_from, one.forwarder_spc) == (False, None, None)


def test_the_headers_of_a_forwarded_call_are_a_replay_with_another_call() -> None:
    """Its first token came before, with the call that was forwarded: that is lawful."""
    seen, forwarded = SeenTokens(10), verdict_of(identity(), div(), call=FORWARDED_CALL)
    assert forwarded.is_diverted

    found = [
        without_replay(verdict, seen, call, AT_MS).cause
        for verdict, call in ((verdict_of(identity()), "1"), (forwarded, "2"), (forwarded, "2"), (forwarded, "3"))
    ]

    assert found == [Cause.PASSED, Cause.PASSED, Cause.PASSED, Cause.REPLAYED]


def test_a_forwarded_call_may_carry_its_first_token_inside() -> None:
    """`div-o` with `opt` (RFC 8946)."""
    made = base_claims(dest={"tn": [FORWARDED]}, div={"tn": CALLED}, opt=provider().sign(claims()))
    wrapped = header(provider().sign(made, ppt="div-o"), ppt="div-o")

    found = verdict_of(wrapped, call=FORWARDED_CALL)

    assert (found.cause, found.is_diverted, found.attestation) == (Cause.PASSED, True, Attestation.A)


def test_names_come_from_the_token_and_from_beside_it() -> None:
    """Who is calling and why; a name that is not sound is left out and harms nothing."""
    named = identity(rcd={"nam": "Bank"}, crn="Your card")
    beside = header(provider().sign(base_claims(rcd={"nam": "Bank of Tests"}), ppt="rcd"), ppt="rcd")
    unsound = header(provider().sign(base_claims(rcd={"nam": "a\x1b[2J"}), ppt="rcd"), ppt="rcd")
    of_another = header(
        provider().sign(base_claims(orig={"tn": "12025550777"}, rcd={"nam": "X"}), ppt="rcd"), ppt="rcd"
    )

    found = verdict_of(named, beside, unsound, of_another)

    assert found.names == (
        CallerName(name="Bank", reason="Your card", signer_spc="123A"),
        CallerName(name="Bank of Tests", reason=None, signer_spc="123A"),
    )


def test_a_delegate_names_itself() -> None:
    """An `rcd` token alone vouches for the number that the certificate names."""
    made = header(delegate().sign(base_claims(rcd={"nam": "Clinic"}), ppt="rcd"), ppt="rcd")

    found = verdict_of(made, using=trust(delegate().chain()))

    assert (found.cause, found.names) == (Cause.PASSED, (CallerName(name="Clinic"),))


def test_a_providers_name_alone_vouches_for_no_number() -> None:
    """There is no attestation."""
    made = header(provider().sign(base_claims(rcd={"nam": "Clinic"}), ppt="rcd"), ppt="rcd")

    assert verdict_of(made).cause is Cause.NUMBER_NOT_COVERED


def test_priorities_stand_whatever_comes_of_the_number() -> None:
    """Somebody signed them for this call; a call that lacks the rest keeps them."""
    made = base_claims(rph={"auth": ["ets.0", "wps.0"]}, sph="psap-callback")
    signed = header(provider().sign(made, ppt="rph"), ppt="rph")

    with_number, alone = verdict_of(identity(), signed), verdict_of(signed)

    assert (with_number.cause, alone.cause) == (Cause.PASSED, Cause.NO_IDENTITY)
    for one in (with_number, alone):
        assert (one.priorities, one.sip_priority) == (("ets.0", "wps.0"), "psap-callback")
        assert one.priority_spc == "123A"


@pytest.mark.parametrize("changes", [{"dest": {"tn": [FORWARDED]}}, {"iat": AT_S - 90}, {"orig": {"tn": FORWARDED}}])
def test_priorities_of_another_call_do_not_count(changes: dict[str, object]) -> None:
    """Whoever has seen a priority signed once could use it for ever."""
    signed = header(provider().sign(base_claims(rph={"auth": ["ets.0"]}, **changes), ppt="rph"), ppt="rph")

    found = verdict_of(identity(), signed)

    assert (found.priorities, found.priority_spc) == ((), None)


def test_claims_that_the_certificate_permits_pass() -> None:
    """Constraints of RFC 8226 and RFC 9118."""
    allowed = constraints(include=["attest"], permitted={"attest": ["A", "B"]}, exclude=["crn"])
    owner = issue("SHAKEN 789C", root(), tn_auth_list(spc("789C")), allowed)

    assert verdict_of(identity(owner), using=trust(owner.chain())).cause is Cause.PASSED


def test_a_certificate_that_is_being_fetched_is_not_checked() -> None:
    """The reason why it is not at hand becomes the verdict's."""
    found = verdict_of(identity(), using=trust(Refused(Cause.NOT_CHECKED, "it is being fetched")))

    assert (found.cause, found.verstat, found.code) == (Cause.NOT_CHECKED, Verstat.NONE, None)


def test_several_addresses_have_their_own_certificates() -> None:
    """A provider's shaken beside its customer's name."""
    named = delegate().sign(base_claims(rcd={"nam": "Clinic"}), ppt="rcd", x5u=DELEGATES)
    using = trust(chains={X5U: provider().chain(), DELEGATES: delegate().chain()})

    found = verdict_of(identity(), header(named, info=DELEGATES, ppt="rcd"), using=using)

    assert (found.signer_spc, found.names) == ("123A", (CallerName(name="Clinic"),))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["attest", "dest", "iat", "orig", "origid", "div", "opt", "rcd", "rcdi", "crn", "rph", "sph"])


@given(st.lists(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")), max_size=20))
def test_any_text_in_gives_a_verdict_and_nothing_else(texts: list[str]) -> None:
    """No header raises anything."""
    found = verdict_of(*texts)

    assert found.cause is not Cause.PASSED


@given(st.dictionaries(NAMES, JSON), st.sampled_from(["shaken", "div", "div-o", "rcd", "rph", None]))
def test_any_claims_in_give_a_verdict(changes: dict[str, object], ppt: str | None) -> None:
    """Signed by somebody who is trusted, and still of any form."""
    token = provider().sign(claims() | changes, ppt=ppt)

    assert isinstance(verdict_of(header(token, ppt=ppt), identity()), Verdict)


@given(st.dictionaries(st.sampled_from(["alg", "typ", "ppt", "x5u", "crit", "kid"]), JSON), st.binary(max_size=80))
def test_any_header_and_signature_in_give_a_verdict(changes: dict[str, object], signature: bytes) -> None:
    """And no signature but the right one passes."""
    token = f"{encoded({'alg': 'ES256', 'typ': 'passport', 'x5u': X5U} | changes)}.{encoded(claims())}"

    assert verdict_of(header(f"{token}.{base64url(signature)}")).cause is not Cause.PASSED


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_flipped_bit_never_passes(place: int, flip: int) -> None:
    """Anywhere in what was signed, or in the signature."""
    token = bytearray(provider().sign(claims()).encode())
    place %= len(token)
    token[place] ^= flip

    assert verdict_of(header(token.decode("latin-1"))).cause is not Cause.PASSED


def test_an_authority_of_a_provider_is_no_signer() -> None:
    """It may delegate, and does not sign calls."""
    assert verdict_of(identity(provider_authority()), using=trust(provider_authority().chain())).code == 437
