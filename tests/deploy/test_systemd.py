"""The units of `deploy/systemd`: each starts a command with settings that exist, as a user of its own."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from detector.features.table import FEATURE_SCHEMA_ID
from detector.policy.settings import Policy
from models.store.promotions import Promotions
from models.store.registry import Registry
from streams.archive.settings import ArchiveSettings
from streams.bridge.settings import BridgeSettings
from streams.campaigns.settings import CampaignSettings
from streams.commands.main import COMMANDS
from streams.console.settings import ConsoleSettings
from streams.screening.policy_file import parse_policy
from streams.settings import load_settings
from streams.trust.settings import TrustSettings
from streams.unknown_settings import unknown_keys
from streams.verifying.settings import VerifySettings
from tests.models.small_model import save_small_model
from tests.processes import needs

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
COMMON = FOLDER / "robocall-.service.d" / "common.conf"
MODELS = FOLDER.parent / "systemd-models"
WORKER, CONSOLE = FOLDER / "robocall-worker@.service", FOLDER / "robocall-console.service"
OPERATING = FOLDER.parents[1] / "docs" / "operating.md"
EPHEMERAL = range(32_768, 61_000)
"""Ports that Linux gives to connections, if nobody says otherwise: a service may find one of them taken."""
MOST_EXPOSED = 1.5
"""Of 10, by `systemd-analyze security`; a unit without the drop-in has more than 9."""


def assignments(file: Path, key: str) -> list[str]:
    """Values of a key, in the order of the file."""
    return re.findall(rf"(?m)^{key}=(.*)$", file.read_text(encoding="utf-8"))


def name_of(unit: Path) -> str:
    """What systemd puts in for `%p`."""
    return unit.stem.rstrip("@")


def environment_of(unit: Path, instance: int = 1) -> Mapping[str, str]:
    """Variables that a unit sets, as this instance on the machine `host` would see them."""
    values = {
        "%p": name_of(unit),
        "%n": unit.name.replace("@.", f"@{instance}."),
        "%i": str(instance),
        "%H": "host",
        "%S": "/var/lib",
        "%C": "/var/cache",
    }
    pairs = [pair for line in assignments(unit, "Environment") for pair in line.split()]
    found = (re.sub("%.", lambda one: values[one[0]], pair) for pair in pairs)
    return dict(pair.split("=", 1) for pair in found)


def install(root: Path, *more: Path) -> None:
    """Copy the units to where systemd finds them, and further trees over `/etc`."""
    shutil.copytree(FOLDER, root / "etc" / "systemd" / "system")
    for tree in more:
        shutil.copytree(tree, root / "etc", dirs_exist_ok=True)


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
    """Each value is in its bounds."""
    found = environment_of(unit)
    assert unknown_keys({key: value for key, value in found.items() if key.startswith("ROBOCALL")}) == []
    for key, value in found.items():
        monkeypatch.setenv(key, value)
    load_settings()
    ArchiveSettings.load()
    BridgeSettings.load()
    CampaignSettings.load()
    ConsoleSettings.load()
    TrustSettings.load()
    VerifySettings.load()


def test_no_two_services_want_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety-nine workers, beside each other service and a worker that is started by hand."""
    others = [environment_of(unit) for unit in UNITS if unit != WORKER]
    ports = [int(value) for found in others for key, value in found.items() if key.endswith("_PORT")]
    ports += [load_settings().web_port, ConsoleSettings.load().port, BridgeSettings.load().sip_port]
    for instance in range(1, 100):
        monkeypatch.setenv("ROBOCALL_WEB_PORT", environment_of(WORKER, instance)["ROBOCALL_WEB_PORT"])
        ports.append(load_settings().web_port)

    assert len(ports) == len(set(ports)) == 4 + 3 + 99
    assert not [port for port in ports if port < 1_024 or port in EPHEMERAL]


def test_the_page_asks_the_port_of_the_first_worker() -> None:
    """Whoever rolls workers waits for it."""
    port = environment_of(WORKER)["ROBOCALL_WEB_PORT"]
    assert f"robocall-worker@1`, wait until `curl --fail http://127.0.0.1:{port}/health`" in OPERATING.read_text(
        encoding="utf-8"
    )


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
@pytest.mark.parametrize("more", [None, MODELS], ids=["alone", "with a folder of models"])
def test_systemd_finds_it_hardly_exposed(unit: Path, more: Path | None, tmp_path: Path) -> None:
    """By its own reckoning, with the drop-ins as systemd itself finds them by the unit's name."""
    analyze = needs("systemd", "systemd-analyze")
    install(tmp_path, *filter(None, [more]))
    instance = unit.name.replace("@.", "@1.")
    done = subprocess.run(
        [analyze, "security", "--offline=true", f"--root={tmp_path}", instance],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (level,) = re.findall(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert float(level) <= MOST_EXPOSED


def test_workers_get_the_policy_that_the_console_saves() -> None:
    """Systemd copies it at their start: they share no folder, and nobody else reads it."""
    saved = environment_of(CONSOLE)["ROBOCALL_POLICY_FILE"]
    (source,) = assignments(WORKER, "LoadCredential")

    assert saved == "/var/lib/robocall-console/policy/policy.yaml"
    assert assignments(CONSOLE, "ExecStartPre") == ["mkdir -p %S/%p/policy"]
    assert source.replace("%S", "/var/lib") == f"policy.yaml:{saved}"
    assert environment_of(WORKER)["ROBOCALL_POLICY_FILE"] == "/run/credentials/robocall-worker@1.service/policy.yaml"


def test_a_worker_starts_before_there_is_a_policy() -> None:
    """What systemd takes for a file that is missing is the defaults."""
    (default,) = assignments(WORKER, "SetCredential")
    name, _, content = default.partition(":")

    assert assignments(WORKER, "LoadCredential")[0].startswith(f"{name}:")
    assert parse_policy(content.encode()) == Policy()


def test_models_in_a_folder_are_written_by_the_console_and_read_by_a_group(tmp_path: Path) -> None:
    """As systemd itself makes user, group and folder. The drop-in that loosens the mask comes after the common one."""
    install(tmp_path, MODELS)
    (tmp_path / "var" / "lib").mkdir(parents=True)
    for program in ("systemd-sysusers", "systemd-tmpfiles"):
        more = ["--create"] if program == "systemd-tmpfiles" else []
        subprocess.run([needs("systemd", program), f"--root={tmp_path}", *more], check=True)
    user, group = (
        int(re.findall(rf"(?m)^{name}:x:(\d+)", (tmp_path / "etc" / file).read_text(encoding="utf-8"))[0])
        for file, name in (("passwd", "robocall-console"), ("group", "robocall-models"))
    )
    worker, console = (MODELS / "systemd" / "system" / f"{unit.name}.d" / "models.conf" for unit in (WORKER, CONSOLE))
    (folder,) = assignments(console, "ReadWritePaths")
    found = (tmp_path / folder[1:]).stat()

    assert assignments(worker, "SupplementaryGroups") == ["robocall-models"]
    assert assignments(worker, "ReadWritePaths") == assignments(console, "SupplementaryGroups") == []
    assert (stat.S_IMODE(found.st_mode), assignments(console, "UMask")) == (0o2750, ["0027"])
    assert (found.st_uid, found.st_gid) == (user, group)
    assert [assignments(one, "Environment") for one in (worker, console)] == [[f"ROBOCALL_MODELS_URL={folder}"]] * 2
    assert console.name > COMMON.name


CONSOLE_USER, WORKER_USER, STRANGER, GROUP = 61_001, 61_002, 61_003, 61_010


def as_user(user: int, groups: Sequence[int], what: Callable[[], object]) -> str:
    """Do it in a process of that user, with the mask of the console; returns the error's name, empty where all went."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        said = ""
        try:
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            os.umask(0o027)
            what()
        except BaseException as error:  # noqa: BLE001 - it must not go on as the test
            traceback.print_exc()
            said = type(error.__cause__ or error).__name__
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(process, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="root alone can be another user")
def test_nobody_but_the_console_writes_models_and_nobody_but_workers_reads_them() -> None:
    """By the rights that their folder has, and the mask that the console has."""
    with tempfile.TemporaryDirectory(prefix="robocall-models-") as everybody:
        Path(everybody).chmod(0o755)
        model, folder = save_small_model(Path(everybody) / "small"), Path(everybody) / "models"
        folder.mkdir()
        os.chown(folder, CONSOLE_USER, GROUP)
        folder.chmod(0o2750)

        def promote() -> None:
            registry = Registry(folder)
            added, _ = registry.add(model, schema_id=FEATURE_SCHEMA_ID)
            Promotions(registry.store).promote(added.version, "", gate=[])

        def read() -> None:
            registry = Registry(folder)
            registry.load(Promotions(registry.store).active() or "", schema_id=FEATURE_SCHEMA_ID)

        assert Registry(everybody).artifacts(schema_id=FEATURE_SCHEMA_ID)  # imports what others cannot
        assert as_user(CONSOLE_USER, [], promote) == ""
        assert as_user(WORKER_USER, [GROUP], read) == ""
        assert as_user(WORKER_USER, [GROUP], promote) == "PermissionError"
        assert as_user(STRANGER, [], read) == "PermissionError"
