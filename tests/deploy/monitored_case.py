"""Every process that exposes metrics, on a broker and a store of their own, with calls of all kinds; and Prometheus.

One worker watches and enforces do-not-originate alone, so that there are real blocks and such as were only tried.
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import Producer

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import load
from streams.kafka.topics import CALL_EVENTS, CALL_FEEDBACK
from streams.local.services import free_ports, port_accepts
from tests.broker_process import broker_process
from tests.integration.bridge.sip_dip_case import IMPOSSIBLE, Bridge, says
from tests.models.small_model import save_small_model
from tests.processes import PATIENT, ROOT, Worker, needs, robocall
from tests.streams.bridge.sip.sip_case import invite
from tests.streams.trust.signed_calls import setup, signed_now, trust_environment
from tests.valkey_process import ValkeyProcess
from tests.waiting import HANG_S, wait_until

LISTED = "+12025550148"
RAW = "unverified-calls"
CALLS_FOR_DRIFT = 12_000
"""More than a worker wants before it says whether scores have moved."""
COMMANDS = {"archive": ("archive", "run"), "campaigns": ("campaigns", "run"), "verify": ("verify",)}
POLICY = "mode: shadow\ndno: {mode: enforce}\n"
DEPLOYED = ROOT / "deploy" / "prometheus"


class Fleet:
    """All of it, healthy.

    Attributes:
        ports: of each page of metrics, by the job that Prometheus has for it.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, stack: ExitStack) -> None:
        self._producer = Producer({"bootstrap.servers": environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"]})
        self._calls = 0
        self._worker = Worker(dict(environment), folder / "worker.log")
        stack.callback(_ended, self._worker.process, self._worker.log)
        self._bridge = Bridge(dict(environment), folder)
        stack.callback(_ended, self._bridge.process, self._bridge.log)
        self.ports = {"robocall": self._worker.port, "robocall-bridge": self._bridge.web_port}
        for name, arguments in COMMANDS.items():
            (port,) = free_ports(1)
            settings = dict(environment) | {f"ROBOCALL_{name.upper()}_WEB_PORT": str(port)}
            one = Worker(settings, folder / f"{name}.log", ("-m", "streams.commands.main", *arguments))
            stack.callback(_ended, one.process, one.log)
            self.ports[f"robocall-{name}"] = port

    def wait(self) -> None:
        """Until each is up and the worker decides."""
        wait_until(lambda: self._worker.health().get("status") == "ok", "the worker decides")
        wait_until(self._bridge.is_healthy, "the bridge says that decisions come")
        wait_until(lambda: all(port_accepts(port) for port in self.ports.values()), "each serves its metrics")

    def page(self, job: str) -> str:
        """Its metrics, as Prometheus would get them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[job]}/metrics", timeout=HANG_S) as page:
            return str(page.read().decode())

    def call_many(self) -> None:
        """As many lawful calls as it takes to tell whether the scores have moved."""
        for _ in range(CALLS_FOR_DRIFT):
            self._publish(f"+1312555{self._calls % 10_000:04}")
        assert self._producer.flush(HANG_S) == 0

    def call(self) -> None:
        """A listed caller, an impossible and a lawful one, one by SIP, raw ones, junk, and somebody who complains."""
        for number in (LISTED, IMPOSSIBLE, "+13125550187"):
            self._publish(number)
        self._producer.produce(CALL_EVENTS, key="junk", value=b"poison")
        call_id = f"raw-{self._calls}"
        signed = signed_now("https://127.0.0.1:443/nobody.pem", origid=call_id)
        for raw in (setup(call_id, signed), setup(f"{call_id}-unsigned")):
            self._producer.produce(RAW, key=raw["calling_number"], value=json.dumps(raw))
        said = {"time_ms": _now_ms(), "verdict": "legitimate", "source": "redress", "calling_number": LISTED}
        self._producer.produce(CALL_FEEDBACK, key=LISTED, value=json.dumps(said))
        assert self._producer.flush(HANG_S) == 0
        says(invite(call_id=f"sip-{self._calls}@192.0.2.10"), self._bridge.port)

    def _publish(self, number: str) -> None:
        self._calls += 1
        event = {"type": "call_setup", "call_id": f"call-{self._calls}", "setup_time_ms": _now_ms(),
                 "calling_number": number, "called_number": f"+1212555{self._calls % 10_000:04}",
                 "trunk_group_id": "tg-1"}  # fmt: skip
        self._producer.produce(CALL_EVENTS, key=number, value=json.dumps(event))
        self._producer.poll(0)


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Start all of it, with a second model in the shadow; at the end nothing is left."""
    with ExitStack() as stack:
        broker = stack.enter_context(broker_process(folder / "broker"))
        store = ValkeyProcess(folder)
        stack.callback(store.kill)
        store.start()
        policy = folder / "policy.yaml"
        (folder / "numbers").mkdir(mode=0o700)
        policy.write_text(POLICY, encoding="utf-8")
        for seed, name in ((1, "first"), (2, "second")):
            save_small_model(folder / "models" / name, seed=seed)
        environment = {
            "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "ROBOCALL_REDIS_URL": store.url,
            "ROBOCALL_AWAIT_LISTS": "true",
            "ROBOCALL_MODEL_DIR": str(folder / "models" / "first"),
            "ROBOCALL_POLICY_FILE": str(policy),
            "ROBOCALL_PARTITIONS": "2",
            "ROBOCALL_SNAPSHOT_INTERVAL_S": "1",
            "ROBOCALL_ARCHIVE_URL": str(folder / "archive"),
            "ROBOCALL_ARCHIVE_FLUSH_S": "1",
            "ROBOCALL_CAMPAIGNS_PUBLISH_S": "1",
            "ROBOCALL_NUMBERS_URL": str(folder / "numbers"),
            "ROBOCALL_VERIFY_TOPIC": RAW,
            **trust_environment(folder),
            **PATIENT,
        }
        robocall("topics", "create", "--partitions", "2", "--replication-factor", "1", environment=environment)
        robocall("lists", "add", "block", LISTED, environment=environment)
        second = load(folder / "models" / "second", schema_id=FEATURE_SCHEMA_ID).version
        running = Fleet(environment, folder, stack)
        running.wait()
        robocall("models", "shadow", second, environment=environment)
        yield running


class Prometheus:
    """The real one, with the jobs and rules of `deploy`, which asks `ports` once a second."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        (self._port,) = free_ports(1)
        config = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(DEPLOYED / "alerts.yml")]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
        folder.mkdir()
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [needs_prometheus(), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder}",
                 f"--web.listen-address=127.0.0.1:{self._port}"],
                stdout=out, stderr=out,
            )  # fmt: skip

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._get("query", query="vector(1)"))
        except OSError:
            assert self.process.poll() is None, self.log.read_text(errors="replace")
            return False

    def result(self, expression: str) -> list[Any]:
        """Series that an expression has now; a bad one is an error, with what Prometheus says."""
        found: list[Any] = self._get("query", query=expression)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All rules, each with `health` and `lastError`."""
        groups = self._get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _get(self, what: str, **question: str) -> Any:
        try:
            asked = urllib.parse.urlencode(question)
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/{what}?{asked}", timeout=HANG_S) as page:
                return json.load(page)["data"]
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:  # it still starts
                raise
            raise AssertionError(f"{question}: {error.read().decode()}") from error


def needs_prometheus() -> str:
    """Path of Prometheus."""
    return needs("prometheus", "prometheus")


def _ended(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    else:
        sys.stderr.write(log.read_text(errors="replace")[-3_000:])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
