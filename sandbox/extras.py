"""Barbican and Designate: services that are there only where somebody asks for them, for they cost memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox import files
from sandbox.configs import ADMIN_PASSWORD, AUTH, REGION, Layout
from sandbox.errors import SandboxError

TYPES = {"barbican": "key-manager", "designate": "dns"}
EXTRAS = tuple(TYPES)
CREATOR = "creator"
"""The role that Barbican wants at Infomaniak; with its new defaults ``member`` is enough."""
KEY_ROLES = (CREATOR, "member")
_REVERSE_OWNER = "5e7f1ce05e7f1ce05e7f1ce05e7f1ce0"
"""Id of the project that the zones of reverse names belong to: no customer's."""

_BARBICAN = """
[DEFAULT]
# References name the address that the caller used, which is another one for Pods.
host_href =
transport_url = fake://
db_auto_create = True
log_file = {logs}/barbican.service.log
[database]
connection = {database}
max_pool_size = 20
[queue]
enable = False
[secretstore]
enabled_secretstore_plugins = store_crypto
[crypto]
enabled_crypto_plugins = simple_crypto
[simple_crypto_plugin]
kek = {kek}
[oslo_policy]
enforce_scope = False
enforce_new_defaults = {member_is_enough}
[oslo_concurrency]
lock_path = {folder}/locks
[keystone_authtoken]
www_authenticate_uri = {keystone}
{auth}
"""

_DESIGNATE = """
[DEFAULT]
transport_url = fake://
host = sandbox
log_file = {logs}/designate.service.log
state_path = {folder}/designate
default_log_levels = designate=WARNING,keystonemiddleware=WARNING,oslo_messaging=WARNING
[oslo_messaging_notifications]
driver = noop
[oslo_concurrency]
lock_path = {folder}/locks
[storage:sqlalchemy]
connection = {database}
[database]
max_pool_size = 20
[service:api]
api_base_uri = {designate}
enable_host_header = True
auth_strategy = keystone
[service:central]
managed_resource_tenant_id = {reverse_owner}
managed_resource_email = hostmaster@example.com
[network_api:neutron]
endpoints = {region}|{neutron}
[heartbeat_emitter]
emitter_type = noop
[keystone_authtoken]
www_authenticate_uri = {keystone}
{auth}
"""
_TEXTS = {"barbican": _BARBICAN, "designate": _DESIGNATE}

# Keystone keeps nothing of its catalogue in memory, so it need not even run when a service comes or goes.
_PROJECT = f"""
INSERT INTO project (id, name, domain_id, parent_id, enabled, is_domain, extra)
VALUES ('{_REVERSE_OWNER}', 'service', 'default', 'default', true, false, '{{}}') ON CONFLICT (id) DO NOTHING;
INSERT INTO role (id, name, domain_id, extra)
SELECT md5('{CREATOR}'), '{CREATOR}', '<<null>>', '{{}}'
WHERE NOT EXISTS (SELECT FROM role WHERE name = '{CREATOR}');
"""  # noqa: S608 - names of our own
_SHOWN = """
INSERT INTO service (id, type, enabled, extra) VALUES (md5('{name}'), '{kind}', true, '{{"name": "{name}"}}')
ON CONFLICT (id) DO UPDATE SET enabled = true;
INSERT INTO endpoint (id, interface, region_id, service_id, url, enabled, extra)
VALUES (md5('{name} public'), 'public', '{region}', md5('{name}'), '{url}', true, '{{}}')
ON CONFLICT (id) DO UPDATE SET url = '{url}';
"""
_HIDDEN = "UPDATE service SET enabled = false WHERE id = md5('{name}');"


class Extras:
    """Which of them one sandbox has, from its first being asked for on.

    Args:
        folder: the state folder of OpenStack.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "extras.json"

    @property
    def chosen(self) -> tuple[str, ...]:
        """Their names."""
        names = self._read()["services"]
        return tuple(name for name in EXTRAS if name in names)

    @property
    def key_role(self) -> str:
        """The role that Barbican wants."""
        return str(self._read()["key_role"])

    def choose(
        self, *, with_services: Iterable[str] = (), without_services: Iterable[str] = (), key_role: str | None = None
    ) -> bool:
        """Change what it has; returns whether that is a change.

        Args:
            with_services: those that it has from now on.
            without_services: those that it has no longer; their data stay.
            key_role: the role that Barbican wants; None: as before.

        Raises:
            SandboxError: there is no such service, or no such role.
        """
        known, more, less = self._read(), set(with_services), set(without_services)
        if unknown := (more | less).difference(EXTRAS):
            raise SandboxError(f"{', '.join(sorted(unknown))}: there are {', '.join(EXTRAS)}")
        if key_role not in (None, *KEY_ROLES):
            raise SandboxError(f"Barbican wants {' or '.join(KEY_ROLES)}, not {key_role}")
        services = {*known["services"], *more} - less
        wanted = {"services": sorted(services), "key_role": key_role or known["key_role"]}
        if wanted == known:
            return False
        self._file.parent.mkdir(parents=True, exist_ok=True)
        files.write(self._file, json.dumps(wanted))
        return True

    def _read(self) -> dict[str, list[str] | str]:
        if not self._file.exists():
            return {"services": [], "key_role": CREATOR}
        read: dict[str, list[str] | str] = json.loads(self._file.read_text())
        return read


def catalogue_sql(layout: Layout, chosen: Sequence[str]) -> str:
    """The statements that bring Keystone's catalogue to what a sandbox has; safe to repeat.

    Args:
        layout: with the ports of those that are chosen.
        chosen: what it has.
    """
    statements = [_HIDDEN.format(name=name) for name in EXTRAS if name not in chosen]
    shown = {name: {"name": name, "kind": TYPES[name], "region": REGION, "url": layout.url(name)} for name in chosen}
    statements += [_SHOWN.format(**values) for values in shown.values()]
    return "".join([*([_PROJECT] if chosen else []), *statements])


def write(layout: Layout, chosen: Sequence[str], key_role: str) -> list[str]:
    """Write their configuration files; returns whose are others than before.

    Args:
        layout: with the ports of those that are chosen.
        chosen: whose.
        key_role: the role that Barbican wants.
    """
    values = {
        "folder": layout.folder,
        "logs": layout.folder / "log",
        "keystone": layout.url("keystone"),
        "neutron": layout.url("neutron"),
        "region": REGION,
        "reverse_owner": _REVERSE_OWNER,
        "kek": base64.urlsafe_b64encode(ADMIN_PASSWORD.encode().ljust(32)).decode(),
        # Its own switch: its old rules, which want `creator`, are in force as long as its new ones are not.
        "member_is_enough": key_role != CREATOR,
        "auth": AUTH.format(keystone=layout.url("keystone"), password=ADMIN_PASSWORD),
    }
    changed = []
    for name in chosen:
        text = _TEXTS[name].format(**values, **{name: layout.url(name)}, database=layout.database_url(name))
        path = layout.config(name)
        if not path.exists() or path.read_text() != text:
            files.write(path, text, 0o600)
            changed.append(name)
    return changed
