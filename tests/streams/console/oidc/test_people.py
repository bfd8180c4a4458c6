"""Who somebody is here: the first group that has a role, and nobody without one."""

from typing import Any

import pytest

from streams.console.oidc.errors import SignInRefused
from streams.console.oidc.people import NO_NAME, NO_ROLE, person
from streams.console.roles import Role, User
from tests.streams.console.oidc.oidc_case import Provider

PROVIDER = Provider()
PROVIDER.issuer = "https://login.example.net"
CLIENT = PROVIDER.client(oidc_roles="admins=admin; ops=operator; desk=redress")


def named(**claims: Any) -> User:
    return person({"sub": "7", "preferred_username": "ada"} | claims, CLIENT)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["ops"], Role.OPERATOR),
        (["desk", "ops", "staff"], Role.OPERATOR),
        (["ops", "admins"], Role.ADMIN),
        ("desk", Role.REDRESS),
    ],
)
def test_the_first_group_of_the_settings_counts(groups: Any, role: Role) -> None:
    """Whatever the provider's order is; one group may come as a text."""
    assert named(groups=groups) == User("ada", role)


@pytest.mark.parametrize(
    "groups", [[], ["staff"], "staff", None, 7, {"ops": True}, [["ops"]], ["OPS"], ["ops "], "ops,desk"]
)
def test_without_such_a_group_nobody_is_let_in(groups: Any) -> None:
    """They are told; the log has the provider's name of them."""
    with pytest.raises(SignInRefused) as refused:
        named(groups=groups)

    assert (refused.value.said, refused.value.subject) == (NO_ROLE, "7")


@pytest.mark.parametrize("name", ["Ada", "ada@example.net", "ada+1@example.net", "auth0|7", "a" * 64, "7"])
def test_names_that_providers_use_are_taken(name: str) -> None:
    assert named(preferred_username=name, groups=["ops"]).name == name


@pytest.mark.parametrize(
    "name", [None, "", 7, "-ada", "--role", "a b", "a\nb", "a" * 65, "<b>", "é", ["ada"], "+12025550187"]
)
def test_names_that_logs_and_commands_cannot_take_are_refused(name: Any) -> None:
    """None of them is quoted in the log."""
    with pytest.raises(SignInRefused) as refused:
        named(preferred_username=name, groups=["ops"])

    assert refused.value.said == NO_NAME
    assert "preferred_username" in str(refused.value)


def test_other_claims_may_be_chosen() -> None:
    client = PROVIDER.client(oidc_user_claim="email", oidc_roles_claim="https://example.net/roles")

    found = person({"sub": "7", "email": "ada@example.net", "https://example.net/roles": ["desk"]}, client)

    assert found == User("ada@example.net", Role.REDRESS)
