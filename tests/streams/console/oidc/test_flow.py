"""One sign-in on its way: what is sent with it, and that nothing of it can be told from what is sent."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

from streams.console.oidc.flow import Flow, way_to
from tests.streams.console.oidc.oidc_case import CLIENT_ID, Provider


def test_each_sign_in_has_secrets_of_its_own_and_the_cookie_gives_them_back() -> None:
    """None of them is the token, nor another one of them."""
    one, other = Flow(), Flow()
    secrets = [part for flow in (one, other) for part in (flow.token, flow.state, flow.nonce, flow.verifier)]

    again = Flow(one.token)

    assert len(set(secrets)) == len(secrets)
    assert (again.state, again.nonce, again.verifier) == (one.state, one.nonce, one.verifier)
    assert {len(part) for part in secrets} == {43}  # 256 bits; RFC 7636 wants 43 to 128
    assert one.has_state(one.state)
    assert not any(one.has_state(given) for given in ("", other.state, one.state[:-1], one.nonce, "é", "\udcff"))


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636 appendix B, by its own verifier."""
    flow = Flow()
    flow.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert flow.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_way_to_the_provider_has_what_it_needs_and_no_verifier() -> None:
    """A query that its address has already stays."""
    provider, flow = Provider(), Flow()
    provider.issuer = "https://login.example.net"

    way = way_to("https://login.example.net/authorize?tenant=7", provider.client(), flow)

    assert parse_qs(urlsplit(way).query) == {
        "tenant": ["7"],
        "response_type": ["code"],
        "client_id": [CLIENT_ID],
        "redirect_uri": ["http://127.0.0.1/sign-in/oidc/back"],
        "scope": ["openid profile email"],
        "state": [flow.state],
        "nonce": [flow.nonce],
        "code_challenge": [base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).decode()[:43]],
        "code_challenge_method": ["S256"],
    }
    assert flow.verifier not in way
    assert flow.token not in way
