"""Settings: what the environment says, and the texts of what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from protonats.errors import ConfigurationError
from protonats.settings import ConnectionSettings, Settings, redact


def test_nothing_set_means_a_server_on_this_machine() -> None:
    settings = Settings.from_environment({})
    assert settings.connection.servers == ("nats://127.0.0.1:4222",)
    assert settings.connection.name == "protonats"
    assert settings.redis_url is None
    assert settings.health_address == ("0.0.0.0", 8080)
    assert (settings.grace_period, settings.max_in_flight) == (20.0, 1000)
    assert (settings.max_queued, settings.block_warning) == (1000, 0.5)


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "NATS_URL": "tls://a:4222, tls://b:4222,",
            "NATS_NAME": "quest",
            "NATS_CA": "/ca.pem",
            "NATS_CERT": "/cert.pem",
            "NATS_KEY": "/key.pem",
            "NATS_TLS_HOSTNAME": "nats.internal",
            "NATS_CREDS": "/user.creds",
            "NATS_STARTUP_TIMEOUT": "2.5",
            "REDIS_URL": "rediss+cluster://r:6379",
            "PROTONATS_HEALTH_ADDRESS": "[::1]:0",
            "PROTONATS_GRACE_PERIOD": "0",
            "PROTONATS_MAX_IN_FLIGHT": "7",
            "PROTONATS_MAX_QUEUED": "0",
            "PROTONATS_BLOCK_WARNING": "0",
            "PROTONATS_MAX_MESSAGE_SIZE": "1000",
            "PROTONATS_STREAM_MESSAGES": "10",
            "PROTONATS_STREAM_BYTES": "20",
            "PROTONATS_KEEPALIVE_INTERVAL": "0.5",
            "PROTONATS_BREAKER": "off",
            "PROTONATS_OTEL": "0.25",
        },
        name="ignored",
    )
    connection = settings.connection
    assert connection.servers == ("tls://a:4222", "tls://b:4222")
    assert connection.name == "quest"
    assert (connection.tls_ca, connection.tls_cert) == (Path("/ca.pem"), Path("/cert.pem"))
    assert (connection.tls_key, connection.tls_hostname) == (Path("/key.pem"), "nats.internal")
    assert (connection.credentials_file, connection.startup_timeout) == (Path("/user.creds"), 2.5)
    assert settings.redis_url == "rediss+cluster://r:6379"
    assert settings.health_address == ("::1", 0)
    assert (settings.grace_period, settings.max_in_flight) == (0.0, 7)
    assert (settings.max_queued, settings.block_warning) == (0, 0.0)
    assert connection.max_message_size == 1000
    assert (connection.stream_messages, connection.stream_bytes) == (10, 20)
    assert (connection.keepalive_interval, connection.breaker) == (0.5, None)
    assert connection.otel_sample_ratio == 0.25


def test_the_name_of_the_process_is_used_where_none_is_set() -> None:
    assert ConnectionSettings.from_environment({"NATS_NAME": ""}, name="quest").name == "quest"


def test_an_empty_health_address_switches_it_off() -> None:
    assert Settings.from_environment({"PROTONATS_HEALTH_ADDRESS": ""}).health_address is None


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("NATS_URL", "http://a", r"NATS_URL\) has 'http://a': write a URL with scheme nats, tls"),
        ("NATS_URL", "nats://", r"NATS_URL\) has 'nats://'"),
        ("NATS_URL", "nats://a:x", "for example nats://127.0.0.1:4222"),
        (
            "NATS_URL",
            "nats://a:99999",
            "'nats://a:99999': the port is out of range, write 1 to 65535",
        ),
        ("NATS_URL", "nats://u:p@[::1]:0", "the port is out of range, write 1 to 65535"),
        ("REDIS_URL", "redis://r:65536", "the port is out of range, write 1 to 65535"),
        ("NATS_URL", " , ", r"servers \(NATS_URL\) is empty: write at least one URL"),
        ("NATS_NAME", "a.b", r"name \(NATS_NAME\) is 'a.b': it is one token"),
        ("NATS_NAME", "a b", "NATS_NAME"),
        ("NATS_CERT", "/c", r"tls_cert \(NATS_CERT\) is set and tls_key \(NATS_KEY\) is not"),
        ("NATS_KEY", "/k", r"tls_key \(NATS_KEY\) is set and tls_cert \(NATS_CERT\) is not"),
        (
            "NATS_STARTUP_TIMEOUT",
            "soon",
            "NATS_STARTUP_TIMEOUT is 'soon': write a number of seconds",
        ),
        ("NATS_STARTUP_TIMEOUT", "0", r"\(NATS_STARTUP_TIMEOUT\) is 0: .* more than 0"),
        ("NATS_STARTUP_TIMEOUT", "nan", "NATS_STARTUP_TIMEOUT"),
        ("REDIS_URL", "http://r", r"redis_url \(REDIS_URL\) has 'http://r'"),
        ("PROTONATS_HEALTH_ADDRESS", "8080", "PROTONATS_HEALTH_ADDRESS is '8080': write host:port"),
        ("PROTONATS_HEALTH_ADDRESS", "a:99999", "has port 99999: write 0 to 65535"),
        ("PROTONATS_GRACE_PERIOD", "-1", r"\(PROTONATS_GRACE_PERIOD\) is -1: .* 0 or more"),
        ("PROTONATS_STREAM_MESSAGES", "0", r"\(PROTONATS_STREAM_MESSAGES\) is 0: write 1 to"),
        ("PROTONATS_STREAM_BYTES", "x", "PROTONATS_STREAM_BYTES is 'x': write a whole number"),
        ("PROTONATS_KEEPALIVE_INTERVAL", "0", r"INTERVAL\) is 0: write a number of seconds, more"),
        ("PROTONATS_MAX_MESSAGE_SIZE", "0", r"SIZE\) is 0: write 1 to"),
        ("PROTONATS_OTEL", "2", r"\(PROTONATS_OTEL\) is 2: write a number from 0 to 1"),
        ("PROTONATS_MAX_QUEUED", "-1", r"\(PROTONATS_MAX_QUEUED\) is -1: write 0 or more"),
        ("PROTONATS_BLOCK_WARNING", "-1", r"\(PROTONATS_BLOCK_WARNING\) is -1: write a number"),
        ("PROTONATS_MAX_IN_FLIGHT", "0", r"\(PROTONATS_MAX_IN_FLIGHT\) is 0: write 1 or more"),
        (
            "PROTONATS_MAX_IN_FLIGHT",
            "many",
            "PROTONATS_MAX_IN_FLIGHT is 'many': write a whole number",
        ),
    ],
)
def test_an_error_names_the_variable_and_what_to_write(
    variable: str, value: str, text: str
) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Settings.from_environment({variable: value})


def test_two_ways_to_log_in_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match=r"NATS_NKEY.*NATS_CREDS.*keep one"):
        ConnectionSettings.from_environment({"NATS_NKEY": "/seed", "NATS_CREDS": "/user.creds"})


def test_passwords_are_in_no_repr_and_no_error() -> None:
    settings = Settings.from_environment(
        {"NATS_URL": "nats://user:hunter2@a,nats://hunter2@b", "REDIS_URL": "redis://:hunter2@r"}
    )
    assert "hunter2" not in repr(settings)
    assert "nats://***@a" in repr(settings)
    with pytest.raises(ConfigurationError) as error:
        ConnectionSettings(servers=("nats://user:hunter2@",))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@a",
        "nats://user:hun/ter2@a",
        "nats://user:hun@ter2@a b",
        "user:hunter2@a:4222",
        "redis://a?password=hunter2",
        "redis://a/0?db=x&password=hunter2",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    for variable in ("NATS_URL", "REDIS_URL"):
        try:
            text = repr(Settings.from_environment({variable: url}))
        except ConfigurationError as error:
            text = str(error)
        assert not any(part in text for part in ("hunter2", "hun", "ter2"))


def test_redaction_leaves_other_text_alone() -> None:
    assert redact("at nats://u:p@h:1, mail a@b") == "at nats://***@h:1, mail a@b"
