"""The configuration files of Keystone, Neutron and Octavia."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import files
from sandbox.traits import Traits

REGION = "dc3-a"
ADMIN_PASSWORD = "sandbox"  # noqa: S105 - of a cloud that listens on the loopback address only

AUTH = """
auth_url = {keystone}
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = admin
username = admin
password = {password}
"""

_KEYSTONE = """
[DEFAULT]
log_file = {logs}/keystone.service.log
[database]
connection = {keystone_db}
max_pool_size = 20
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/receipts
[credential]
key_repository = {folder}/credential-keys
[identity]
password_hash_rounds = 4
domain_config_dir = {folder}/domains
[oslo_concurrency]
lock_path = {folder}/locks
[application_credential]
user_limit = -1
"""

_NEUTRON = """
[DEFAULT]
core_plugin = ml2
service_plugins = router,tag,port_forwarding,revisions,qos
transport_url = fake://
auth_strategy = keystone
log_file = {logs}/neutron.service.log
l3_ha = {l3_ha}
global_physnet_mtu = {physical_mtu}
state_path = {folder}/neutron
api_paste_config = {etc}/neutron/api-paste.ini
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
rpc_workers = 0
default_log_levels = neutron=WARNING,keystonemiddleware=WARNING,oslo_messaging=WARNING,stevedore=WARNING
[quotas]
quota_network = 10
quota_subnet = {quota_subnet}
quota_port = {quota_port}
quota_router = 10
quota_floatingip = 10
quota_security_group = 10
quota_security_group_rule = 100
[database]
connection = {neutron_db}
max_pool_size = 20
[keystone_authtoken]
www_authenticate_uri = {keystone}
{auth}
[ml2]
type_drivers = flat,vxlan,local
tenant_network_types = vxlan
mechanism_drivers = logger
extension_drivers = port_security,dns,qos
path_mtu = {path_mtu}
[ml2_type_vxlan]
vni_ranges = 1:10000
[ml2_type_flat]
flat_networks = *
[oslo_policy]
policy_file = {neutron_policy}
[oslo_concurrency]
lock_path = {folder}/locks
"""

_OCTAVIA = """
[DEFAULT]
transport_url = fake://
log_file = {logs}/octavia.service.log
[api_settings]
auth_strategy = keystone
api_base_uri = {octavia}
enabled_provider_drivers = {providers}
default_provider_driver = {provider}
[controller_worker]
network_driver = allowed_address_pairs_driver
[database]
connection = {octavia_db}
max_pool_size = 20
[oslo_policy]
enforce_scope = False
enforce_new_defaults = False
[oslo_concurrency]
lock_path = {folder}/locks
[driver_agent]
status_socket_path = {folder}/run/octavia-status.sock
stats_socket_path = {folder}/run/octavia-stats.sock
get_socket_path = {folder}/run/octavia-get.sock
[haproxy_amphora]
base_path = {folder}/octavia
base_cert_dir = {folder}/octavia/certs
[keystone_authtoken]
www_authenticate_uri = {keystone}
{auth}
[service_auth]
{auth}
[neutron]
region_name = {region}
{auth}
"""

_SUBNETS_OF_EXTERNAL_HIDDEN = {
    "get_subnet": "rule:admin_only or role:service or (role:reader and project_id:%(project_id)s) or rule:shared or "
    "(role:reader and rule:network_owner)"
}
"""Neutron's own rule without the part on external networks."""


def _of_traits(traits: Traits) -> dict[str, object]:
    """The values that depend on traits."""
    quotas = (10, 20) if traits.small_quotas else (50, 500)
    # A tunnel takes 50 of what the path has; an external network has what the physical one has.
    mtus = (8950, 1550) if traits.mtu_1500 else (1500, 0)
    providers = "amphora:sandbox,octavia:alias of amphora" if traits.amphora_provider else "noop_driver:sandbox"
    return {
        **dict(zip(("quota_subnet", "quota_port"), quotas, strict=True)),
        **dict(zip(("physical_mtu", "path_mtu"), mtus, strict=True)),
        "l3_ha": traits.ha_routers,
        "providers": providers,
        "provider": providers.partition(":")[0],
    }


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one OpenStack is.

    Attributes:
        folder: the state folder of OpenStack.
        etc: the ``etc`` of its environment.
        ports: of keystone, neutron, octavia.
        database: URL with DATABASE for the name.
    """

    folder: Path
    etc: Path
    ports: Mapping[str, int]
    database: str

    def url(self, service: str) -> str:
        """The service's root."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def database_url(self, service: str) -> str:
        """The service's database, for SQLAlchemy."""
        return self.database.replace("DATABASE", service).replace("postgresql://", "postgresql+psycopg2://", 1)

    def config(self, service: str) -> Path:
        """The service's configuration file."""
        return self.folder / f"{service}.conf"


def write(layout: Layout, traits: Traits) -> None:
    """Write the three files, and Neutron's policy."""
    policy = layout.folder / "neutron-policy.yaml"
    files.write(policy, json.dumps(_SUBNETS_OF_EXTERNAL_HIDDEN if traits.external_subnets_hidden else {}))
    values = {
        **_of_traits(traits),
        "neutron_policy": policy,
        "folder": layout.folder,
        "etc": layout.etc,
        "logs": layout.folder / "log",
        "keystone": layout.url("keystone"),
        "octavia": layout.url("octavia"),
        "region": REGION,
        "auth": AUTH.format(keystone=layout.url("keystone"), password=ADMIN_PASSWORD),
        **{f"{name}_db": layout.database_url(name) for name in ("keystone", "neutron", "octavia")},
    }
    for name, text in (("keystone", _KEYSTONE), ("neutron", _NEUTRON), ("octavia", _OCTAVIA)):
        files.write(layout.config(name), text.format(**values), 0o600)
