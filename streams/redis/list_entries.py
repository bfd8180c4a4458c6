"""The form in which the carrier's lists keep their entries; whatever has another is refused."""

import re

from detector.contract.errors import RobocallError
from detector.numbers.do_not_originate import dno_digits
from detector.policy.lists import DIRECTED_TO, NUMBER_ENTITY, TRUNK_ENTITY, directed_parts
from streams.redis.connection import E164

SHORT_CODE = re.compile(r"[0-9]{3,6}")
TRUNK_ID = re.compile(r"[^\x00-\x20\x7f]{1,256}")


class ListEntryRefused(RobocallError):
    """An entry that its list cannot hold."""


def checked_entry(list_name: str, entry: str) -> str:
    """Bring an entry to the form in which its list keeps it.

    Numbers are E.164 with `+` (`emergency` takes short codes too), trunk groups `trunk:ID`, do-not-originate entries
    bare national digits, and calls that a subscriber wants blocked `+CALLING/+CALLED`.

    Raises:
        ListEntryRefused: it is none of those.
    """
    text = entry.strip()
    if list_name == "dno":
        try:
            return dno_digits(text)
        except RobocallError as error:
            raise ListEntryRefused(str(error)) from error
    bare = text.removeprefix(NUMBER_ENTITY)
    if E164.fullmatch(bare) or (list_name == "emergency" and SHORT_CODE.fullmatch(bare)):
        return bare
    if list_name == "block" and directed_parts(text) is not None:
        return text
    if list_name in {"allow", "block"}:
        if text.startswith(TRUNK_ENTITY) and TRUNK_ID.fullmatch(text.removeprefix(TRUNK_ENTITY)):
            return text
        raise ListEntryRefused(f"{entry!r} is neither +E.164 number nor trunk:ID, for instance +12025550123")
    raise ListEntryRefused(f"{entry!r} is no number in E.164 with +, for instance +12025550123")


def directed_entry(calling: str, called: str) -> str:
    """Entry of the block list of calls that the called subscriber does not want.

    Raises:
        ListEntryRefused: one of both is no number.
    """
    entry = DIRECTED_TO.join(text.strip().removeprefix(NUMBER_ENTITY) for text in (calling, called))
    if directed_parts(entry) is None:
        raise ListEntryRefused(f"{calling!r} or {called!r} is no number in E.164 with +, for instance +12025550123")
    return entry
