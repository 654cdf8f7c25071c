"""The exporter's settings, and the texts of what is wrong with them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from protonats.errors import ConfigurationError
from protonats.exporter.exporter import Exporter
from protonats.exporter.settings import ExporterSettings


def test_nothing_set_means_servers_on_this_machine_and_no_figures_of_them() -> None:
    settings = ExporterSettings.from_environment({})
    assert settings.address == ("0.0.0.0", 7777)
    assert settings.process.connection.name == "monitor"
    assert settings.monitors == ()
    assert (settings.plan, settings.services, settings.cluster) == (None, None, None)
    assert settings.interval == 10.0


def test_every_variable_is_read() -> None:
    settings = ExporterSettings.from_environment(
        {
            "EXPORTER_ADDRESS": "127.0.0.1:0",
            "EXPORTER_NATS_MONITORS": "http://a:8222, dns+http://nats.internal:8222,",
            "EXPORTER_PLAN": "/jetstream.json",
            "EXPORTER_SERVICES": "/services.json",
            "EXPORTER_CLOUDWATCH": "platform-production",
            "EXPORTER_INTERVAL": "2.5",
            "NATS_URL": "tls://a:4222",
            "NATS_NAME": "other",
            "REDIS_URL": "rediss+cluster://r:6379",
        }
    )
    assert settings.address == ("127.0.0.1", 0)
    assert settings.monitors == ("http://a:8222", "dns+http://nats.internal:8222")
    assert settings.plan == Path("/jetstream.json")
    assert settings.services == Path("/services.json")
    assert settings.cluster == "platform-production"
    assert settings.interval == 2.5
    assert settings.process.connection.servers == ("tls://a:4222",)
    assert settings.process.connection.name == "other"
    assert settings.process.redis_url == "rediss+cluster://r:6379"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("EXPORTER_ADDRESS", "7777", "write host:port, for example 0.0.0.0:7777"),
        ("EXPORTER_ADDRESS", "", "EXPORTER_ADDRESS is empty: write host:port"),
        ("EXPORTER_ADDRESS", "a:70000", "has port 70000: write 0 to 65535"),
        ("EXPORTER_NATS_MONITORS", "a:8222", "for example http://127.0.0.1:8222"),
        ("EXPORTER_NATS_MONITORS", "https://a:8222", "scheme http, dns[+]http"),
        ("EXPORTER_INTERVAL", "0", "write a number of seconds, more than 0"),
        ("EXPORTER_INTERVAL", "soon", "write a number of seconds, for example 10"),
        ("NATS_URL", "http://a", "scheme nats, tls"),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        ExporterSettings.from_environment({name: value})


def test_a_variable_that_means_nothing_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "protonats"):
        ExporterSettings.from_environment({"EXPORTER_PLANS": "/plan"})
    assert caplog.messages == [
        "EXPORTER_PLANS is not a setting and has no effect: did you mean EXPORTER_PLAN?"
    ]


@pytest.mark.parametrize("name", ["EXPORTER_PLAN", "EXPORTER_SERVICES"])
@pytest.mark.parametrize(("content", "text"), [(None, "No such file"), ("[", ""), ("[]", "")])
@pytest.mark.anyio
async def test_a_file_that_says_nothing_is_refused(
    name: str, content: str | None, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=f"{path.name}.*{text}"):
        Exporter(ExporterSettings.from_environment({name: str(path)}))
