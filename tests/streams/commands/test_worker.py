"""What a worker checks before it starts."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from detector.contract.decisions import Mode
from detector.contract.errors import PolicyInvalid
from detector.contract.sip import Redress
from detector.policy.settings import DoNotOriginate, Override, Policy, with_mode
from streams.commands import worker
from streams.commands.worker import require_port, run_worker
from streams.errors import PortTaken
from streams.local.services import free_ports
from streams.screening.build import policy_of, require_contact
from streams.settings import load_settings
from tests.waiting import wait_until

PLACEHOLDER = Policy()
OWN = Redress(url="https://redress.carrier.example/")


@pytest.mark.parametrize(
    "policy",
    [
        with_mode(PLACEHOLDER, Mode.ENFORCE),
        Policy(overrides=(Override("t-1", mode=Mode.ENFORCE),)),
        Policy(mode=Mode.ENFORCE, dno=DoNotOriginate(mode=Mode.SHADOW)),
    ],
)
def test_nobody_is_blocked_who_could_not_complain(policy: Policy) -> None:
    """The sentence says what to set."""
    with pytest.raises(PolicyInvalid, match=r"placeholder.*ROBOCALL_REDRESS_URL.*--mode shadow"):
        require_contact(policy)

    require_contact(replace(policy, redress=OWN))


def test_a_policy_that_only_watches_needs_no_contact() -> None:
    """Nor does one that enforces do-not-originate alone, whose answer names none."""
    require_contact(PLACEHOLDER)
    require_contact(Policy(dno=DoNotOriginate(mode=Mode.ENFORCE)))


def test_a_setting_takes_the_place_of_the_contact() -> None:
    """With any policy, and for any mode."""
    policy = policy_of(load_settings(redress_url=OWN.url, mode=Mode.ENFORCE))

    assert policy.redress == OWN
    require_contact(policy)
    with pytest.raises(PolicyInvalid, match="https"):
        policy_of(load_settings(redress_url="http://plain.example/"))


def test_a_worker_starts_where_nobody_has_saved_a_policy(tmp_path: Path) -> None:
    """By the defaults, which enforce nothing; and not where the file's name is a mistake."""
    assert policy_of(load_settings(policy_file=tmp_path / "policy.yaml")) == PLACEHOLDER

    (tmp_path / "other.yaml").write_text("mode: enforce")
    with pytest.raises(PolicyInvalid, match=r"policy\.yaml: No such file"):
        policy_of(load_settings(policy_file=tmp_path / "policy.yaml"))


def test_a_taken_port_is_named_with_what_to_do() -> None:
    """One line, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} .*: set ROBOCALL_WEB_PORT"):
            require_port("127.0.0.1", port)


def test_a_free_port_may_be_used() -> None:
    """And is free again afterwards."""
    (port,) = free_ports(1)
    require_port("127.0.0.1", port)
    require_port("127.0.0.1", port)


def test_a_worker_that_prepares_itself_logs_how_much_processor_time_that_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, also while it asks the brokers: whoever waits sees that it gets on, or that it does not."""

    class Enough(Exception):
        pass

    def asked(*_: object) -> None:
        wait_until(lambda: len([line for line in lines if "cpu_s" in line]) > 1, "two lines with processor time")
        raise Enough

    monkeypatch.setattr(worker, "EVERY_S", 0.001)
    monkeypatch.setattr(worker, "require_topics", asked)
    with structlog.testing.capture_logs() as lines, pytest.raises(Enough):
        run_worker(load_settings(web_port=0))

    assert {line["event"] for line in lines} == {"worker looks for its topics"}
