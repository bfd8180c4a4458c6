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
    JUDGE = "judge"
    """Say what calls are: those of a campaign, or those that the model asks about."""
    LIST = "list"
    RELEASE = "release"
    OPEN_REDRESS = "open_redress"
    DECIDE_REDRESS = "decide_redress"
    TRACE = "trace"
    MODEL = "model"
    POLICY = "policy"


RIGHTS: Mapping[Role, frozenset[What]] = {
    Role.OPERATOR: frozenset({What.LOOK, What.JUDGE, What.LIST, What.RELEASE, What.OPEN_REDRESS}),
    Role.REDRESS: frozenset({What.LOOK, What.UNMASK, What.RELEASE, What.OPEN_REDRESS, What.DECIDE_REDRESS}),
    Role.INVESTIGATOR: frozenset({What.LOOK, What.UNMASK, What.JUDGE, What.LIST, What.TRACE}),
    Role.MODEL_OWNER: frozenset({What.LOOK, What.JUDGE, What.MODEL, What.POLICY}),
    Role.ADMIN: frozenset(What),
}
"""What each role may. Whoever answers callers or follows campaigns sees whole numbers; others work without. Nobody but
the redress desk and an admin says how redress ends: whoever blocked a number shall not judge the complaint about it."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: Role


def may(user: User, what: What) -> bool:
    """Whether a user may do that."""
    return what in RIGHTS[user.role]
