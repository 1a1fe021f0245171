"""What the services are told of the data path, by a file in their control folder: none, and there is no data path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import files
from sandbox.data_path.packages import Tools
from sandbox.data_path.world import World

_FILE = "data-path.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """The data path as it runs.

    Attributes:
        tools: its programs.
        user: how namespaces are made here.
        worlds: folders, by the project's id.
        names: the projects' names, by their ids.
    """

    tools: Tools
    user: tuple[str, ...]
    worlds: Mapping[str, str]
    names: Mapping[str, str]

    def world(self, project: str) -> World | None:
        """The world of a project, by its id; None: it has none."""
        folder = self.worlds.get(project)
        return World(self.names[project], Path(folder), self.user) if folder else None

    def save(self, control: Path) -> None:
        """Tell the services."""
        files.write(control / _FILE, json.dumps(asdict(self)))

    @classmethod
    def load(cls, control: Path) -> Settings | None:
        """What they were told; None: there is no data path."""
        try:
            body = json.loads((control / _FILE).read_text())
        except FileNotFoundError:
            return None
        tools = Tools(**{**body["tools"], "version": tuple(body["tools"]["version"])})
        return cls(tools, tuple(body["user"]), body["worlds"], body["names"])


def forget(control: Path) -> None:
    """Tell the services that there is none any more."""
    (control / _FILE).unlink(missing_ok=True)
