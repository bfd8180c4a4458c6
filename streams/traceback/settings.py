"""Settings of tracebacks: environment variables `ROBOCALL_TRACEBACK_...`, read by `robocall traceback`."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from streams.environment import PartSettings
from streams.errors import SettingsInvalid
from streams.settings import PREFIX
from streams.traceback.matching import TOLERANCE_MS
from streams.traceback.records import Provider

TRACEBACK_PREFIX = f"{PREFIX}TRACEBACK_"


class TracebackSettings(PartSettings):
    """What an operator may set: who we are, and where our office is."""

    model_config = SettingsConfigDict(env_prefix=TRACEBACK_PREFIX)

    name: str | None = Field(None, min_length=1, max_length=256, description="Our legal name, as answers have it.")
    ocn: str | None = Field(None, pattern="^[0-9A-Z]{4}$", description="Our operating company number.")
    frn: str | None = Field(None, pattern="^[0-9]{10}$", description="Our FCC registration number, ten digits.")
    contact: str | None = Field(None, min_length=1, max_length=256, description="Whom to ask about our answers.")
    zone: str | None = Field(
        None, description="Zone of the office that answers, such as America/Denver: the rule's clock runs there."
    )
    tolerance_s: float = Field(
        TOLERANCE_MS / 1_000, ge=1, le=3_600, description="How far a call may be from the time that is asked for."
    )

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError("is no time zone, such as America/Denver") from error
        return value

    @property
    def own(self) -> Provider:
        """Ourselves.

        Raises:
            SettingsInvalid: nobody said who we are.
        """
        if self.name is None:
            raise SettingsInvalid(f"set {TRACEBACK_PREFIX}NAME to your legal name: answers say who gives them")
        return Provider(name=self.name, ocn=self.ocn, frn=self.frn, contact=self.contact)

    @property
    def office_zone(self) -> ZoneInfo:
        """Where the rule's clock runs.

        Raises:
            SettingsInvalid: nobody said where the office is.
        """
        if self.zone is None:
            raise SettingsInvalid(f"set {TRACEBACK_PREFIX}ZONE to the zone of your office, such as America/Denver")
        return ZoneInfo(self.zone)

    @property
    def tolerance_ms(self) -> int:
        """How far a call may be from the time that is asked for, milliseconds."""
        return round(self.tolerance_s * 1_000)
