"""Settings: defaults that work on a laptop, bounds that are named, secrets that stay secret."""

from pathlib import Path
from typing import Any

import pytest

from detector.contract.decisions import Mode
from streams.errors import SettingsInvalid
from streams.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ROBOCALL_{name.upper()}", raising=False)


def test_a_laptop_needs_no_setting() -> None:
    """Loopback brokers, loopback pages, no password anywhere."""
    settings = load_settings()
    assert settings.kafka_servers == ["127.0.0.1:9092"]
    assert settings.redis_address == "redis://127.0.0.1:6379/0"
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 6066)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upper or lower case values; an empty variable is one that is not set."""
    monkeypatch.setenv("ROBOCALL_KAFKA_BOOTSTRAP_SERVERS", "one:9092, two:9093")
    monkeypatch.setenv("ROBOCALL_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("ROBOCALL_MODE", "Shadow")
    monkeypatch.setenv("ROBOCALL_POLICY_FILE", "")

    settings = load_settings()

    assert settings.kafka_servers == ["one:9092", "two:9093"]
    assert settings.log_level == "debug"
    assert settings.mode is Mode.SHADOW
    assert settings.policy_file is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"web_port": 70_000}, "ROBOCALL_WEB_PORT: Input should be less than or equal to 65535"),
    ({"kafka_bootstrap_servers": "nowhere"}, "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS: 'nowhere' is not host:port"),
    ({"kafka_bootstrap_servers": "http://a:1"}, "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS: 'http://a:1' is not host:port"),
    ({"redis_url": "127.0.0.1:6379"}, "ROBOCALL_REDIS_URL: must start with redis://, rediss:// or unix://"),
    ({"redis_url": "redis://127.0.0.1:notaport/0"}, "ROBOCALL_REDIS_URL: host or port is wrong"),
    ({"redis_url": "redis://127.0.0.1:70000/0"}, "ROBOCALL_REDIS_URL: host or port is wrong"),
    ({"redis_url": "redis://[::1:6379/0"}, "ROBOCALL_REDIS_URL: host or port is wrong"),
    ({"kafka_bootstrap_servers": "a:0"}, "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS: the port of 'a:0' is not within 1 and"),
    ({"kafka_bootstrap_servers": "a:65536"}, "ROBOCALL_KAFKA_BOOTSTRAP_SERVERS: the port of 'a:65536'"),
    ({"kafka_ssl_cafile": "/absent.pem"}, "ROBOCALL_KAFKA_SSL_CAFILE: Path does not point to a file"),
    ({"redis_tls_cafile": "/absent.pem"}, "ROBOCALL_REDIS_TLS_CAFILE: Path does not point to a file"),
    ({"kafka_security_protocol": "SASL_SSL"}, "needs ROBOCALL_KAFKA_SASL_USERNAME and ROBOCALL_KAFKA_SASL_PASSWORD"),
    ({"kafka_ssl_certfile": Path(__file__)}, "ROBOCALL_KAFKA_SSL_CERTFILE and ROBOCALL_KAFKA_SSL_KEYFILE go together"),
    ({"scored_sample_ratio": 1.5}, "ROBOCALL_SCORED_SAMPLE_RATIO: Input should be less than or equal to 1"),
    ({"instance_id": "a b"}, "ROBOCALL_INSTANCE_ID"),
]


@pytest.mark.parametrize(("values", "complaint"), WRONG)
def test_a_wrong_value_is_named_with_its_bound(values: dict[str, Any], complaint: str) -> None:
    """By the name of the variable, in one line."""
    with pytest.raises(SettingsInvalid) as raised:
        load_settings(**values)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_several_wrong_values_are_all_named() -> None:
    """One round of corrections is enough."""
    with pytest.raises(SettingsInvalid) as raised:
        load_settings(web_port=-1, partitions=0)
    assert "ROBOCALL_WEB_PORT" in str(raised.value)
    assert "ROBOCALL_PARTITIONS" in str(raised.value)


def test_secrets_are_shown_nowhere() -> None:
    """Neither in the settings' text, nor in the address for people, nor in a complaint."""
    settings = load_settings(redis_url="rediss://user:s3cret@cache:6380/1", log_key="s3cret")
    assert "s3cret" not in repr(settings)
    assert settings.redis_address == "rediss://cache:6380/1"
    for wrong in ("http://user:s3cret@cache", "redis://user:s3cret@cache:port", "redis://cache:s3cret"):
        with pytest.raises(SettingsInvalid) as raised:
            load_settings(redis_url=wrong)
        assert "s3cret" not in str(raised.value)


def test_every_setting_is_described_and_has_its_unit() -> None:
    """Durations and shares say what they are in their names."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        if field.annotation is float:
            assert name.endswith(("_s", "_ratio")), name


def test_settings_cannot_be_changed() -> None:
    """They are read once, at start."""
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.web_port = 1


def test_lists_are_awaited_where_a_redis_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or as the setting says: some name a Redis and keep no lists."""
    monkeypatch.delenv("ROBOCALL_AWAIT_LISTS", raising=False)
    monkeypatch.delenv("ROBOCALL_REDIS_URL", raising=False)
    assert not load_settings().awaits_lists
    assert load_settings(await_lists=True).awaits_lists
    monkeypatch.setenv("ROBOCALL_REDIS_URL", "redis://127.0.0.1:6379/0")
    assert load_settings().awaits_lists
    assert not load_settings(await_lists=False).awaits_lists
    assert (load_settings().keeps_lists, load_settings(await_lists=False).keeps_lists) == (True, False)


def test_a_switch_has_its_answer_or_an_allow_within_a_quarter_of_a_second() -> None:
    """That is as long as switches wait; calls are shed while there is time left to judge those behind them."""
    settings = load_settings()

    assert (settings.decision_deadline_ms, settings.sheds_after_ms, settings.clock_bound_s) == (250, 200, 0.1)


@pytest.mark.parametrize(("deadline_ms", "shed_ms", "clock_s"), [(100, 80, 0.04), (5_000, 4_000, 2.0)])
def test_who_sets_the_deadline_alone_moves_what_hangs_on_it(deadline_ms: int, shed_ms: int, clock_s: float) -> None:
    """A clock that is off by half of what a call may wait is said."""
    settings = load_settings(decision_deadline_ms=deadline_ms)

    assert (settings.sheds_after_ms, settings.clock_bound_s) == (shed_ms, clock_s)
