"""A provider of OpenID Connect by others (pyop, IdentityPython), as a process of its own behind TLS on loopback.

It checks client, redirect address, PKCE and codes itself, and signs by libraries that the console does not use. Claims
stand at its userinfo endpoint alone. Run: `python -m tests.integration.console.provider_process FOLDER PORT REDIRECT`.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT_ID, SECRET = "robocall-console", "a secret: of & ours"
PEOPLE = {
    "ada": {"preferred_username": "ada", "groups": ["staff", "admins"]},
    "bob": {"preferred_username": "bob", "groups": ["staff"]},
}
FORM = (
    "<!doctype html><title>Login</title><form method=post>"
    "<label>Who are you? <input name=user></label><button>Go on</button></form>"
)


def make_provider(issuer: str, redirect: str) -> Any:
    """The provider with one client and a key of its own."""
    from Cryptodome.PublicKey import RSA  # noqa: PLC0415 - in its process alone
    from jwkest.jwk import RSAKey  # noqa: PLC0415
    from pyop.authz_state import AuthorizationState  # noqa: PLC0415
    from pyop.provider import Provider  # noqa: PLC0415
    from pyop.subject_identifier import HashBasedSubjectIdentifierFactory  # noqa: PLC0415
    from pyop.userinfo import Userinfo  # noqa: PLC0415

    scopes = {"groups": ["groups"]}
    return Provider(
        RSAKey(key=RSA.generate(2048), kid="first", use="sig", alg="RS256"),
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/keys",
            "scopes_supported": ["openid", "profile"],
            "subject_types_supported": ["pairwise"],
            "response_types_supported": ["code"],
        },
        AuthorizationState(HashBasedSubjectIdentifierFactory("salt"), scopes),
        {
            CLIENT_ID: {
                "redirect_uris": [redirect],
                "response_types": ["code"],
                "client_secret": SECRET,
                "token_endpoint_auth_method": "client_secret_basic",
            }
        },
        Userinfo(PEOPLE),
        extra_scopes=scopes,
    )


class Handler(BaseHTTPRequestHandler):
    """Its pages; `provider` is set once."""

    provider: Any

    def do_GET(self) -> None:
        """Documents, and the form of the login."""
        match urlsplit(self.path).path:
            case "/.well-known/openid-configuration":
                self._say(self.provider.provider_configuration.to_json())
            case "/keys":
                self._say(json.dumps(self.provider.jwks))
            case "/favicon.ico":
                self._say("")
            case "/userinfo":
                self._say(self.provider.handle_userinfo_request("", self.headers).to_json())
            case "/authorize":
                self.provider.parse_authentication_request(urlsplit(self.path).query)
                self._say(FORM, kind="text/html")
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        """A login, and codes."""
        from pyop.exceptions import OAuthError  # noqa: PLC0415

        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if urlsplit(self.path).path == "/authorize":
            asked = self.provider.parse_authentication_request(urlsplit(self.path).query)
            answer = self.provider.authorize(asked, parse_qs(body)["user"][0])
            self.send_response(303)
            self.send_header("location", answer.request(asked["redirect_uri"]))
            self.end_headers()
            return
        try:
            self._say(self.provider.handle_token_request(body, self.headers).to_json())
        except OAuthError as error:
            self._say(json.dumps({"error": error.oauth_error}), 400)

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _say(self, text: str, status: int = 200, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def main() -> None:
    """Serve until it is ended."""
    folder, port, redirect = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "broker.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    Handler.provider = make_provider(f"https://127.0.0.1:{port}", redirect)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
