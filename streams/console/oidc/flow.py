"""One sign-in on its way: what ties the browser that began it to the answer of the provider.

All of it is made of one random token, which the browser alone has, in a cookie. So nothing is kept here that somebody
could fill up, and a restart of the console ends no sign-in that is on its way.
"""

import base64
import hashlib
import hmac
from urllib.parse import urlencode, urlsplit, urlunsplit

from streams.console.oidc.client import Client
from streams.console.sessions import new_token

FLOW_S = 600
"""How long somebody may take at the provider."""


class Flow:
    """A sign-in on its way.

    Args:
        token: 256 random bits as text; a new one is made where there is none.

    Attributes:
        token: for the cookie.
        state: comes back in the address (RFC 6749 section 10.12).
        nonce: comes back in the ID token (OpenID Connect Core section 3.1.2.1).
        verifier: proves to the provider that we began (RFC 7636): 43 characters.
    """

    def __init__(self, token: str | None = None) -> None:
        self.token = token or new_token()
        self.state, self.nonce, self.verifier = (self._derived(name) for name in ("state", "nonce", "verifier"))

    @property
    def challenge(self) -> str:
        """S256 of the verifier."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def has_state(self, given: str) -> bool:
        """Whether an answer belongs to it; compared in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.state.encode())

    def _derived(self, name: str) -> str:
        key = self.token.encode("utf-8", "surrogatepass")
        return _text(hmac.digest(key, f"robocall-console-oidc-{name}".encode(), "sha256"))


def way_to(endpoint: str, client: Client, flow: Flow) -> str:
    """The address at the provider where somebody signs in."""
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_url,
        "scope": client.scopes,
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": flow.challenge,
        "code_challenge_method": "S256",
    }
    parts = urlsplit(endpoint)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(asked))))))


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
