"""Who is signed in, in memory: a restart signs everybody out. Of a token only its digest is kept."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from streams.console.roles import User

MOST_SESSIONS = 1_000
MOST_OF_A_USER = 10
MOST_UNMASKED = 100
MOST_SAID = 20
UNMASKED_S = 600.0
"""How long whole numbers are shown after somebody asked for them."""
TOKEN_BYTES = 32


@dataclass(slots=True)
class Session:
    """Somebody who is signed in.

    Attributes:
        name: of the user.
        password: digest that the sign-in was checked against; with another one the session is over.
        provided: who it is and in which role, where a provider said so; None for a local user.
        csrf: stands in each of its forms.
        ends_s: by the clock of `Sessions`.
    """

    name: str
    password: str
    csrf: str
    ends_s: float
    provided: User | None = None
    _said: list[str] = field(default_factory=list)
    _unmasked: dict[str, float] = field(default_factory=dict)

    def tell(self, sentences: Iterable[str]) -> None:
        """Have the next page say something: how what was done on this one went."""
        self._said = [*self._said, *sentences][-MOST_SAID:]

    def heard(self) -> list[str]:
        """What is to be said, once."""
        said, self._said = self._said, []
        return said

    def unmask(self, subject: str, now_s: float) -> None:
        """Show whole numbers on the pages of a subject for `UNMASKED_S`."""
        if len(self._unmasked) >= MOST_UNMASKED:
            self._unmasked.pop(next(iter(self._unmasked)))
        self._unmasked[subject] = now_s + UNMASKED_S

    def is_unmasked(self, subject: str, now_s: float) -> bool:
        """Whether they are shown now."""
        return self._unmasked.get(subject, 0.0) > now_s

    def has_csrf(self, given: str) -> bool:
        """Whether a form is ours; compared in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.csrf.encode())


class Sessions:
    """Opens and finds sessions. Used on the event loop alone.

    Args:
        length_s: of a session, however busy it is.
        clock: seconds, monotonic.
    """

    def __init__(self, length_s: float, clock: Callable[[], float]) -> None:
        self._length_s = length_s
        self._clock = clock
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, name: str, password: str) -> str:
        """Sign a local user in. Of too many sessions of one user, and of all, the oldest ends.

        Returns:
            The token, 256 random bits.
        """
        return self._opened(name, password, None)

    def open_provided(self, user: User) -> str:
        """Sign in whom a provider named, likewise; the role stays until the session ends.

        Returns:
            The token, 256 random bits.
        """
        return self._opened(user.name, "", user)

    def _opened(self, name: str, password: str, provided: User | None) -> str:
        now_s = self._clock()
        for key in [key for key, one in self._open.items() if one.ends_s <= now_s]:
            del self._open[key]
        theirs = [key for key, one in self._open.items() if one.name == name]
        for key in theirs[: len(theirs) - MOST_OF_A_USER + 1]:
            del self._open[key]
        while len(self._open) >= MOST_SESSIONS:
            self._open.popitem(last=False)
        token = new_token()
        self._open[_key(token)] = Session(name, password, new_token(), now_s + self._length_s, provided)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token, unless it is over."""
        session = self._open.get(_key(token))
        return session if session is not None and session.ends_s > self._clock() else None

    def close(self, token: str) -> None:
        """Sign somebody out."""
        self._open.pop(_key(token), None)


def new_token() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
