"""The generated configuration keeps all rules, and a broken twin of each rule is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.platform.nats.configuration import problems_of
from tests.platform.nats.installation import Installation, changed

TLS = """tls {
  ca_file: $NATS_TLS_CA
  cert_file: $NATS_TLS_CERT
  key_file: $NATS_TLS_KEY
  verify: true
  min_version: "1.3"
  timeout: 5
}
"""
ROUTES_TLS = "".join(f"  {line}\n" for line in TLS.splitlines())
QUEST = "      {nkey: $NKEY_QUEST, permissions: $MAY_QUEST}\n"
PUBLISH = "MAY_QUEST {\n  publish {\n    allow: [\n"

TWINS: Mapping[str, tuple[str, dict[str, str], str]] = {
    "TLS off": ("nats.conf", {TLS: ""}, "clients need no TLS"),
    "TLS not verified": (
        "nats.conf",
        {TLS: TLS.replace("verify: true", "verify: false")},
        "certificates of clients are not verified",
    ),
    "TLS 1.2": ("nats.conf", {TLS: TLS.replace('"1.3"', '"1.2"')}, "clients may speak TLS 1.2"),
    "TLS off for routes": ("nats.conf", {ROUTES_TLS: ""}, "routes need no TLS"),
    "TLS 1.2 for routes": (
        "nats.conf",
        {ROUTES_TLS: ROUTES_TLS.replace('"1.3"', '"1.2"')},
        "routes may speak TLS 1.2",
    ),
    "a password": (
        "accounts.conf",
        {QUEST: f'      {{user: people, password: "0123456789"}}\n{QUEST}'},
        "accounts.conf has a login that is no key",
    ),
    "a key that nobody has": (
        "accounts.conf",
        {QUEST: QUEST.replace("NKEY_QUEST", "NKEY_QUESTS")},
        "nats-server -t: nats-server: error parsing include file 'accounts.conf'",
    ),
    "permissions that nobody has written": (
        "accounts.conf",
        {QUEST: QUEST.replace("MAY_QUEST", "MAY_QUESTS")},
        "variable reference for 'MAY_QUESTS'",
    ),
    "no user": (
        "keys.conf",
        {"\nNKEY_QUEST:": "\nNKEY_QUESTS:"},
        "variable reference for 'NKEY_QUEST'",
    ),
    "a user twice": ("accounts.conf", {QUEST: f"      {{nkey: $NKEY_QUEST}}\n{QUEST}"}, "uplicate"),
    "no login": (
        "nats.conf",
        {'include "accounts.conf"': "", "system_account: SYS": ""},
        "users need no login",
    ),
    "no system account": ("nats.conf", {"system_account: SYS\n": ""}, "there is no system account"),
    "a system account that is none": (
        "nats.conf",
        {"system_account: SYS": "system_account: NOBODY"},
        "it does not start: ",
    ),
    "no name": ("nats.conf", {"server_name: $NATS_SERVER_NAME\n": ""}, "it does not start: "),
    "no tag": (
        "nats.conf",
        {"server_tags: [$NATS_SERVER_TAG]\n": ""},
        "its tag is not NATS_SERVER_TAG",
    ),
    "JetStream in /tmp": (
        "nats.conf",
        {"  store_dir: $NATS_STORE_DIR\n": ""},
        "JetStream does not store in NATS_STORE_DIR",
    ),
    "no sync": (
        "nats.conf",
        {"  sync_interval: always\n": ""},
        "JetStream does not sync what it acknowledges",
    ),
    "replicas anywhere": (
        "nats.conf",
        {'  unique_tag: "az:"\n': ""},
        "replicas may lie in one zone",
    ),
    "replicas by another tag": (
        "nats.conf",
        {'unique_tag: "az:"': 'unique_tag: "rack:"'},
        "replicas may lie in one zone",
    ),
    "another size": (
        "nats.conf",
        {"max_file_store: 85899345920": "max_file_store: 1GB"},
        "JetStream's file storage is not the manifest's",
    ),
    "messages of any length": (
        "nats.conf",
        {"max_payload: 1048576": "max_payload: 8MB"},
        "the longest message is not the manifest's",
    ),
    "connections without limit": (
        "nats.conf",
        {"max_connections: 1004": ""},
        "connections are not bounded",
    ),
    "slow clients": (
        "nats.conf",
        {'write_deadline: "10s"': 'write_deadline: "10m"'},
        "a slow client may hold the server up",
    ),
    "monitoring open to all": (
        "nats.conf",
        {"http: $NATS_HTTP": 'http: "0.0.0.0:$PORT"'},
        "nats.conf does not say http: $NATS_HTTP",
    ),
    "addresses told to clients": (
        "nats.conf",
        {"  no_advertise: true\n": ""},
        "nats.conf does not say no_advertise: true",
    ),
    "no lame duck": (
        "nats.conf",
        {'lame_duck_duration: "30s"\n': ""},
        'nats.conf does not say lame_duck_duration: "30s"',
    ),
    "an unknown setting": ("nats.conf", {"ping_max: 3": "ping_maximum: 3"}, "unknown field"),
    "a subject that is none": (
        "accounts.conf",
        {'"$JS.API.STREAM.INFO.KV_quests"': '"$JS..API"'},
        'subject "$JS..API" is not a valid subject',
    ),
    "a permission of all": (
        "accounts.conf",
        {PUBLISH: PUBLISH + '      ">"\n'},
        "quest may publish to everything",
    ),
    "an export to everybody": (
        "accounts.conf",
        {
            '{service: "svc.quest.v1.generate_quest", response_type: singleton,'
            ' response_threshold: "120s", accounts: [GATEWAY]}': (
                '{service: "svc.quest.v1.generate_quest"}'
            )
        },
        "SERVICES exports svc.quest.v1.generate_quest to everybody",
    ),
    "an import of what is not exported": (
        "accounts.conf",
        {
            'account: SERVICES, subject: "$SRV.PING"': (
                'account: SERVICES, subject: "svc.payment.v1.process"'
            )
        },
        "nats-server -t",
    ),
    "JetStream for the gateway": (
        "accounts.conf",
        {"  GATEWAY {\n": "  GATEWAY {\n    jetstream: enabled\n"},
        "JetStream is not for GATEWAY as planned",
    ),
}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, nodes=2)


def test_the_generated_configuration_keeps_all_rules(installation: Installation) -> None:
    assert problems_of(installation) == []


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_refused(installation: Installation, name: str) -> None:
    file, replacements, problem = TWINS[name]
    path = installation.folder / file
    port = str(installation.nodes[0].http)
    text = changed(path.read_text(), replacements).replace("$PORT", port)
    path.write_text(text)
    assert problem in "\n".join(problems_of(installation))


def test_a_user_without_permissions_is_refused(installation: Installation) -> None:
    path = installation.folder / "accounts.conf"
    path.write_text(changed(path.read_text(), {QUEST: "      {nkey: $NKEY_QUEST}\n"}))
    assert problems_of(installation) == [
        "quest may publish to everything",
        "quest may hear everything",
    ]
