"""The FCC's Robocall Mitigation Database, as its file, and the join of an entry of ours with it.

The file has no OCN. So a registration is found by its number, else by the FRN, else by the name, and each answer says
which it was. A name that is only alike is never more than `unsure`: whoever reads it must look.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from detector.contract.errors import RobocallError
from streams.upstreams.entries import RMD_NUMBER, Registration, State, Sure, Upstream, UpstreamRole, frn_of

MOST_FILINGS = 200_000
ROWS_BETWEEN_UPDATES = 1_000
NEEDED = ("number", "frn", "business_name")
LEGAL_FORMS = frozenset(
    {"the", "llc", "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "lp", "llp", "lllp"}
    | {"plc", "pllc", "pbc", "gmbh", "sa", "bv", "pty"}
)
"""Words of a name that say nothing about who it is."""
_NAMES = ("other_dba_names", "previous_dba_names")
_ROLES: Mapping[UpstreamRole, str] = {
    UpstreamRole.ORIGINATING: "voice_service_provider_choice",
    UpstreamRole.INTERMEDIATE: "intermediate_provider_choice",
    UpstreamRole.GATEWAY: "gateway_provider_choice",
}
_DROPPED = re.compile("[.'`\u2019\"]")
_BETWEEN = re.compile("[^a-z0-9]+")
_FRN = re.compile("[0-9]{7,10}")
_SAYS_NOTHING = frozenset({"none", "na", "n a", ""})


class DatabaseRefused(RobocallError):
    """A file that is not the database."""


@dataclass(frozen=True, slots=True)
class Filing:
    """One registration.

    Attributes:
        number: `RMD` and seven digits.
        frn: Of the filer, ten digits.
        name: Of the filer.
        other_frns: Of those that file with it.
        other_names: That it does business under, or did.
        roles: What it says that it is.
    """

    number: str
    frn: str
    name: str
    other_frns: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    roles: frozenset[UpstreamRole] = frozenset()

    @property
    def frns(self) -> tuple[str, ...]:
        """All FRNs that it names."""
        return (self.frn, *self.other_frns)


def exact_form(name: str) -> str:
    """A name in small letters without punctuation: `Acme Tel., L.L.C.` is `acme tel llc`."""
    plain = unicodedata.normalize("NFKD", name).casefold().replace("&", " and ")
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    return _BETWEEN.sub(" ", _DROPPED.sub("", plain)).strip()


def near_form(name: str) -> str:
    """The words of a name but for its legal form, in the order of the alphabet; of a name of no others all of them."""
    words = exact_form(name).split()
    return " ".join(sorted([word for word in words if word not in LEGAL_FORMS] or words))


class Database:
    """Filings, found by number, FRN and name. In memory, a few megabytes for ten thousand.

    Args:
        filings: Each number once.
    """

    def __init__(self, filings: Iterable[Filing]) -> None:
        self._by_number = {one.number: one for one in filings}
        everybody = sorted(self._by_number.values(), key=lambda one: one.number)
        self._by_frn = _grouped(everybody, lambda one: [one.frn])
        self._by_other_frn = _grouped(everybody, lambda one: one.other_frns)
        self._by_name = _grouped(everybody, lambda one: [exact_form(one.name)])
        self._by_near = _grouped(everybody, lambda one: map(near_form, (one.name, *one.other_names)))

    def __len__(self) -> int:
        """How many filings there are."""
        return len(self._by_number)

    def join(self, entry: Upstream, as_of: date) -> Registration:
        """Say which filing is that of an upstream, and how sure that is. O(1).

        Args:
            entry: Of the register.
            as_of: Day of the database.
        """
        found, by = self._found(entry)
        if not found or by is None:
            return _absent(entry, as_of, "")
        if by in {Sure.NAME_EXACT, Sure.NAME_NEAR} and entry.rmd_number is not None:
            return _absent(entry, as_of, f"{found[0].number} is by the same name, or nearly")
        conflict = _conflict(entry, found, by)
        is_sure = len(found) == 1 and by is not Sure.NAME_NEAR and not (by is Sure.NAME_EXACT and entry.frn)
        state = State.LISTED if is_sure else State.UNSURE
        return Registration(state=state, as_of=as_of, by=by, rmd_number=found[0].number, conflict=conflict)

    def _found(self, entry: Upstream) -> tuple[tuple[Filing, ...], Sure | None]:
        if entry.rmd_number is not None and entry.rmd_number in self._by_number:
            return (self._by_number[entry.rmd_number],), Sure.NUMBER
        if entry.frn is not None:
            found = self._by_frn.get(entry.frn) or self._by_other_frn.get(entry.frn)
            if found:
                return found, Sure.FRN
        if found := self._by_name.get(exact_form(entry.legal_name)):
            return found, Sure.NAME_EXACT
        if found := self._by_near.get(near_form(entry.legal_name)):
            return found, Sure.NAME_NEAR
        return (), None


def _absent(entry: Upstream, as_of: date, conflict: str) -> Registration:
    """What is said where nothing is found: of one that had a registration, that it is withdrawn."""
    before = entry.registration
    was_there = entry.rmd_number is not None or (before is not None and before.state in {State.LISTED, State.WITHDRAWN})
    state = State.WITHDRAWN if was_there else State.MISSING
    return Registration(state=state, as_of=as_of, conflict=conflict or None)


def _conflict(entry: Upstream, found: tuple[Filing, ...], by: Sure) -> str | None:
    """What of the filing contradicts the entry, in words."""
    one = found[0]
    if len(found) > 1:
        numbers = ", ".join(each.number for each in found[:3])
        return f"{len(found)} filings fit, {numbers} among them"
    if entry.rmd_number not in {None, one.number}:
        return f"it is filed as {one.number}"
    if entry.frn is not None and entry.frn not in one.frns:
        return f"{one.number} has FRN {one.frn}"
    if by in {Sure.NUMBER, Sure.FRN} and near_form(entry.legal_name) not in map(
        near_form, (one.name, *one.other_names)
    ):
        return f"{one.number} is of another name"
    if entry.role in _ROLES and one.roles and entry.role not in one.roles:
        return f"{one.number} does not say that it is {entry.role}"
    return None


def _grouped(filings: Iterable[Filing], keys: Callable[[Filing], Iterable[str]]) -> dict[str, tuple[Filing, ...]]:
    """Filings by key, each once; by what says nothing none is found."""
    found: dict[str, dict[str, Filing]] = {}
    for one in filings:
        for key in keys(one):
            if key not in _SAYS_NOTHING:
                found.setdefault(key, {})[one.number] = one
    return {key: tuple(several.values()) for key, several in found.items()}


def read_database(lines: Iterable[str], on_rows: Callable[[int], object] = lambda _: None) -> Database:
    """Read the file as the FCC gives it: a CSV with at least the columns `number`, `frn` and `business_name`.

    Args:
        lines: Its text.
        on_rows: Told now and then how many rows were read.

    Raises:
        DatabaseRefused: a column is missing, a row is none, or there are too many or none: one sentence.
    """
    reader = csv.DictReader(lines)
    filings: dict[str, Filing] = {}
    try:
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise DatabaseRefused(f"it has no column {', '.join(missing)}: is it the database?")
        for row in reader:
            one = _filing(row, reader.line_num)
            if one.number in filings:
                raise DatabaseRefused(f"line {reader.line_num}: {one.number} stands twice")
            filings[one.number] = one
            if len(filings) > MOST_FILINGS:
                raise DatabaseRefused(f"more than {MOST_FILINGS:,} rows: is it the database?")
            if not len(filings) % ROWS_BETWEEN_UPDATES:
                on_rows(len(filings))
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatabaseRefused(f"line {reader.line_num + 1}: no CSV in UTF-8: {error}") from error
    if not filings:
        raise DatabaseRefused("it has no rows: an empty database would make everybody unregistered")
    return Database(filings.values())


def _filing(row: Mapping[str, str | None], line: int) -> Filing:
    number, frn = (row.get("number") or "").strip(), frn_of((row.get("frn") or "").strip())
    if not re.fullmatch(RMD_NUMBER, number) or not isinstance(frn, str) or not frn.isdigit():
        raise DatabaseRefused(f"line {line}: no RMD number with an FRN")
    said = {role: (row.get(column) or "").strip().lower() for role, column in _ROLES.items()}
    names = (name.strip() for column in _NAMES for name in re.split("[;\n]", row.get(column) or ""))
    return Filing(
        number=number,
        frn=frn,
        name=(row.get("business_name") or "").strip(),
        other_frns=tuple(found.zfill(10) for found in _FRN.findall(row.get("other_frns") or "")),
        other_names=tuple(name for name in names if name),
        roles=frozenset(role for role, answer in said.items() if answer == "yes"),
    )
