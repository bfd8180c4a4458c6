"""What Java knows after it has started the local Kafka once, so that later brokers start in half the time.

It is a cache of classes that are loaded and linked (JEP 483 and 514). To make it takes 16 s, which nobody wants to
wait for who starts one broker. The tests start hundreds, and leave it to whoever starts one later.
"""

import subprocess
import tempfile
from pathlib import Path

from streams.local import kafka_broker
from streams.local.guard import die_with_parent
from streams.local.jars import cache_folder, only_one
from streams.local.services import free_ports
from tests.waiting import HANG_S

HEAP_MB = 256


def make() -> None:
    """Start a broker, end it, and keep what Java learnt, unless that is there; blocks for a quarter of a minute.

    Several processes may call it at once: one makes it, the others wait.
    """
    wanted = kafka_broker.start_cache()
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with only_one(wanted.with_suffix(".lock")):
        if wanted.exists():
            return
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            _learn(Path(folder)).replace(wanted)


def _learn(folder: Path) -> Path:
    port, controller_port = free_ports(2)
    prepare, (java, *options) = kafka_broker.commands(
        folder, port=port, controller_port=controller_port, heap_mb=HEAP_MB, fast_start=True
    )
    subprocess.run(prepare, check=True, capture_output=True, timeout=HANG_S)
    made = folder / "made.aot"
    broker = subprocess.Popen(
        [java, f"-XX:AOTCacheOutput={made}", *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,  # noqa: PLW1509
    )  # fmt: skip
    try:
        kafka_broker.wait_for_metadata(f"127.0.0.1:{port}")
        broker.terminate()
        broker.wait(HANG_S)  # it writes the cache when it ends
    finally:
        broker.kill()
        broker.wait()
    assert made.exists(), "Java did not write what it had learnt"
    return made
