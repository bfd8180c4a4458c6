"""Local services answer, and nothing of them is left: not after the block, not after a crash, not after kill -9."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from click.testing import CliRunner

from streams.commands.local import KEEPER_MODULE, local
from streams.kafka import topics
from streams.local import jars, kafka_broker
from streams.local.jars import LocalServiceError, jar_lock, kafka_class_path
from streams.local.services import free_ports, local_services, port_accepts
from streams.settings import load_settings
from tests import start_cache
from tests.broker_process import BrokerProcess
from tests.waiting import HANG_S, wait_until

pytestmark = pytest.mark.kafka

LINUX_DEFAULT = 32_768
"""First of the ports that Linux gives to outgoing connections."""

OWNER = """
import sys, time
from streams.local.services import local_services
with local_services(quiet=True) as services:
    print(services.bootstrap_servers, services.redis_url, flush=True)
    if sys.argv[1] == "crash":
        raise SystemError("on purpose")
    time.sleep(600)
"""


def alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


class Owner:
    """A process of its own that holds local services, with all that it started."""

    def __init__(self, scratch: Path, how: str) -> None:
        self.scratch = scratch
        environment = {**os.environ, "TMPDIR": str(scratch)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, how], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        kafka, valkey = self.process.stdout.readline().split()
        self.ports = [int(kafka.rpartition(":")[2]), int(valkey.rpartition(":")[2].removesuffix("/0"))]

    def descendants(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def left_nothing(self) -> bool:
        return not any(map(port_accepts, self.ports)) and not list(self.scratch.glob("robocall-*"))


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    one = Owner(tmp_path, "wait")
    yield one
    one.process.kill()
    one.process.wait()


def test_both_answer_and_nothing_is_left_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with local_services(quiet=True) as services:
        assert services.bootstrap_servers
        assert services.redis_url
        kafka_broker.wait_for_metadata(services.bootstrap_servers)
        assert redis.Redis.from_url(services.redis_url).ping()
        guards = [psutil.Process(pid) for pid in services.pids.values()]
        servers = [child for guard in guards for child in guard.children()]
        assert len(servers) == 2
        assert list(tmp_path.iterdir())
    assert not any(map(alive, servers + guards))
    assert list(tmp_path.iterdir()) == []


def test_a_configured_service_is_used_and_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "kafka-1:9093,kafka-2:9093")
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "")  # empty is not set
    with local_services(folder=tmp_path, configured=True, quiet=True) as services:
        assert services.bootstrap_servers == "kafka-1:9093,kafka-2:9093"
        assert services.redis_url
        assert redis.Redis.from_url(services.redis_url).ping()
        assert set(services.pids) == {"valkey"}
        assert "ROBOCALL_KAFKA_SECURITY_PROTOCOL" not in services.environment()
    with local_services(kafka=False, folder=tmp_path, configured=True, quiet=True) as services:
        assert services.bootstrap_servers is None


def test_a_broker_of_our_own_is_spoken_to_in_plaintext(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("ROBOCALL_KAFKA_SECURITY_PROTOCOL", "SSL")
    with local_services(valkey=False, folder=tmp_path, quiet=True) as services:  # not asked for what is configured
        assert services.bootstrap_servers != "127.0.0.1:1"
        for name, value in services.environment().items():
            monkeypatch.setenv(name, value)
        with topics.admin_client(load_settings()) as admin:
            assert topics.existing(admin) == set()


def test_kill_9_of_the_owner_leaves_nothing(owner: Owner) -> None:
    processes = owner.descendants()
    assert {process.name() for process in processes} >= {"java", "valkey-server"}
    owner.process.kill()
    owner.process.wait()
    wait_until(lambda: not any(map(alive, processes)), "all processes have ended")
    wait_until(owner.left_nothing, "no file is left")


def test_kill_9_of_owner_and_guards_at_once_leaves_no_process(owner: Owner) -> None:
    processes = owner.descendants()
    guards = psutil.Process(owner.process.pid).children()
    for process in [psutil.Process(owner.process.pid), *guards]:
        process.kill()
    owner.process.wait()
    if sys.platform != "linux":
        pytest.skip("only Linux lets a process die with its parent")
    wait_until(lambda: not any(map(alive, processes)), "all processes have ended")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_owner_leaves_nothing(owner: Owner, number: signal.Signals) -> None:
    processes = owner.descendants()
    owner.process.send_signal(number)
    owner.process.wait(HANG_S)
    wait_until(lambda: not any(map(alive, processes)), "all processes have ended")
    wait_until(owner.left_nothing, "no file is left")


def test_an_exception_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    owner = Owner(tmp_path, "crash")
    assert owner.process.wait(HANG_S) == 1
    assert owner.left_nothing()


def test_a_server_that_ends_is_one_sentence_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=7\n")
    wanted = pytest.raises(LocalServiceError, match=r"local Kafka did not start; its log ends with: .*node id 7")
    with contextlib.ExitStack() as stack, wanted:
        stack.enter_context(local_services(valkey=False, folder=tmp_path, quiet=True))


def test_data_in_a_given_folder_outlive_the_services(tmp_path: Path) -> None:
    for expected in (None, b"kept"):
        with local_services(kafka=False, folder=tmp_path, quiet=True) as services:
            assert services.redis_url
            assert services.bootstrap_servers is None
            with redis.Redis.from_url(services.redis_url) as client:
                assert client.get("key") == expected
                client.set("key", b"kept")


def test_a_broker_finds_its_topics_again_in_a_given_folder(tmp_path: Path) -> None:
    for expected in (set(), set(topics.TOPIC_BY_NAME)):
        with contextlib.ExitStack() as stack:
            services = stack.enter_context(local_services(valkey=False, folder=tmp_path, quiet=True))
            settings = load_settings(kafka_bootstrap_servers=services.bootstrap_servers)
            admin = stack.enter_context(topics.admin_client(settings))
            assert topics.existing(admin) == expected
            topics.create(admin, partitions=1)


@pytest.mark.parametrize("taken", [0, 1, 2], ids=["broker", "controller", "valkey"])
def test_a_port_that_was_taken_in_between_is_given_up(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first = True

    def ports(count: int) -> list[int]:
        nonlocal first
        found = free_ports(count)
        if first:
            found[taken] = blocker.getsockname()[1]
            first = False
        return found

    with socket.socket() as blocker:
        blocker.bind(("127.0.0.1", 0))  # bound, not listening: it can neither be connected to nor bound again
        monkeypatch.setattr("streams.local.services.free_ports", ports)
        with local_services(quiet=True) as services:
            assert not first
            assert services.bootstrap_servers != f"127.0.0.1:{blocker.getsockname()[1]}"


def test_cluster_ids_are_never_taken_for_an_option() -> None:
    ids = [kafka_broker.new_cluster_id() for _ in range(1_000)]  # 1 in 64 would start with a minus
    assert not [one for one in ids if one.startswith("-")]
    assert {len(one) for one in ids} == {22}


def test_a_free_port_is_given_once_though_nobody_listens_on_it_yet() -> None:
    """Who asks for one starts a process with it, which takes seconds; the next one asks meanwhile."""
    ports = [port for _ in range(200) for port in free_ports(3)]
    assert len(set(ports)) == len(ports)


def test_no_outgoing_connection_takes_a_free_port() -> None:
    limits = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(limits.read_text().split()[0]) if limits.exists() else 0
    if first < LINUX_DEFAULT:
        pytest.skip("this system gives other ports than Linux by default to outgoing connections")
    assert max(free_ports(200)) < LINUX_DEFAULT


def test_up_status_down(tmp_path: Path) -> None:
    folder = ["--folder", str(tmp_path / "mine")]
    try:
        started = CliRunner().invoke(local, ["up", *folder])
        assert started.exit_code == 0, started.output
        names = [line.split("=")[0] for line in started.stdout.splitlines()]
        assert names == ["export ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "export ROBOCALL_REDIS_URL"]
        assert CliRunner().invoke(local, ["up", *folder]).stdout == started.stdout
        assert CliRunner().invoke(local, ["status", *folder]).stdout == started.stdout
        keeper = psutil.Process(json.loads((tmp_path / "mine" / "state.json").read_text())["keeper"])
        processes = [keeper, *keeper.children(recursive=True)]
        assert len(processes) == 5
    finally:
        stopped = CliRunner().invoke(local, ["down", "--delete", *folder])
    assert (stopped.exit_code, stopped.stderr) == (0, "stopped\n")
    assert not any(map(alive, processes))
    assert CliRunner().invoke(local, ["status", *folder]).exit_code == 1
    assert not (tmp_path / "mine").exists()


def test_down_waits_until_the_keeper_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that gives back much memory has no command line for a while, and is not gone yet."""
    monkeypatch.setattr("streams.commands.local.POLL_SECONDS", 0.001)
    code = "import sys; held = b'x' * 400_000_000; print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", code, KEEPER_MODULE]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout
        keeper.stdout.readline()
        state = {"keeper": keeper.pid, "bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}
        (tmp_path / "state.json").write_text(json.dumps(state))
        stopped = CliRunner().invoke(local, ["down", "--folder", str(tmp_path)])
        assert not alive(psutil.Process(keeper.pid))
    assert (stopped.exit_code, stopped.stderr) == (0, "stopped\n")


def test_the_folder_of_a_broker_does_not_depend_on_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `cd`, `robocall local up` finds the broker that runs, and starts no second one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    answers = set()
    for here in (tmp_path, Path("/")):
        monkeypatch.chdir(here)
        answers.add(CliRunner().invoke(local, ["status"]).stderr)

    assert answers == {f"nothing runs for {tmp_path / 'data/robocall/local'}: start with `robocall local up`\n"}


def test_down_never_stops_a_stranger(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        state = {"keeper": stranger.pid, "bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}
        (tmp_path / "state.json").write_text(json.dumps(state))
        stopped = CliRunner().invoke(local, ["down", "--folder", str(tmp_path)])
        assert (stopped.exit_code, stopped.stderr) == (0, "nothing was running\n")
        assert stranger.poll() is None


def test_a_damaged_jar_is_fetched_again_and_two_processes_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One downloads, the other waits for it; a file that was cut off is replaced."""
    jars = [Path(one) for one in kafka_class_path(quiet=True).split(os.pathsep)]
    folder = tmp_path / "robocall" / jars[0].parent.name
    shutil.copytree(jars[0].parent, folder)
    smallest = min(folder.glob("*.jar"), key=lambda jar: jar.stat().st_size)
    whole = smallest.read_bytes()
    smallest.write_bytes(b"cut off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = "from streams.local.jars import kafka_class_path; print(kafka_class_path(quiet=True))"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {one.communicate()[0] for one in both}
    assert len(outputs) == 1
    assert smallest.read_bytes() == whole
    assert [one for one in folder.iterdir() if one.suffix != ".jar"] == []


def test_a_jar_with_another_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a repository delivers, only the pinned bytes are ever run."""
    lock = jar_lock()
    path, jar = min(lock.jars.items(), key=lambda item: item[1].bytes)
    foreign = jars.JarLock(kafka=lock.kafka, jars={path: jars.Jar(bytes=jar.bytes, sha256="0" * 64)})
    monkeypatch.setattr(jars, "jar_lock", lambda: foreign)
    monkeypatch.setattr(jars, "TRIES", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LocalServiceError, match=r"cannot fetch .*another digest than pinned"):
        kafka_class_path(quiet=True)
    assert not list(tmp_path.rglob("*.jar"))


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of downloads of its own, with all jars and nothing learnt."""
    jars = Path(kafka_class_path(quiet=True).split(os.pathsep)[0]).parent
    folder = tmp_path / "robocall"
    shutil.copytree(jars, folder / jars.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return folder


def test_what_java_learnt_is_made_once_and_java_starts_by_it(downloads: Path) -> None:
    """Two make it at once; Java, told to start with it or not at all, starts."""
    code = "from tests import start_cache; start_cache.make()"
    for one in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]:
        assert one.wait() == 0

    (made,) = downloads.glob("*.aot")
    first_s = made.stat().st_mtime
    start_cache.make()
    assert made.stat().st_mtime == first_s
    java, class_path = str(kafka_broker.java()), kafka_class_path(quiet=True)
    strict = [java, "-XX:+UseSerialGC", f"-XX:AOTCache={made}", "-XX:AOTMode=on", "-cp", class_path]
    words = [*strict, "kafka.tools.StorageTool", "random-uuid"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("downloads")
def test_a_broker_starts_though_what_java_learnt_is_damaged(tmp_path: Path) -> None:
    kafka_broker.start_cache().write_bytes(b"cut off")
    broker = BrokerProcess(tmp_path)

    broker.start()

    assert broker.is_running
    broker.stop()
