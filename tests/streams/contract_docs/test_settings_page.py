"""The page of settings is the one of the code: every variable, with what a reader has to know to set it."""

from pathlib import Path

import pytest

from streams.archive.settings import ArchiveSettings
from streams.bridge.settings import BridgeSettings
from streams.campaigns.settings import CampaignSettings
from streams.cases.settings import CaseSettings
from streams.console.settings import ConsoleSettings
from streams.contract_docs.settings_page import SECTIONS, TRUST_SECTIONS, UNITS, render_page
from streams.settings import Settings
from streams.traceback.settings import TracebackSettings
from streams.tracing.settings import TraceSettings
from streams.trust.settings import TrustSettings
from streams.upstreams.settings import UpstreamsSettings
from streams.verifying.settings import VerifySettings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
ROWS = {
    cells[0].strip(" `"): [cell.strip() for cell in cells[1:]]
    for line in render_page().splitlines()
    if line.startswith("| `") and (cells := line.strip("|").split("|"))
}


def test_every_variable_is_there_once_and_has_a_meaning() -> None:
    rooms = (
        Settings, ArchiveSettings, BridgeSettings, CampaignSettings, CaseSettings, ConsoleSettings, TracebackSettings,
        TraceSettings, TrustSettings, UpstreamsSettings, VerifySettings,
    )  # fmt: skip
    names = [f"{room.model_config['env_prefix']}{name.upper()}" for room in rooms for name in room.model_fields]
    assert list(ROWS) == names
    assert all(row[-1] not in {"", "None"} for row in ROWS.values())


def test_every_heading_has_a_setting_below_it() -> None:
    assert [name for name in SECTIONS if name not in Settings.model_fields] == []
    assert [name for name in TRUST_SECTIONS if name not in TrustSettings.model_fields] == []
    assert set(SECTIONS) >= {next(iter(Settings.model_fields))}, "the first settings stand below no heading"


@pytest.mark.parametrize(
    ("variable", "default", "values", "unit"),
    [
        ("ROBOCALL_SESSION_TIMEOUT_S", "`10`", "6 to 300", "seconds"),
        ("ROBOCALL_KAFKA_ACKS", "`all`", "`all`, `1`", ""),
        ("ROBOCALL_MODE", "none", "`enforce`, `shadow`", ""),
        ("ROBOCALL_KAFKA_SASL_PASSWORD", "none", "secret text", ""),
        ("ROBOCALL_KAFKA_SSL_CAFILE", "none", "path of a file", ""),
        ("ROBOCALL_AWAIT_LISTS", "none", "`true`, `false`", ""),
        ("ROBOCALL_MAX_COLD_NUMBERS", "`2097152`", "1000 to 200000000", ""),
        ("ROBOCALL_KEEP_DAYS", "`false`", "`true`, `false`", ""),
        ("ROBOCALL_CAMPAIGNS_SCORE", "`0.9`", "above 0, to 1", ""),
        ("ROBOCALL_ARCHIVE_FLUSH_S", "`300`", "0.1 to 3600", "seconds"),
    ],
)
def test_a_row_says_what_can_be_set(variable: str, default: str, values: str, unit: str) -> None:
    """Numbers stand as they are typed, without thousands separators."""
    assert ROWS[variable][:3] == [default, values, unit]


def test_the_default_that_depends_on_the_machine_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page must not hold the home of whoever made it."""
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/else")
    assert "/somewhere/else" not in render_page()
    assert "`$XDG_STATE_HOME/robocall-detector/snapshots`" in ROWS["ROBOCALL_SNAPSHOT_URL"][0]


def test_every_number_with_a_dimension_has_a_unit() -> None:
    """A unit is the ending of a name, so a new ending needs a line in the table of units."""
    endings = tuple(UNITS)
    assert [
        name
        for name, field in Settings.model_fields.items()
        if field.annotation is float and not name.endswith(endings)
    ] == []
