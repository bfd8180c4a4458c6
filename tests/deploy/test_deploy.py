"""The compose file, the image and the dashboards agree with the code: settings, commands, ports and metrics exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from detector.contract.errors import PolicyInvalid
from detector.policy.settings import Policy
from streams.archive.settings import ARCHIVE_PREFIX, ArchiveSettings
from streams.bridge.peers import load_peers
from streams.bridge.settings import BRIDGE_PREFIX, BridgeSettings
from streams.campaigns.settings import CAMPAIGNS_PREFIX, CampaignSettings
from streams.commands.main import COMMANDS, robocall
from streams.console.settings import CONSOLE_PREFIX, ConsoleSettings
from streams.contract_docs.dashboards.files import FOLDER
from streams.contract_docs.metrics_page import ALERTS, alert_expressions, metrics_in
from streams.metrics import Metric
from streams.screening.build import policy_of, require_contact
from streams.settings import load_settings
from streams.trust.settings import TrustSettings
from streams.unknown_settings import unknown_keys
from streams.verifying.settings import VERIFY_PREFIX, VerifySettings
from tests.deploy.compose_file import VARIABLE, compose_with

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BUILT_IN_METRICS = {"up"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return compose_with({"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"})


METRIC_NAMES = {name for metric in Metric for name in metric.sample_names}


def workers(compose: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in compose["services"].items() if one.get("command") == ["worker"]}


def test_every_port_is_bound_to_loopback(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 7
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_services_depend_on_services_that_exist_and_can_reach_the_condition(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if wanted["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"][0] == "CMD"
            elif wanted["condition"] != "service_started":
                assert wanted["condition"] == "service_completed_successfully"
                assert services[other]["restart"] == "on-failure", "a service that always restarts never completes"


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == set(compose["volumes"])
    assert all((ROOT / path).exists() for path in used if path.startswith("."))


def test_two_workers_are_static_members_with_names_of_their_own(compose: dict[str, Any]) -> None:
    found = [worker["environment"]["ROBOCALL_INSTANCE_ID"] for worker in workers(compose).values()]
    assert sorted(found) == ["worker-1", "worker-2"]
    assert all("/health" in str(worker["healthcheck"]["test"]) for worker in workers(compose).values())


def test_no_service_can_get_more_rights_and_ours_have_none(compose: dict[str, Any]) -> None:
    """A root file system that nobody writes to: what we write is in a volume or in /tmp."""
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if service["image"].startswith("robocall"):
            assert service["tmpfs"] == ["/tmp"], name  # noqa: S108 - of the container
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name


def test_whoever_keeps_rights_is_named_in_the_threat_model(compose: dict[str, Any]) -> None:
    """A service that gains or loses some is to change the sentence."""
    services = compose["services"].items()
    capable = [name.title() for name, one in services if one.get("cap_drop") != ["ALL"]]
    writable = [name.title() for name, one in services if not one.get("read_only")]
    said = f"{' and '.join(capable)} keep their capabilities; the root of {', '.join(writable[:-1])} and {writable[-1]}"
    assert f"{said} can be written." in (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def writers_of(compose: dict[str, Any]) -> dict[str, set[str]]:
    """Services that may write a volume or a file, by its name; all workers are one."""
    writers: dict[str, set[str]] = {}
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source, _, *how = volume.split(":")
            if how != ["ro"]:
                writers.setdefault(source, set()).add("worker" if name in workers(compose) else name)
    return writers


def test_no_folder_is_written_by_two_services_but_what_people_steer_by(compose: dict[str, Any]) -> None:
    """By command and by the console: models, policy, and what lies on their desk. The archive is the sink's."""
    writers = writers_of(compose)
    shared = {source: names for source, names in writers.items() if len(names) > 1}
    assert shared == {name: {"console", "operator"} for name in ("models", "policy", "desk")}
    assert writers["archive"] == {"archive"}


def test_workers_read_the_models_and_the_policy_that_the_console_writes(compose: dict[str, Any]) -> None:
    """At the same paths, and nothing else of it."""
    console = compose["services"]["console"]
    assert {"models:/var/lib/robocall-models", "policy:/var/lib/robocall-policy"} <= set(console["volumes"])
    for worker in workers(compose).values():
        assert {"models:/var/lib/robocall-models:ro", "policy:/var/lib/robocall-policy:ro"} <= set(worker["volumes"])
        assert not [one for one in worker["volumes"] if one.startswith(("desk:", "console:", "operator:"))]
        for name in ("ROBOCALL_MODELS_URL", "ROBOCALL_POLICY_FILE"):
            path = console["environment"][name]
            assert worker["environment"][name] == path
            assert path.startswith("/var/lib/robocall-" + name.split("_")[1].lower())


def test_a_policy_decides_for_itself_whether_it_enforces() -> None:
    """A mode in the environment would win over whatever the console saves."""
    passwords = {"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"}
    services = compose_with(passwords)["services"]
    assert {one["environment"]["ROBOCALL_MODE"] for one in workers({"services": services}).values()} == {None}


def test_folders_that_services_write_are_in_the_image_for_its_user_alone(compose: dict[str, Any]) -> None:
    """A new volume takes owner and rights from there: without it root would own it, and nobody could write."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    (line,) = re.findall(r"install -d -o robocall -m 700 (.*)", text)
    for service in compose["services"].values():
        if service["image"].startswith("robocall"):
            volumes = [one.split(":") for one in service.get("volumes", []) if not one.endswith(":ro")]
            assert {target for _, target in volumes} <= set(line.split())


def test_what_the_environment_file_may_have_is_in_its_example() -> None:
    """Each variable of the compose file, once."""
    names = re.findall(r"(?m)^#(\w+)=", (DEPLOY / "env.example").read_text(encoding="utf-8"))
    used = {name for name, _ in VARIABLE.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))}
    assert sorted(names) == sorted(used)


def test_the_console_has_a_register_and_questions_where_they_are_named() -> None:
    """In a folder that `operator` writes, too; without them it asks for nothing."""
    passwords = {"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"}
    names = ("ROBOCALL_UPSTREAMS_FILE", "ROBOCALL_CONSOLE_QUESTIONS_FILE")
    files = {name: f"/var/lib/robocall-desk/{name}" for name in names}
    without, given = (compose_with(one)["services"]["console"] for one in (passwords, passwords | files))
    assert [without["environment"][name] for name in names] == [None, None]
    assert [given["environment"][name] for name in names] == [files[name] for name in names]
    assert "desk:/var/lib/robocall-desk" in given["volumes"]


def test_the_console_signs_in_by_the_provider_that_the_environment_file_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting of it but files, which a container does not see; without them local users alone sign in."""
    oidc = [name for name in ConsoleSettings.model_fields if name.startswith("oidc_") and not name.endswith("file")]
    variables = {f"{CONSOLE_PREFIX}{name.upper()}": f"the {name}" for name in oidc}
    for given, issuer in (({}, None), (variables, "the oidc_issuer")):
        passwords = {"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"}
        environment = compose_with(passwords | given)["services"]["console"]["environment"]
        assert variables.keys() <= environment.keys()
        assert {name: environment[name] for name in given} == given
        with monkeypatch.context() as patch:
            for name in variables:
                patch.setenv(name, environment[name] or "")
            assert ConsoleSettings.load().oidc_issuer == issuer


def test_no_worker_of_the_compose_file_enforces_without_a_contact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor with a placeholder: whoever sets `enforce` alone is told in one line what is missing.

    Nobody has saved a policy: its volume is empty, and workers start.
    """
    passwords = {"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"}

    def policy_with(**variables: str) -> Policy:
        environment = compose_with(passwords | variables)["services"]["worker-1"]["environment"]
        with monkeypatch.context() as patch:
            for key, value in environment.items():
                patch.setenv(key, str(value or "").replace("/var/lib/robocall-policy", str(tmp_path)))
            return policy_of(load_settings())

    require_contact(policy_with())
    with pytest.raises(PolicyInvalid, match="ROBOCALL_REDRESS_URL"):
        require_contact(policy_with(ROBOCALL_MODE="enforce"))
    require_contact(policy_with(ROBOCALL_MODE="enforce", ROBOCALL_REDRESS_URL="https://redress.carrier.net/"))


def test_every_setting_in_the_compose_file_is_read(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for service in compose["services"].values():
        given = {key: value for key, value in service.get("environment", {}).items() if "ROBOCALL" in key}
        values = {key: "" if value is None else str(value) for key, value in given.items()}
        assert unknown_keys(values) == []
        with monkeypatch.context() as environment:
            for key, value in values.items():
                environment.setenv(key, value)
            load_settings()  # raises when a value is out of its bounds
            if any(key.startswith(ARCHIVE_PREFIX) for key in values):
                ArchiveSettings.load()  # raises for a name that is no setting, too
            if any(key.startswith(BRIDGE_PREFIX) for key in values):
                BridgeSettings.load()
            if any(key.startswith(VERIFY_PREFIX) for key in values):
                VerifySettings.load()
                TrustSettings.load()
            if any(key.startswith(CAMPAIGNS_PREFIX) for key in values):
                CampaignSettings.load()
            if any(key.startswith(CONSOLE_PREFIX) for key in values):
                ConsoleSettings.load()


def test_the_bridge_of_the_compose_file_knows_who_asks_from_this_machine() -> None:
    """By the address that Docker's networks give it, and nobody else."""
    peers = load_peers(DEPLOY / "bridge" / "peers.yaml")

    assert peers.find("172.18.0.1") == peers.find("127.0.0.1") == peers.all[0]
    assert peers.find("192.0.2.1") is None


def test_raw_set_ups_are_verified_by_profile_alone_from_a_topic_that_is_made_with_it(compose: dict[str, Any]) -> None:
    """Whoever does not use the profile has no such topic: the service that always runs makes those of the contract."""
    services = compose["services"]
    made, used = services["verify-topic"], services["verify"]
    assert made["profiles"] == used["profiles"] == ["verify"]
    assert made["environment"]["ROBOCALL_VERIFY_TOPIC"] == used["environment"]["ROBOCALL_VERIFY_TOPIC"]
    assert "ROBOCALL_VERIFY_TOPIC" not in services["topics"]["environment"]


def test_every_command_in_the_compose_file_parses(compose: dict[str, Any]) -> None:
    ours = [service for service in compose["services"].values() if service["image"].startswith("robocall")]
    assert len(ours) == 11
    for service in ours:
        command, *arguments = service["command"]
        assert command in COMMANDS
        found = robocall.get_command(robocall.make_context("robocall", ["--help"], resilient_parsing=True), command)
        assert found is not None
        # Both raise on what does not exist: a command of a group, an option.
        context = found.make_context(command, list(arguments))
        if isinstance(found, click.Group) and arguments:
            found.resolve_command(context, list(arguments))


def test_the_image_starts_a_command_that_exists_as_a_user_without_rights() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert 'ENTRYPOINT ["robocall"]' in lines
    assert json.loads(next(line for line in lines if line.startswith("CMD"))[4:])[0] in COMMANDS
    assert "USER robocall" in lines
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert all((ROOT / path).exists() for paths in copied for path in paths)


def test_prometheus_scrapes_every_process_at_its_port(compose: dict[str, Any]) -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    found = {
        job["job_name"]: {target for group in job["static_configs"] for target in group["targets"]}
        for job in config["scrape_configs"]
    }
    others = {
        name: compose["services"][name]["environment"][f"ROBOCALL_{name.upper()}_WEB_PORT"]
        for name in ("archive", "bridge", "campaigns", "verify")
    }
    assert found == {
        "robocall": {f"{name}:{one['environment']['ROBOCALL_WEB_PORT']}" for name, one in workers(compose).items()},
        **{f"robocall-{name}": {f"{name}:{port}"} for name, port in others.items()},
    }
    assert [(DEPLOY / "prometheus" / name).is_file() for name in config["rule_files"]] == [True]


def test_alerts_use_metrics_that_are_exported() -> None:
    used = {name: metrics_in(expression) for name, expression in alert_expressions().items()}
    assert all(used.values())
    assert set().union(*used.values()) <= METRIC_NAMES | BUILT_IN_METRICS


def test_every_alert_leads_to_its_entry_in_the_run_book_and_every_entry_is_of_an_alert() -> None:
    """An entry says how urgent it is, as the rule does, what to look at, and what to do."""
    rules = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    _, *entries = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").split("\n## ")
    severities: dict[str, str] = {}
    for entry in entries:
        name, _, text = entry.partition("\n")
        found = re.match(r"\n\*(Page|Ticket)\.\* Look at: .+\n\nDo: .+", text)
        assert found, name
        severities[name] = found[1].lower()
    assert severities == {rule["alert"]: rule["labels"]["severity"] for rule in rules}
    assert list(severities) == [rule["alert"] for rule in rules]
    for rule in rules:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_grafana_of_the_compose_file_opens_a_dashboard_that_exists_on_a_source_that_exists(
    compose: dict[str, Any],
) -> None:
    """Dashboards take any Prometheus; the provisioned one is the only one there, and the default."""
    home = compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / Path(home).name).is_file()
    text = (DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)


def test_docker_accepts_the_compose_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose here")
    passwords = {"KAFKA_PASSWORD": "any", "VALKEY_PASSWORD": "any"}
    subprocess.run([docker, "compose", "config", "--quiet"], cwd=ROOT, env=os.environ | passwords, check=True)
