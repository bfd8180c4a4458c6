"""The register of upstreams: one entry a trunk group, in one YAML file that people read and may write.

```yaml
upstreams:
  - trunk_group_id: wholesale-7
    legal_name: Example Voice LLC
    ocn: "123A"                    # in quotes, else YAML reads some codes as numbers
    frn: "0012345678"
    rmd_number: RMD0001234
    filer_id_499: "812345"
    country: US
    contact: noc@voice.example, +1 303 555 0142
    contract_date: 2025-03-01
    traceback_clause: true
    reviewed_date: 2026-10-02
    role: intermediate
```
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from detector.contract.errors import RobocallError
from detector.contract.events import TEXT_LIMIT
from streams.files import write_whole
from streams.yaml_files import dump_yaml, read_yaml

MOST_BYTES = 1024 * 1024
MOST_ENTRIES = 2_000
FRN_DIGITS = 10
SETTING = "ROBOCALL_UPSTREAMS_FILE"
HEAD = "# Who stands behind each trunk group. `robocall upstreams import` and `check --record` write this file anew.\n"


class UpstreamsInvalid(RobocallError):
    """The register cannot be read, or says what makes no sense."""


class UpstreamRole(StrEnum):
    """What an upstream is to us. A `customer` makes calls itself and is no provider: it needs no registration."""

    ORIGINATING = "originating"
    INTERMEDIATE = "intermediate"
    GATEWAY = "gateway"
    CUSTOMER = "customer"


class State(StrEnum):
    """Of a registration in the Robocall Mitigation Database. `unsure`: there is one that may be theirs."""

    LISTED = "listed"
    UNSURE = "unsure"
    WITHDRAWN = "withdrawn"
    MISSING = "missing"


class Sure(StrEnum):
    """What a registration was found by, the surest first."""

    NUMBER = "number"
    FRN = "frn"
    NAME_EXACT = "name_exact"
    NAME_NEAR = "name_near"


def frn_of(value: object) -> object:
    """An FRN with its ten digits; files often lack the zeros in front. What is none stays, for others to refuse."""
    is_short = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= FRN_DIGITS
    return str(value).zfill(FRN_DIGITS) if is_short else value


def _quoted(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"write it in quotes: YAML reads {value} as a number")  # noqa: TRY004 - pydantic's
    return value


def _no_number(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("a day is wanted, 2025-03-01")  # noqa: TRY004 - pydantic's
    return value


Day = Annotated[date, BeforeValidator(_no_number)]
Text = Annotated[StrictStr, BeforeValidator(_quoted)]
Ocn = Annotated[Text, Field(pattern="^[0-9A-Z]{4}$")]
Frn = Annotated[StrictStr, BeforeValidator(frn_of), BeforeValidator(_quoted), Field(pattern="^[0-9]{10}$")]
RMD_NUMBER = "^RMD[0-9]{7,10}$"
"""Seven digits so far."""
RmdNumber = Annotated[Text, Field(pattern=RMD_NUMBER)]


class Registration(BaseModel):
    """What the latest look into the database found.

    Attributes:
        state: Whether there is a registration.
        by: What it was found by; none where it was not.
        rmd_number: Its number.
        as_of: Day of the database.
        conflict: What of it contradicts the entry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: State
    as_of: Day
    by: Sure | None = None
    rmd_number: RmdNumber | None = None
    conflict: Annotated[StrictStr, Field(max_length=TEXT_LIMIT)] | None = None


class Upstream(BaseModel):
    """Who stands behind one trunk group.

    Attributes:
        trunk_group_id: As in the events.
        legal_name: As in the contract.
        role: What it is to us.
        ocn: Operating company number.
        frn: FCC registration number, ten digits.
        rmd_number: Its number in the Robocall Mitigation Database.
        filer_id_499: Filer id of its form 499.
        country: Two letters (ISO 3166).
        contact: Whom to call about its calls.
        contract_date: Day of the contract.
        traceback_clause: Whether the contract binds it to answer tracebacks; unknown counts as not.
        reviewed_date: Day on which somebody last went through the entry.
        registration: What the database said, kept by `robocall upstreams check --record`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trunk_group_id: Annotated[Text, Field(min_length=1, max_length=TEXT_LIMIT)]
    legal_name: Annotated[Text, Field(min_length=1, max_length=TEXT_LIMIT)]
    role: UpstreamRole
    ocn: Ocn | None = None
    frn: Frn | None = None
    rmd_number: RmdNumber | None = None
    filer_id_499: Annotated[Text, Field(pattern="^[0-9]{1,8}$")] | None = None
    country: Annotated[Text, Field(pattern="^[A-Z]{2}$")] | None = None
    contact: Annotated[Text, Field(min_length=1, max_length=TEXT_LIMIT)] | None = None
    contract_date: Day | None = None
    traceback_clause: StrictBool | None = None
    reviewed_date: Day | None = None
    registration: Registration | None = None

    def age_days(self, today: date) -> int | None:
        """Whole days since somebody last looked at the entry, or signed the contract; None where neither is known."""
        known = [day for day in (self.contract_date, self.reviewed_date) if day is not None]
        return max(0, (today - max(known)).days) if known else None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    upstreams: tuple[Upstream, ...] = Field(max_length=MOST_ENTRIES)


def load_upstreams(path: Path) -> tuple[Upstream, ...]:
    """Read a register, in the order of the file. It blocks for the disk.

    Raises:
        UpstreamsInvalid: it cannot be read, is too large, or breaks a rule: one line, with the place.
    """
    otherwise = f"make it by `robocall upstreams import`, or set {SETTING}"
    found = read_yaml(path, MOST_BYTES, UpstreamsInvalid, otherwise)
    try:
        return checked(found, "entry")
    except UpstreamsInvalid as error:
        raise UpstreamsInvalid(f"{path}: {error}") from error


def checked(content: Any, place: str, first: int = 1) -> tuple[Upstream, ...]:
    """Make entries of plain values, `{"upstreams": [...]}`.

    Args:
        content: Of a file.
        place: What one is called where it is counted: `entry`, `line`.
        first: Number of the first one.

    Raises:
        UpstreamsInvalid: one line: the place, and what is wrong there.
    """
    try:
        entries = _File.model_validate(content).upstreams
    except ValidationError as error:
        raise UpstreamsInvalid(_complaint(error, content, place, first)) from error
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries, first):
        before = seen.setdefault(entry.trunk_group_id, number)
        if before != number:
            raise UpstreamsInvalid(f"{place} {number}: trunk group {entry.trunk_group_id} has {place} {before} already")
    return entries


def save_upstreams(path: Path, entries: Sequence[Upstream]) -> None:
    """Write a register in the place of the one there, in one step; comments of people go. It blocks for the disk.

    Raises:
        StorageError: the folder cannot be written.
        UpstreamsInvalid: it would be larger than a register may be.
    """
    plain = [entry.model_dump(mode="python", exclude_none=True) for entry in entries]
    text = HEAD + dump_yaml({"upstreams": [_plain(one) for one in plain]})
    content = text.encode()
    if len(content) > MOST_BYTES or len(entries) > MOST_ENTRIES:
        raise UpstreamsInvalid(f"{path}: more than {MOST_ENTRIES:,} entries or {MOST_BYTES:,} bytes")
    write_whole(path, content, holds="the register of upstreams", setting=SETTING)


def _plain(value: Any) -> Any:
    """Values as YAML has them: texts for names of a fixed set."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return str(value) if isinstance(value, StrEnum) else value


def _complaint(error: ValidationError, content: Any, place: str, first: int) -> str:
    """The first thing that is wrong, with its place."""
    item = error.errors(include_url=False, include_input=False)[0]
    where = [str(part) for part in item["loc"]]
    if len(where) > 1:
        number = int(where[1])
        entry = content["upstreams"][number]
        trunk = entry.get("trunk_group_id") if isinstance(entry, dict) else None
        named = "" if trunk is None else f" ({trunk})"
        where = [f"{place} {number + first}{named}", *where[2:]]
    return f"{': '.join(where) or 'the file'}: {_said(item['type'], item['msg'])}"


def _said(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such field: see docs/upstreams.md for the right name"
    if kind == "missing":
        return "missing: add it"
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
