"""What `docker-compose.yml` tells Kafka and Valkey, told to real ones: nobody gets in without the passwords."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from streams.kafka.topics import admin_client
from streams.local.services import free_ports, port_accepts
from streams.local.valkey_server import command
from streams.settings import Settings, load_settings
from tests.broker_process import BrokerProcess
from tests.deploy.compose_file import services_with
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
ENDPOINT = re.compile(r"(HOST|INSIDE)://[^:,]*:\d+")


def made(folder: Path) -> dict[str, str]:
    """Run the script in a copy of its folder; return what it made."""
    (folder / "deploy").mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy" / "passwords.sh", folder / "deploy")
    subprocess.run([folder / "deploy" / "passwords.sh"], check=True, capture_output=True)
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_passwords_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert {name: len(value) for name, value in first.items()} == {"KAFKA_PASSWORD": 48, "VALKEY_PASSWORD": 48}
    assert len(set(first.values())) == 2
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert made(tmp_path) == first
    ignored = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode == 0


@pytest.mark.kafka
@pytest.mark.slow
def test_kafka_lets_in_who_has_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image turns KAFKA_A_B into the property a.b; ports and addresses are those of this machine."""
    services = services_with(made(tmp_path))
    told = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in services["kafka"]["environment"].items()
        if "SASL" in name or "PROTOCOL_MAP" in name or "INTER_BROKER" in name
    }
    host, inside = free_ports(2)
    listeners = f"HOST://127.0.0.1:{host},INSIDE://127.0.0.1:{inside}"
    told |= {"listeners": f"{listeners},CONTROLLER://127.0.0.1:{{controller_port}}", "advertised.listeners": listeners}
    assert len(ENDPOINT.findall(services["kafka"]["environment"]["KAFKA_LISTENERS"])) == 2
    folder = tmp_path / "kafka"
    folder.mkdir()
    broker = BrokerProcess(folder, port=host, properties="".join(f"{name}={value}\n" for name, value in told.items()))
    broker.start(wait=False)
    try:
        for name, value in services["worker-1"]["environment"].items():
            if "KAFKA" in name:
                monkeypatch.setenv(name, str(value))
        for port in (host, inside):
            wait_until(lambda port=port: port_accepts(port), "the broker accepts")  # type: ignore[misc]
            ours = load_settings(kafka_bootstrap_servers=f"127.0.0.1:{port}")
            wait_until(lambda ours=ours: answers(ours), "it lets our user in")  # type: ignore[misc]
            assert not answers(ours.model_copy(update={"kafka_sasl_password": SecretStr("guess")}))
            assert not answers(ours.model_copy(update={"kafka_security_protocol": "PLAINTEXT"}))
    finally:
        broker.kill()


def answers(settings: Settings) -> bool:
    """Whether the broker says what topics there are."""
    try:
        with admin_client(settings) as admin:
            return admin.list_topics() is not None
    except Exception:  # noqa: BLE001 - whatever it is, we are not in
        return False


def test_valkey_lets_in_who_has_the_password(tmp_path: Path) -> None:
    services = services_with(passwords := made(tmp_path))
    (port,) = free_ports(1)
    server, *options = services["valkey"]["command"]
    assert server == "valkey-server"
    folder = tmp_path / "valkey"
    folder.mkdir()
    process = subprocess.Popen([*command(folder, port=port, keep=False), *options], env=os.environ, cwd=folder)
    try:
        wait_until(lambda: port_accepts(port), "the server accepts")
        url = services["worker-1"]["environment"]["ROBOCALL_REDIS_URL"].replace("valkey:6379", f"127.0.0.1:{port}")
        with redis.Redis.from_url(url) as ours:
            assert ours.ping()
        assert services["valkey"]["environment"] == {"REDISCLI_AUTH": passwords["VALKEY_PASSWORD"]}
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        process.kill()
        process.wait()
