"""The units of `deploy/systemd`: each starts a command with settings that exist, as a user of its own."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.archive.settings import load_archive_settings
from streams.bridge.settings import load_bridge_settings
from streams.campaigns.settings import load_campaign_settings
from streams.commands.main import COMMANDS
from streams.console.settings import load_console_settings
from streams.settings import load_settings
from streams.trust.settings import load_trust_settings
from streams.unknown_settings import unknown_keys
from streams.verifying.settings import load_verify_settings

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
COMMON = FOLDER / "robocall-.service.d" / "common.conf"
MOST_EXPOSED = 1.5
"""Of 10, by `systemd-analyze security`; a unit without the drop-in has more than 9."""


def assignments(file: Path, key: str) -> list[str]:
    """Values of a key, in the order of the file."""
    return re.findall(rf"(?m)^{key}=(.*)$", file.read_text(encoding="utf-8"))


def name_of(unit: Path) -> str:
    """What systemd puts in for `%p`."""
    return unit.stem.rstrip("@")


def environment_of(unit: Path) -> Mapping[str, str]:
    """Variables that a unit sets, as its first instance on the machine `host` would see them."""
    values = {"%p": name_of(unit), "%i": "1", "%H": "host", "%S": "/var/lib", "%C": "/var/cache"}
    pairs = [pair for line in assignments(unit, "Environment") for pair in line.split()]
    found = (re.sub("%.", lambda one: values[one[0]], pair) for pair in pairs)
    return dict(pair.split("=", 1) for pair in found)


def test_each_service_that_stays_has_a_unit() -> None:
    """The command is that of the image, from the package's own folder."""
    commands = {name_of(unit): assignments(unit, "ExecStart") for unit in UNITS}
    assert commands == {
        f"robocall-{command.split()[0]}": [f"/opt/robocall/bin/robocall {command}"]
        for command in ("archive run", "bridge", "campaigns run", "console", "verify", "worker")
    }
    assert {line.split()[1] for (line,) in commands.values()} <= set(COMMANDS)


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_its_settings_exist(unit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value is in its bounds, and each port another one."""
    found = environment_of(unit)
    assert unknown_keys({key: value for key, value in found.items() if key.startswith("ROBOCALL")}) == []
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    load_settings()
    load_archive_settings()
    load_bridge_settings()
    load_campaign_settings()
    load_console_settings()
    load_trust_settings()
    load_verify_settings()
    ports = [value for other in UNITS for key, value in environment_of(other).items() if key.endswith("WEB_PORT")]
    assert len(ports) == len(set(ports)) == 5


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_a_service_is_a_user_of_its_own_and_writes_no_folder_of_another(unit: Path) -> None:
    """The drop-in names user and folders after the unit, and no unit says otherwise; each path of it lies there."""
    for key in ("DynamicUser", "User", "StateDirectory", "CacheDirectory"):
        assert assignments(unit, key) == []
    assert [assignments(COMMON, key) for key in ("User", "StateDirectory", "CacheDirectory")] == [["%p"]] * 3
    assert assignments(COMMON, "DynamicUser") == ["yes"]
    own = (f"/var/lib/{name_of(unit)}/", f"/var/cache/{name_of(unit)}")
    paths = [value for value in environment_of(unit).values() if value.startswith("/var/")]
    assert all(path.startswith(own) for path in paths)


def test_what_one_service_alone_may_know_wins_over_what_all_know() -> None:
    """Of two files systemd takes the later one."""
    assert assignments(COMMON, "EnvironmentFile") == ["/etc/robocall.env", "-/etc/%p.env"]
    assert all(assignments(unit, "EnvironmentFile") == [] for unit in UNITS)


@pytest.mark.parametrize("unit", UNITS, ids=name_of)
def test_systemd_finds_it_hardly_exposed(unit: Path, tmp_path: Path) -> None:
    """By its own reckoning, with the drop-in as systemd itself finds it by the unit's name."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    shutil.copytree(FOLDER, tmp_path / "etc" / "systemd" / "system")
    instance = unit.name.replace("@.", "@1.")
    done = subprocess.run(
        [analyze, "security", "--offline=true", f"--root={tmp_path}", instance],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (level,) = re.findall(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert float(level) <= MOST_EXPOSED
