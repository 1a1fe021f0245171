"""Somebody with a user of their own in Keystone, and a customer's roles in a project."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from sandbox import Environment
from sandbox.configs import ADMIN_PASSWORD
from sandbox.rest import Rest, login


@dataclass(frozen=True)
class ProjectUser:
    """A user of Keystone.

    Attributes:
        id: the user's.
        auth: what logs in as them to the project, as ``auth`` of a clouds.yaml has it.
    """

    id: str
    auth: dict[str, str]
    _admin: Rest = field(repr=False)

    def disable(self) -> None:
        """Let them log in no more, and let their tokens count no more."""
        self._admin.call("PATCH", f"{self.auth['auth_url']}/users/{self.id}", {"user": {"enabled": False}})


def project_user(env: Environment, project: str, name: str) -> ProjectUser:
    """A new user with a customer's roles.

    Args:
        env: the sandbox.
        project: its name.
        name: what the user's begins with.
    """
    admin = login(env.auth_url, "admin", ADMIN_PASSWORD, "admin")
    full, password = f"{name}-{secrets.token_hex(3)}", secrets.token_urlsafe()
    body = {"name": full, "password": password, "domain_id": "default"}
    user_id = str(admin.post(f"{env.auth_url}/users", {"user": body})["user"]["id"])
    roles = {role["name"]: role["id"] for role in admin.get(f"{env.auth_url}/roles")["roles"]}
    project_id = env.projects[project].id
    for role in ("member", "load-balancer_member"):
        admin.put(f"{env.auth_url}/projects/{project_id}/users/{user_id}/roles/{roles[role]}")
    auth = {"auth_url": env.auth_url, "project_id": project_id, "username": full, "password": password}
    return ProjectUser(user_id, {**auth, "user_domain_name": "Default"}, admin)
