"""The provider's keys, and ID tokens signed with them: read by joserfc, and held to what was asked for.

OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725 for the algorithms. It asks nobody.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from streams.console.oidc.errors import ProviderAway, SignInRefused, UnknownKey

ALGORITHMS = ("RS256", "PS256", "ES256")
"""Those of key pairs alone: with `none` nobody signs, and with HS256 whoever knows the public key could."""
CLOCK_S = 60
"""So far the provider's clock may be from ours."""
OLDEST_S = 600
"""An ID token is fetched right after it was made."""
MOST_KEYS = 100
LEAST_RSA_BITS = 2_048
"""RFC 7518 section 3.3; the library only warns."""
LONGEST_SUBJECT = 255
_KINDS: dict[Any, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
_REGISTRY = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)  # RFC 7515: what is not known is ignored

Claims = dict[str, Any]


class _PublishedKeys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


_DECODER = msgspec.json.Decoder(_PublishedKeys)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say."""

    issuer: str
    client_id: str
    nonce: str


def read_keys(text: bytes) -> KeySet:
    """The keys that a provider publishes (RFC 7517), as far as they may sign what we read.

    Raises:
        ProviderAway: it is no set of keys, or none of them may.
    """
    try:
        found = _DECODER.decode(text).keys
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProviderAway("what the provider publishes is no set of keys") from error
    usable = list(_usable(found[:MOST_KEYS]))
    if not usable:
        raise ProviderAway(f"the provider publishes no key of its own for {', '.join(ALGORITHMS)}")
    return KeySet(usable)


def _usable(found: list[dict[str, Any]]) -> Iterator[Key]:
    for one in found:
        kind = _KINDS.get(one.get("kty"))
        if kind is None or one.get("use", "sig") != "sig":
            continue
        try:
            key = kind.import_key(one)
        except (JoseError, ValueError, TypeError):  # others may be good
            continue
        if not isinstance(key, RSAKey) or key.public_key.key_size >= LEAST_RSA_BITS:
            yield key


def read_id_token(token: str, keys: KeySet, expected: Expected, now_s: float) -> Claims:
    """Read what a token says about somebody, once its signature and all else is right.

    Args:
        token: as the provider gave it for a code.
        keys: of the provider.
        expected: what it must say.
        now_s: epoch seconds.

    Raises:
        UnknownKey: it names a key that is not among them.
        SignInRefused: something about it is wrong.
    """
    try:
        claims: Claims = jwt.decode(token, keys, registry=_REGISTRY).claims
        jwt.JWTClaimsRegistry(
            now=int(now_s),
            leeway=CLOCK_S,
            iss={"essential": True, "value": expected.issuer},
            aud={"essential": True, "value": expected.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        ).validate(claims)
    except InvalidKeyIdError as error:
        raise UnknownKey("its ID token is signed with a key that it does not publish") from error
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SignInRefused(f"its ID token cannot be used: {_cause(error)}") from error
    if not _is_for_us(claims, expected.client_id):
        raise SignInRefused("its ID token is for others too")
    if not hmac.compare_digest(str(claims["nonce"]).encode("utf-8", "surrogatepass"), expected.nonce.encode()):
        raise SignInRefused("its ID token belongs to another sign-in (nonce)")
    if claims["iat"] < now_s - OLDEST_S - CLOCK_S:
        raise SignInRefused("its ID token was made long ago (iat)")
    if not 0 < len(claims["sub"]) <= LONGEST_SUBJECT:
        raise SignInRefused("its ID token names nobody (sub)")
    return claims


def _is_for_us(claims: Claims, client_id: str) -> bool:
    """`azp` says to whom a token for several was given; where it stands it must be us."""
    audience, given_to = claims["aud"], claims.get("azp")
    several = isinstance(audience, list) and len(audience) > 1
    return given_to == client_id if several or given_to is not None else True


def _cause(error: BaseException) -> str:
    """What is wrong, without what the token says."""
    claim = getattr(error, "claim", "")
    return f"{type(error).__name__} {claim}".strip()
