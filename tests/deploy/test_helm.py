"""The chart of `deploy/helm`, rendered by helm where there is one: settings exist, and no process has rights."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from streams.archive.settings import ArchiveSettings
from streams.bridge.peers import load_peers
from streams.bridge.settings import BridgeSettings
from streams.campaigns.settings import CampaignSettings
from streams.commands.main import COMMANDS
from streams.console.settings import ConsoleSettings
from streams.settings import load_settings
from streams.trust.settings import TrustSettings
from streams.unknown_settings import unknown_keys
from streams.verifying.settings import VerifySettings

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "robocall-detector"
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
OLDEST = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["kubeVersion"].removeprefix(">=")
VERSIONS = (OLDEST.removesuffix("-0"), kubernetes_validate.latest_version())
"""Of Kubernetes: what the chart renders fits the schemas of both."""
PROMETHEUS = CHART.parents[1] / "prometheus" / "prometheus.yml"
PEER = {"name": "sbc", "addresses": ["10.0.0.0/8"], "profile": "clearip", "trunk_group_id": "tg-1"}
EVERYTHING: dict[str, Any] = {
    "secret": "logins",
    "filesSecret": "given",
    "settings": {
        "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "ROBOCALL_AWAIT_LISTS": True,
        "ROBOCALL_SIDE_WAITING_BYTES": 67_108_864,
    },
    "worker": {"settings": {"ROBOCALL_AWAIT_LISTS": False}},
    "bridge": {"enabled": True, "peers": [PEER], "settings": {"ROBOCALL_BRIDGE_DEADLINE_MS": 60}},
    "verify": {"enabled": True, "anchors": "-----BEGIN CERTIFICATE-----"},
    "console": {
        "enabled": True,
        "secret": "console",
        "firstUser": {"name": "ada", "secret": "first", "key": "password"},
    },
    "podMonitor": {"enabled": True},
}
SERVICES = {"worker", "bridge", "verify", "campaigns", "archive", "console"}


def values() -> dict[str, Any]:
    """Those that the chart has by itself."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return found


def fits_kubernetes(objects: list[dict[str, Any]]) -> None:
    """No field is misspelt, misplaced or of a wrong type. What the Prometheus operator defines has no schema here."""
    for one in objects:
        if one["apiVersion"] != "monitoring.coreos.com/v1":
            for version in VERSIONS:
                kubernetes_validate.validate(one, version, strict=True)


def rendered(folder: Path, changes: dict[str, Any]) -> list[dict[str, Any]]:
    """What would be installed, which Kubernetes understands, or skip where there is no helm."""
    helm = shutil.which("helm")
    if helm is None:
        pytest.skip("no helm here: .ci/helm FOLDER builds one")
    mine = folder / "mine.yaml"
    mine.write_text(yaml.safe_dump(changes), encoding="utf-8")
    environment = os.environ | {"HELM_CACHE_HOME": str(folder), "HELM_CONFIG_HOME": str(folder)}
    options = ["--values", str(mine), "--kube-version", "1.31.0", "--namespace", "calls"]
    subprocess.run([helm, "lint", "--strict", str(CHART), "--values", str(mine)], env=environment, check=True)
    done = subprocess.run(
        [helm, "template", "rc", str(CHART), *options], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    objects = [one for one in yaml.safe_load_all(done.stdout) if one]
    fits_kubernetes(objects)
    return objects


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return rendered(tmp_path_factory.mktemp("helm"), EVERYTHING)


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """By name, without the release's."""
    return {one["metadata"]["name"].removeprefix("rc-"): one for one in objects if one["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Specs of all pods, by service."""
    owners = of_kind(objects, "StatefulSet") | of_kind(objects, "Job")
    return {name: one["spec"]["template"]["spec"] for name, one in owners.items()}


def containers(objects: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """With those that run before, each with its service."""
    return [
        (name, one) for name, pod in pods(objects).items() for one in pod["containers"] + pod.get("initContainers", [])
    ]


def environment(container: dict[str, Any]) -> dict[str, str]:
    """Variables that are set to a text."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    """A letter is enough."""
    container = {"name": "worker", "image": "robocall-detector", "imagePullPolicy": "Always"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"}, "spec": {"containers": [container]}}
    fits_kubernetes([pod])
    container["imagePullPolice"] = container.pop("imagePullPolicy")
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolice"):
        fits_kubernetes([pod])


def test_the_values_fit_their_schema() -> None:
    jsonschema.validate(values(), SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("settings.ROBOCALL_MODE", "enforce"),
        ("settings.robocall_mode", "shadow"),
        ("worker.replica", 3),
        ("campaigns.replicas", 2),
        ("console.replicas", 2),
        ("bridge.enabled", True),
        ("console.enabled", True),
        ("archive.storage", "much"),
        ("claims.policy", "No claim"),
        ("claims.snapshots", "ours"),
    ],
)
def test_a_value_that_cannot_work_is_refused(path: str, value: object) -> None:
    """Enforce without a contact, misspelt names, two of what must be one, nobody who may ask or sign in."""
    changed = values()
    jsonschema.validate(changed, SCHEMA)
    *folders, name = path.split(".")
    place = changed
    for folder in folders:
        place = place[folder]
    place[name] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, SCHEMA)


OPENID = {"ROBOCALL_CONSOLE_OIDC_ISSUER": "https://login.example.net", "ROBOCALL_CONSOLE_OIDC_CLIENT_ID": "console"}


def test_a_console_with_a_provider_needs_no_first_user() -> None:
    """Whoever the provider names may sign in; without either nobody could."""
    changed = values()
    changed["console"]["enabled"] = True
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, SCHEMA)
    changed["console"]["settings"] = OPENID
    jsonschema.validate(changed, SCHEMA)


def test_then_nothing_runs_before_it(tmp_path: Path) -> None:
    """It mounts no Secret that is not there."""
    console = {"enabled": True, "secret": "console", "settings": OPENID}
    pod = pods(rendered(tmp_path, {"console": console, "secret": "logins"}))["console"]
    assert "initContainers" not in pod
    assert "first" not in {one["name"] for one in pod["volumes"]}


CLAIMS = {"policy": "our-policy", "models": "our-models"}


def test_what_a_claim_holds_is_named_once() -> None:
    """A setting would win over the claim, and workers and console would not agree."""
    for claim, setting in (("policy", "ROBOCALL_POLICY_FILE"), ("models", "ROBOCALL_MODELS_URL")):
        changed = values()
        changed["settings"][setting] = "elsewhere"
        jsonschema.validate(changed, SCHEMA)
        changed["claims"][claim] = "ours"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed, SCHEMA)


def test_the_console_writes_what_claims_hold_and_workers_read_it(tmp_path: Path) -> None:
    """At one path, and no other service sees it."""
    found = rendered(tmp_path, EVERYTHING | {"claims": CLAIMS})
    for name, container in containers(found):
        mounts = {one["name"]: one for one in container["volumeMounts"] if one["name"] in CLAIMS}
        settings = environment(container)
        if name not in {"worker", "console"}:
            assert mounts == {}
            continue
        assert {key: one["readOnly"] for key, one in mounts.items()} == dict.fromkeys(CLAIMS, name == "worker")
        assert settings["ROBOCALL_POLICY_FILE"] == f"{mounts['policy']['mountPath']}/policy.yaml"
        assert settings["ROBOCALL_MODELS_URL"] == mounts["models"]["mountPath"]
    for name in ("worker", "console"):
        volumes = {one["name"]: one for one in pods(found)[name]["volumes"]}
        assert {key: volumes[key]["persistentVolumeClaim"]["claimName"] for key in CLAIMS} == CLAIMS


def test_a_policy_that_the_console_saves_says_by_itself_whether_it_enforces(tmp_path: Path) -> None:
    """A mode of ours would win over it; without a claim nothing is enforced before somebody says so."""
    for changes, mode in (
        ({}, "shadow"),
        ({"claims": CLAIMS}, None),
        ({"settings": {"ROBOCALL_MODE": "shadow"}, "claims": CLAIMS}, "shadow"),
    ):
        worker = dict(containers(rendered(tmp_path, changes)))["worker"]
        assert environment(worker).get("ROBOCALL_MODE") == mode


def test_each_service_starts_its_command(everything: list[dict[str, Any]]) -> None:
    """Those of the contract's topics are made first."""
    found = {name: pod["containers"][0]["args"] for name, pod in pods(everything).items()}
    assert set(found) == SERVICES | {"topics"}
    assert {arguments[0] for arguments in found.values()} <= set(COMMANDS)
    assert found["topics"] == ["topics", "create", "--partitions", "12", "--replication-factor", "3"]
    assert (found["archive"], found["campaigns"]) == (["archive", "run"], ["campaigns", "run"])


def test_its_settings_exist_and_are_in_their_bounds(
    everything: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the peers and anchors of the chart where it puts them."""
    files = {name: text for one in of_kind(everything, "ConfigMap").values() for name, text in one["data"].items()}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_peers(tmp_path / "peers.yaml").find("10.1.2.3") is not None
    for _, container in containers(everything):
        found = environment(container)
        assert unknown_keys(found) == []
        with monkeypatch.context() as patch:
            for name, value in found.items():
                patch.setenv(name, value)
            load_settings()
            ArchiveSettings.load()
            BridgeSettings.load()
            CampaignSettings.load()
            ConsoleSettings.load()
            TrustSettings.load()
            VerifySettings.load()


def test_what_a_service_is_given_wins_and_logins_come_from_secrets(everything: list[dict[str, Any]]) -> None:
    """False wins over true, and large numbers stay whole. The service's own Secret is read after that of all."""
    found = dict(containers(everything))
    waits = {name: environment(found[name])["ROBOCALL_AWAIT_LISTS"] for name in ("worker", "bridge")}
    assert waits == {"worker": "false", "bridge": "true"}
    assert environment(found["worker"])["ROBOCALL_SIDE_WAITING_BYTES"] == "67108864"
    assert environment(found["bridge"])["ROBOCALL_BRIDGE_DEADLINE_MS"] == "60"
    assert (
        environment(found["topics"])["ROBOCALL_VERIFY_TOPIC"] == environment(found["verify"])["ROBOCALL_VERIFY_TOPIC"]
    )
    secrets = [[one["secretRef"]["name"] for one in found[name]["envFrom"]] for name in ("worker", "console")]
    assert secrets == [["logins"], ["logins", "console"]]
    (identity,) = (one for one in found["worker"]["env"] if one["name"] == "ROBOCALL_INSTANCE_ID")
    assert identity["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_no_process_has_rights_or_shares_a_folder(everything: list[dict[str, Any]]) -> None:
    """Each pod has its own volume; what it may write is that, and what ends with it."""
    for pod in pods(everything).values():
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= {"emptyDir", "configMap", "secret"}
    for _, container in containers(everything):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert {"name": "given", "mountPath": "/etc/robocall-files", "readOnly": True} in container["volumeMounts"]
        writable = [one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")]
        assert set(writable) <= {"/tmp", "/home/robocall/.cache", "/var/lib/robocall"}  # noqa: S108 - of the container
    claims = {name: one["spec"].get("volumeClaimTemplates") for name, one in of_kind(everything, "StatefulSet").items()}
    assert {name for name, claimed in claims.items() if claimed} == {"worker", "verify", "archive", "console"}
    for pod in pods(everything).values():
        volumes = {one["name"] for one in pod["volumes"]}
        mounted = {one["name"] for container in pod["containers"] for one in container["volumeMounts"]}
        assert mounted - volumes <= {"state"}


def test_ports_are_those_of_the_settings_and_jobs_those_of_the_alerts(everything: list[dict[str, Any]]) -> None:
    """Prometheus finds each by the name that the alerts know."""
    jobs: dict[str, str] = {}
    for name, one in of_kind(everything, "StatefulSet").items():
        template = one["spec"]["template"]
        (container,) = template["spec"]["containers"]
        (port,) = (port["containerPort"] for port in container["ports"] if port["name"] == "web")
        ports = {value for key, value in environment(container).items() if re.search(r"(WEB|CONSOLE)_PORT$", key)}
        assert ports == {str(port)}
        assert of_kind(everything, "Service")[f"{name}-pods"]["spec"]["ports"] == [{"name": "web", "port": port}]
        labels = template["metadata"]["labels"]
        assert labels.items() >= one["spec"]["selector"]["matchLabels"].items()
        jobs |= {labels["robocall-job"]: name} if "robocall-job" in labels else {}
    configured = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))["scrape_configs"]
    assert set(jobs) == {job["job_name"] for job in configured}
    (monitor,) = of_kind(everything, "PodMonitor").values()
    assert monitor["spec"]["jobLabel"] == "robocall-job"


def test_with_its_own_values_the_chart_has_what_decides_and_keeps(tmp_path: Path) -> None:
    """Nobody asks a bridge without peers, and nobody signs in to a console without users."""
    found = rendered(tmp_path, {})
    assert set(of_kind(found, "StatefulSet")) == {"worker", "campaigns", "archive"}
    assert of_kind(found, "PodMonitor") == {}
