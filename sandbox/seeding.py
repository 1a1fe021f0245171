"""What the sandbox's OpenStack holds from the start: services, roles, customers' projects, an external network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.configs import ADMIN_PASSWORD, REGION, Layout
from sandbox.environment import EXTERNAL_NETWORK
from sandbox.rest import Rest, login

CUSTOMER_ROLES = ("member", "load-balancer_member")
PROJECTS = ("alpha", "beta")
_TYPES = {"neutron": "network", "octavia": "load-balancer"}


def endpoints_sql(layout: Layout) -> str:
    """The statement that brings the catalogue to this start's ports."""
    urls = {"identity": f"{layout.url('keystone')}/v3", **{_TYPES[name]: layout.url(name) for name in _TYPES}}
    updates = (
        f"UPDATE endpoint SET url = '{url}' WHERE service_id IN (SELECT id FROM service WHERE type = '{kind}')"  # noqa: S608 - addresses and types of our own making
        for kind, url in urls.items()
    )
    return "; ".join(updates)


def seed(layout: Layout, secret: Callable[[], str]) -> dict[str, dict[str, str]]:
    """Fill a fresh OpenStack; returns the projects with their application credentials.

    Raises:
        SandboxError: a service refused.
    """
    auth = f"{layout.url('keystone')}/v3"
    admin = login(auth, "admin", ADMIN_PASSWORD, "admin")
    for name, kind in _TYPES.items():
        service = admin.post(f"{auth}/services", {"service": {"name": name, "type": kind}})["service"]
        endpoint = {"service_id": service["id"], "interface": "public", "region_id": REGION, "url": layout.url(name)}
        admin.post(f"{auth}/endpoints", {"endpoint": endpoint})
    for role in ("load-balancer_admin", "load-balancer_member"):
        admin.post(f"{auth}/roles", {"role": {"name": role}})
    roles = {role["name"]: role["id"] for role in admin.get(f"{auth}/roles")["roles"]}
    projects = {name: _project(admin, auth, name, roles, secret) for name in PROJECTS}
    _external_network(login(auth, "admin", ADMIN_PASSWORD, "admin"), layout.url("neutron"))
    return projects


def _project(admin: Rest, auth: str, name: str, roles: dict[str, str], secret: Callable[[], str]) -> dict[str, str]:
    """A project, its user with a customer's roles, and the user's application credential."""
    project = admin.post(f"{auth}/projects", {"project": {"name": name, "domain_id": "default"}})["project"]
    password = secret()
    body = {"name": f"customer-{name}", "password": password, "domain_id": "default"}
    user = admin.post(f"{auth}/users", {"user": body})["user"]
    for role in CUSTOMER_ROLES:
        admin.put(f"{auth}/projects/{project['id']}/users/{user['id']}/roles/{roles[role]}")
    customer = login(auth, body["name"], password, name)
    wanted: dict[str, Any] = {"name": "infomaniak-operator", "roles": [{"name": role} for role in CUSTOMER_ROLES]}
    made = customer.post(f"{auth}/users/{user['id']}/application_credentials", {"application_credential": wanted})
    credential = made["application_credential"]
    return {
        "id": project["id"],
        "name": name,
        "application_credential_id": credential["id"],
        "application_credential_secret": credential["secret"],
    }


def _external_network(admin: Rest, neutron: str) -> None:
    network = {
        "name": EXTERNAL_NETWORK,
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": "physnet1",
    }
    made = admin.post(f"{neutron}/v2.0/networks", {"network": network})["network"]
    subnet = {
        "network_id": made["id"],
        "name": "ext",
        "cidr": "198.18.0.0/16",
        "ip_version": 4,
        "enable_dhcp": False,
    }
    admin.post(f"{neutron}/v2.0/subnets", {"subnet": subnet})
