"""Why the provider let nobody in: it is away, or what it said does not let this person in."""

import re

from detector.contract.errors import RobocallError

UNUSABLE = "What the sign-in service said cannot be used here; the log of the console says why."
_CODE = re.compile(r"[a-z_]{1,64}")


class ProviderAway(RobocallError):
    """The provider does not answer, or not as a provider does."""

    retriable = True


class SignInRefused(RobocallError):
    """Somebody is not let in.

    Args:
        why: for the log; it quotes no token, no secret and no group.
        said: for whoever wanted in.
        subject: `sub` of who it was, where that is known and proven.
    """

    def __init__(self, why: str, said: str = UNUSABLE, *, subject: str = "") -> None:
        super().__init__(why)
        self.said, self.subject = said, subject


class UnknownKey(SignInRefused):
    """A token is signed with a key that the provider had not published when it was asked for its keys."""


def error_code(text: str) -> str:
    """The code of an error as the provider gave it (RFC 6749 sections 4.1.2.1 and 5.2), for the log.

    Returns:
        The code; empty where it is none, since anybody may have written the text.
    """
    return text if _CODE.fullmatch(text) else ""
