"""Why the provider let nobody in: it is away, or what it said does not let this person in."""

from detector.contract.errors import RobocallError

UNUSABLE = "What the sign-in service said cannot be used here; the log of the console says why."


class ProviderAway(RobocallError):  # noqa: N818 - the name states what is wrong
    """The provider does not answer, or not as a provider does."""

    retriable = True


class SignInRefused(RobocallError):  # noqa: N818 - the name states what is wrong
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
