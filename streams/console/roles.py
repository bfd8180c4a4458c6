"""Roles, and the one question that is asked of them: may this user do that? Knows no page and no file."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is there for."""

    OPERATOR = "operator"
    REDRESS = "redress"
    INVESTIGATOR = "investigator"
    MODEL_OWNER = "model_owner"
    ADMIN = "admin"


class What(StrEnum):
    """What a page lets people do."""

    LOOK = "look"
    UNMASK = "unmask"


RIGHTS: Mapping[Role, frozenset[What]] = {
    Role.OPERATOR: frozenset({What.LOOK}),
    Role.REDRESS: frozenset({What.LOOK, What.UNMASK}),
    Role.INVESTIGATOR: frozenset({What.LOOK, What.UNMASK}),
    Role.MODEL_OWNER: frozenset({What.LOOK}),
    Role.ADMIN: frozenset(What),
}
"""What each role may. Whoever answers callers or follows campaigns sees whole numbers; others work without."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: Role


def may(user: User, what: What) -> bool:
    """Whether a user may do that."""
    return what in RIGHTS[user.role]
