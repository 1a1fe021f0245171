"""What the sandbox's OpenStack holds from the start: services, roles, customers' projects, networks."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox import provider_networks
from sandbox.configs import ADMIN_PASSWORD, REGION, Layout
from sandbox.environment import Project
from sandbox.errors import SandboxError
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
    (own,) = admin.get(f"{auth}/projects?name=admin")["projects"]
    provider_networks.make(login(auth, "admin", ADMIN_PASSWORD, "admin"), layout.url("neutron"), own["id"])
    return projects


def _project(admin: Rest, auth: str, name: str, roles: dict[str, str], secret: Callable[[], str]) -> dict[str, str]:
    """A project, its user with a customer's roles, and the user's application credential."""
    project = admin.post(f"{auth}/projects", {"project": {"name": name, "domain_id": "default"}})["project"]
    chosen = {role: roles[role] for role in CUSTOMER_ROLES}
    return _customer(admin, auth, project, chosen, secret())


def _customer(
    admin: Rest, auth: str, project: Mapping[str, str], roles: Mapping[str, str], password: str
) -> dict[str, str]:
    """A user of a project with roles, given by name and id, and an application credential of his with all of them."""
    user_name = "-".join(("customer", project["name"], *(role for role in roles if role not in CUSTOMER_ROLES)))
    if set(roles) != set(CUSTOMER_ROLES):
        user_name += f"-{secrets.token_hex(3)}"  # one that was killed before it was noted down is in nobody's way
    body = {"name": user_name, "password": password, "domain_id": "default"}
    user = admin.post(f"{auth}/users", {"user": body})["user"]
    for role_id in roles.values():
        admin.put(f"{auth}/projects/{project['id']}/users/{user['id']}/roles/{role_id}")
    customer = login(auth, user_name, password, project["name"])
    wanted: dict[str, Any] = {"name": "infomaniak-operator", "roles": [{"name": role} for role in roles]}
    made = customer.post(f"{auth}/users/{user['id']}/application_credentials", {"application_credential": wanted})
    credential = made["application_credential"]
    return {
        "id": project["id"],
        "name": project["name"],
        "application_credential_id": credential["id"],
        "application_credential_secret": credential["secret"],
    }


def further_customer(project: Project, more: Sequence[str], password: str) -> dict[str, str]:
    """One more user of a project, with a customer's roles and further ones, and his application credential.

    Raises:
        SandboxError: there is no such role, or Keystone refused.
    """
    auth = project.auth_url
    admin = login(auth, "admin", ADMIN_PASSWORD, "admin")
    known = {role["name"]: role["id"] for role in admin.get(f"{auth}/roles")["roles"]}
    if unknown := set(more) - known.keys():
        raise SandboxError(f"no role {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    roles = {role: known[role] for role in (*CUSTOMER_ROLES, *more)}
    where = {"id": project.id, "name": project.name}
    return _customer(admin, auth, where, roles, password)
