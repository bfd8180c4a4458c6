"""What the demo prepares for people: a user, a register of the providers of its traffic, and ports that are free."""

import socket
from pathlib import Path

import pytest
from rich.console import Console

from models.serve.artifact import SHIPPED
from models.traffic.first.actors import build_network
from models.traffic.first.generate import generate
from models.traffic.first.spec import TrafficSpec
from streams.commands.demo.desk import CONSOLE, USER, invented_upstreams, prepared_desk, running_console
from streams.commands.demo.processes import is_healthy
from streams.console.passwords import is_password
from streams.console.roles import Role
from streams.console.users import read_users
from streams.errors import DemoFailed
from streams.local.services import KAFKA_VARIABLE, free_ports
from streams.upstreams.entries import UpstreamRole, load_upstreams
from tests.typed import typed

SEED = 11


def test_the_user_may_do_everything_and_signs_in_by_the_password_that_is_shown() -> None:
    desk = prepared_desk(SEED, SHIPPED)

    account = read_users(Path(desk.settings["ROBOCALL_CONSOLE_USERS_FILE"])).find(USER)

    assert account is not None
    assert account.role is Role.ADMIN
    assert is_password(desk.password, account.password)
    assert f"http://127.0.0.1:{desk.ports[CONSOLE]}" in desk.invitation
    assert desk.password in desk.invitation


def test_questions_about_other_calls_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOCALL_CONSOLE_QUESTIONS_FILE", "questions.csv")

    assert prepared_desk(SEED, SHIPPED).settings["ROBOCALL_CONSOLE_QUESTIONS_FILE"] == ""


def test_the_register_names_the_provider_behind_each_trunk_group_of_the_traffic() -> None:
    """The demo's traffic has the same network, whatever its rate: a traceback says whom to ask."""
    register = load_upstreams(Path(prepared_desk(SEED, SHIPPED).settings["ROBOCALL_UPSTREAMS_FILE"]))

    part = next(iter(generate(TrafficSpec(seed=SEED, hours=0.01, calls_per_second=50.0, rhythm=False, warm=True))))

    named = {one.trunk_group_id for one in register}
    lines = [line for line in part.json_lines() if '"type":"call_setup"' in line]
    assert lines
    assert {line.split('"trunk_group_id":"')[1].split('"')[0] for line in lines} <= named
    assert [one.ocn for one in register] == list(build_network(TrafficSpec(seed=SEED)).trunk_ocns)
    assert {one.role for one in register} == {UpstreamRole.ORIGINATING, UpstreamRole.INTERMEDIATE}


def test_a_traffic_of_another_seed_has_other_providers() -> None:
    assert [one.ocn for one in invented_upstreams(1)] != [one.ocn for one in invented_upstreams(2)]


def test_where_somebody_has_the_port_of_the_console_another_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("ROBOCALL_CONSOLE_PORT", str(port))
        assert prepared_desk(SEED, SHIPPED).ports[CONSOLE] != port

    assert prepared_desk(SEED, SHIPPED).ports[CONSOLE] == port


def test_where_somebody_takes_the_port_at_the_last_moment_the_console_has_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two demos at once one ended, or invited people to the console of the other, which has another password."""
    for name, value in prepared_desk(SEED, SHIPPED).settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(KAFKA_VARIABLE, "127.0.0.1:9")
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        running_console(other.getsockname()[1], tmp_path, Console(quiet=True), print) as found,
    ):
        assert found.port != other.getsockname()[1]
        assert found.is_up()
        assert is_healthy(found.port)


def test_a_console_that_ends_for_another_reason_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOCALL_CONSOLE_USERS_FILE", str(tmp_path / "none.json"))
    (port,) = free_ports(1)
    with (
        pytest.raises(DemoFailed, match=r"none\.json"),
        running_console(port, tmp_path, Console(quiet=True), print),
    ):
        pass
    assert [place.name for place in tmp_path.iterdir()] == [str(port)]


def test_it_takes_no_kafka_that_others_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried in the console would be a case, a list entry and feedback there."""
    monkeypatch.setenv(KAFKA_VARIABLE, "127.0.0.1:9")
    monkeypatch.delenv("ROBOCALL_REDIS_URL", raising=False)

    done = typed("demo", "--console")

    assert done.exit_code == 2
    assert f"unset {KAFKA_VARIABLE}" in done.output
