"""Who somebody is here, by what the provider says: a name, and the role of the first group that has one."""

import re

from streams.console.oidc.client import Client
from streams.console.oidc.errors import SignInRefused
from streams.console.oidc.id_tokens import Claims
from streams.console.roles import User

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+|-]{0,63}")
"""Names that pages, logs and cases can show, and that no command takes for an option."""
NO_NAME = "Your name at the sign-in service cannot be used here; the log of the console says why."
NO_ROLE = "You have no role in this console: ask for one of the groups that have one."


def person(claims: Claims, client: Client) -> User:
    """Who it is.

    Args:
        claims: of a token that was checked.
        client: which claims and groups count.

    Raises:
        SignInRefused: there is no usable name, or no group that has a role.
    """
    subject, name = claims["sub"], claims.get(client.user_claim)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        why = f"the claim {client.user_claim} has no name of letters, digits and . _ @ + | -, 64 at most"
        raise SignInRefused(why, NO_NAME, subject=subject)
    found = claims.get(client.roles_claim)
    groups = [found] if isinstance(found, str) else found
    if not isinstance(groups, list):
        raise SignInRefused(f"there is no claim {client.roles_claim} with groups", NO_ROLE, subject=subject)
    for group, role in client.roles:
        if group in groups:
            return User(name, role)
    raise SignInRefused(f"no group of the claim {client.roles_claim} has a role", NO_ROLE, subject=subject)
