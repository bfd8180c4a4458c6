"""ID tokens: each rule of OpenID Connect Core section 3.1.3.7 has a token that breaks it alone, and is refused."""

import base64
import json
import random
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from streams.console.oidc.errors import ProviderAway, SignInRefused, UnknownKey
from streams.console.oidc.id_tokens import CLOCK_S, MOST_KEYS, OLDEST_S, Expected, read_id_token, read_keys
from tests.streams.console.oidc.oidc_case import CLIENT_ID, EC_KEY, OTHER_KEY, RSA_KEY, good_claims, jwk, text, token

ISSUER, NONCE = "https://login.example.net/realms/carrier", "the nonce"
EXPECTED = Expected(ISSUER, CLIENT_ID, NONCE)
NOW_S = int(time.time())
PEM = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def published(*keys: Any) -> bytes:
    """A set of keys as it is fetched."""
    return json.dumps({"keys": keys}).encode()


KEYS = read_keys(published(jwk(RSA_KEY, "one", use="sig", alg="RS256"), jwk(EC_KEY, "curve"), jwk(RSA_KEY, "bare")))


def claims(**more: Any) -> dict[str, Any]:
    """Right ones, but for what is given; None takes one out."""
    said = good_claims(NONCE, ISSUER) | {"iat": NOW_S} | more
    return {name: value for name, value in said.items() if value is not None}


@pytest.mark.parametrize(
    "given",
    [
        token(claims()),
        token(claims(), alg="PS256", kid="bare"),
        token(claims(), EC_KEY, "ES256", kid="curve"),
        token(claims(aud=[CLIENT_ID])),
        token(claims(aud=["another", CLIENT_ID], azp=CLIENT_ID)),
        token(claims(), typ="JWT", x5t="what nobody must know"),
        token(claims(exp=NOW_S - CLOCK_S + 30, iat=NOW_S - OLDEST_S, nbf=NOW_S + CLOCK_S - 5)),
    ],
)
def test_a_right_token_is_read(given: str) -> None:
    """By each algorithm that we take, and by a clock that is a little off."""
    assert read_id_token(given, KEYS, EXPECTED, NOW_S)["preferred_username"] == "ada"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (token(claims(nonce="another")), "nonce"),
        (token(claims(nonce=None)), "MissingClaimError nonce"),
        (token(claims(nonce=[NONCE])), "nonce"),
        (token(claims(aud="another")), "InvalidClaimError aud"),
        (token(claims(aud=["another", "third"])), "InvalidClaimError aud"),
        (token(claims(aud=["another", CLIENT_ID])), "for others too"),
        (token(claims(aud=["another", CLIENT_ID], azp="another")), "for others too"),
        (token(claims(azp="another")), "for others too"),
        (token(claims(aud=None)), "MissingClaimError aud"),
        (token(claims(iss=ISSUER + "/")), "InvalidClaimError iss"),
        (token(claims(iss=None)), "MissingClaimError iss"),
        (token(claims(iss=[ISSUER])), "InvalidClaimError iss"),
        (token(claims(exp=NOW_S - CLOCK_S - 5)), "ExpiredTokenError exp"),
        (token(claims(exp=None)), "MissingClaimError exp"),
        (token(claims(exp="tomorrow")), "InvalidClaimError exp"),
        (token(claims(exp=True)), "InvalidClaimError exp"),
        (token(claims(iat=NOW_S + CLOCK_S + 30)), "InvalidClaimError iat"),
        (token(claims(iat=NOW_S - CLOCK_S - OLDEST_S - 5)), "long ago"),
        (token(claims(iat=None)), "MissingClaimError iat"),
        (token(claims(nbf=NOW_S + CLOCK_S + 30)), "InvalidClaimError nbf"),
        (token(claims(sub=None)), "MissingClaimError sub"),
        (token(claims(sub="")), "sub"),
        (token(claims(sub="x" * 256)), "sub"),
        (token(claims(sub=7)), "sub"),
        (token(claims(), alg="none"), "UnsupportedAlgorithmError"),
        (token(claims(), alg="None"), "UnsupportedAlgorithmError"),
        (token(claims(), PEM, "HS256"), "UnsupportedAlgorithmError"),
        (token(claims(), json.dumps(jwk(RSA_KEY, "one")).encode(), "HS256"), "UnsupportedAlgorithmError"),
        (token(claims(), alg="RS384"), "UnsupportedAlgorithmError"),
        (token(claims(), OTHER_KEY), "BadSignatureError"),
        (token(claims(), alg="PS256"), "UnknownKey"),
        (token(claims(), EC_KEY, "ES256"), "UnknownKey"),
        (token(claims(), alg="ES256", kid="bare"), "cannot be used"),
        (token(claims(), EC_KEY, "RS256", kid="curve"), "cannot be used"),
        (token(claims(), crit=["exp"], exp=1), "cannot be used"),
        (token(claims(), OTHER_KEY, jwk=jwk(OTHER_KEY, "one")), "cannot be used"),
        (token(claims(), kid="never seen"), "UnknownKey"),
        (token(claims(), kid=None), "UnknownKey"),
    ],
)
def test_a_token_that_breaks_one_rule_is_refused(given: str, said: str) -> None:
    """The log says which; it quotes nothing of the token."""
    with pytest.raises(SignInRefused) as refused:
        read_id_token(given, KEYS, EXPECTED, NOW_S)

    assert said in f"{type(refused.value).__name__} {refused.value}"
    assert "ada" not in str(refused.value)


def test_a_body_that_was_changed_is_refused() -> None:
    """What somebody wrote into it after it was signed."""
    head, _, signature = token(claims()).split(".")
    body = text(json.dumps(claims(groups=["admins"])).encode())

    with pytest.raises(SignInRefused, match="BadSignatureError"):
        read_id_token(f"{head}.{body}.{signature}", KEYS, EXPECTED, NOW_S)


def test_whatever_it_is_it_is_refused_and_nothing_else() -> None:
    """Bytes that were changed, cut or never a token: seed 7."""
    chance, good = random.Random(7), token(claims())
    broken = ["", ".", "..", "...", "a.b.c", "é.é.é", "e30.e30.", f"{text(b'[]')}.{text(b'[]')}.x", "x" * 200_000]
    broken += [f"{text(head)}.e30.x" for head in (b"[" * 300, b'["alg"]', b'{"alg":7}', b'{"alg":"RS256","kid":[]}')]
    broken += [f"{good.split('.')[0]}.{text(b'[' * 90_000)}.x"]
    for _ in range(2_000):
        at = chance.randrange(len(good) - 1)
        broken.append(good[:at] + chance.choice(["", "A", ".", "\x00", "_-", "é"]) + good[at + chance.randrange(3) :])

    for given in set(broken) - {good}:
        try:
            read_id_token(given, KEYS, EXPECTED, NOW_S)
        except SignInRefused:
            continue
        assert json.loads(text_of(given)) == json.loads(text_of(good)), given  # padding bits alone


def text_of(given: str) -> bytes:
    """What a token says."""
    body = given.split(".")[1]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def test_keys_that_may_not_sign_what_we_read_are_left_out() -> None:
    """Those for encryption, symmetric, unknown, broken and small ones spoil no others."""
    small = jwk(rsa.generate_private_key(public_exponent=65_537, key_size=1_024), "one")  # noqa: S505 - refused here
    secret = {"kty": "oct", "k": text(b"x" * 32), "kid": "one"}
    for key in (
        secret,
        {"kty": "AKP", "kid": "later"},
        jwk(RSA_KEY, "one", use="enc"),
        {"kty": "RSA", "n": "?"},
        {},
        small,
    ):
        with pytest.raises(ProviderAway, match="no key"):
            read_keys(published(key))
        assert [one.kid for one in read_keys(published(key, jwk(EC_KEY, "curve")))] == ["curve"]
    many = read_keys(published(*(jwk(EC_KEY, str(number)) for number in range(MOST_KEYS + 1))))
    assert len(many.keys) == MOST_KEYS


@pytest.mark.parametrize("given", [b"", b"[]", b"{}", b'{"keys": 7}', b'{"keys": [7]}', b"\xff", b"[" * 100_000])
def test_what_is_no_set_of_keys_is_said(given: bytes) -> None:
    with pytest.raises(ProviderAway, match="no set of keys"):
        read_keys(given)


def test_one_key_without_a_name_does() -> None:
    """Small providers name neither key nor token's."""
    keys = read_keys(published(jwk(RSA_KEY, None)))

    assert read_id_token(token(claims(), kid=None), keys, EXPECTED, NOW_S)["sub"] == "subject-7"


def test_a_key_that_is_not_there_is_told_apart() -> None:
    """Then the keys are asked for once more."""
    with pytest.raises(UnknownKey):
        read_id_token(token(claims(), kid="two"), KEYS, EXPECTED, NOW_S)
