"""How often somebody may try to sign in: a bound on tries by key, in bounded memory."""

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

MOST_KEYS = 4_096
IPV6_SITE_BITS = 64


class Attempts:
    """Counts tries of each key. Used on the event loop alone.

    Args:
        most: tries within the span; further ones are refused.
        within_s: the span.
        clock: seconds, monotonic.
    """

    def __init__(self, most: int, within_s: float, clock: Callable[[], float]) -> None:
        self._most, self._within_s, self._clock = most, within_s, clock
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def may(self, key: str) -> bool:
        """Whether one more try is allowed now; it is counted if so. A refused one is not, so that waiting helps."""
        now_s = self._clock()
        tries = self._tries.setdefault(key, deque(maxlen=self._most))
        self._tries.move_to_end(key)
        if len(self._tries) > MOST_KEYS:
            self._tries.popitem(last=False)
        if len(tries) == self._most and now_s - tries[0] < self._within_s:
            return False
        tries.append(now_s)
        return True

    def forget(self, key: str) -> None:
        """Begin anew: the try was right."""
        self._tries.pop(key, None)


def site_of(address: str) -> str:
    """An address as far as it tells people apart: of IPv6 the network of a site."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(int(found) >> IPV6_SITE_BITS)
    return str(found)
