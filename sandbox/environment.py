"""What a running sandbox offers to those who use it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import files

EXTERNAL_NETWORK = "ext-floating1"


@dataclass(frozen=True, slots=True)
class Project:
    """A customer's project.

    Attributes:
        id: its id.
        name: its name.
        auth_url: Keystone.
        region: the region.
        application_credential_id: with just the roles of a customer.
        application_credential_secret: its secret.
    """

    id: str
    name: str
    auth_url: str
    region: str
    application_credential_id: str
    application_credential_secret: str = field(repr=False)

    def clouds_yaml(self, cloud: str = "infomaniak") -> str:
        """A ``clouds.yaml`` as the customer downloads it."""
        return (
            "clouds:\n"
            f"  {cloud}:\n"
            "    auth_type: v3applicationcredential\n"
            "    auth:\n"
            f"      auth_url: {self.auth_url}\n"
            f'      application_credential_id: "{self.application_credential_id}"\n'
            f'      application_credential_secret: "{self.application_credential_secret}"\n'
            f"    region_name: {self.region}\n"
            "    interface: public\n"
            "    identity_api_version: 3\n"
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """A running sandbox.

    Attributes:
        auth_url: Keystone; ends in ``/v3``.
        region: the region.
        kubeconfig: of a cluster administrator.
        kubectl: the binary.
        helm: the binary.
        admin: credentials of OpenStack's administrator (auth_url, username, password, project_name, domain, region).
        projects: the customers' projects, ``alpha`` and ``beta``.
        external_network: name of the external network.
    """

    auth_url: str
    region: str
    kubeconfig: Path
    kubectl: Path
    helm: Path
    admin: Mapping[str, str] = field(repr=False)
    projects: Mapping[str, Project]
    external_network: str = EXTERNAL_NETWORK

    def save(self, path: Path) -> None:
        """Write it where ``load`` finds it; readable by its owner only, for it holds secrets."""
        projects = {
            name: {field: getattr(project, field) for field in Project.__slots__}
            for name, project in self.projects.items()
        }
        body: dict[str, Any] = {
            "auth_url": self.auth_url,
            "region": self.region,
            "kubeconfig": str(self.kubeconfig),
            "kubectl": str(self.kubectl),
            "helm": str(self.helm),
            "admin": dict(self.admin),
            "projects": projects,
            "external_network": self.external_network,
        }
        files.write(path, json.dumps(body, indent=2), 0o600)

    @classmethod
    def load(cls, path: Path) -> Environment:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: there is none.
        """
        body = json.loads(path.read_text())
        projects = {name: Project(**project) for name, project in body.pop("projects").items()}
        body |= {name: Path(body[name]) for name in ("kubeconfig", "kubectl", "helm")}
        return cls(**body, projects=projects)

    def variables(self, project: str = "alpha") -> dict[str, str]:
        """Environment variables for the client, kubectl and openstacksdk."""
        one = self.projects[project]
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "NO_PROXY": "127.0.0.1,localhost",
            "INFOMANIAK_AUTH_URL": self.auth_url,
            "INFOMANIAK_REGION": self.region,
            "INFOMANIAK_PROJECT_ID": one.id,
            "INFOMANIAK_APP_CREDENTIAL_ID": one.application_credential_id,
            "INFOMANIAK_APP_CREDENTIAL_SECRET": one.application_credential_secret,
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_AUTH_URL": self.auth_url,
            "OS_REGION_NAME": self.region,
            "OS_APPLICATION_CREDENTIAL_ID": one.application_credential_id,
            "OS_APPLICATION_CREDENTIAL_SECRET": one.application_credential_secret,
        }

    def exports(self, project: str = "alpha") -> str:
        """The same as lines for a shell, and the sandbox's own kubectl and helm before all others."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.variables(project).items()]
        if self.kubectl.is_absolute():
            lines.append(f'export PATH={shlex.quote(str(self.kubectl.parent))}:"$PATH"')
        return "\n".join(lines)
