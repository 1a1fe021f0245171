"""Customers beyond the two that are there from the start: with further roles, made when one is asked for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sandbox import files, seeding
from sandbox.environment import Project


def with_roles(folder: Path, project: Project, more: Sequence[str]) -> Project:
    """A project with the credential of another of its users, who has further roles; the same at each call.

    Args:
        folder: where made ones are kept.
        project: with the credential of its first user.
        more: the further roles, such as ``creator``; none: it is the project as it was given.

    Raises:
        SandboxError: there is no such role, or Keystone refused.
    """
    if not more:
        return project
    kept = folder / "customers.json"
    made: dict[str, dict[str, str]] = json.loads(kept.read_text()) if kept.exists() else {}
    roles = sorted(set(more))
    name = " ".join((project.name, *roles))
    if name not in made:
        made[name] = seeding.further_customer(project, roles, secrets.token_urlsafe())
        files.write(kept, json.dumps(made), 0o600)
    return replace(
        project,
        application_credential_id=made[name]["application_credential_id"],
        application_credential_secret=made[name]["application_credential_secret"],
    )
