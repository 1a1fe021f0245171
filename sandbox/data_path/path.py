"""The data path of a sandbox as a whole: whether it can be, whether it is, and the worlds of its projects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sandbox import files
from sandbox.data_path import packages, settings
from sandbox.data_path.packages import Tools
from sandbox.data_path.settings import Settings
from sandbox.data_path.world import World, kind
from sandbox.errors import SandboxError
from sandbox.progress import Progress


@dataclass(frozen=True, slots=True)
class State:
    """Whether there is a data path.

    Attributes:
        projects: those that have one, by name.
        why: why there is none.
        down: those of them whose world does not run.
    """

    projects: tuple[str, ...]
    why: str = ""
    down: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.projects:
            return f"off: {self.why}"
        up = ", ".join(name for name in self.projects if name not in self.down)
        down = f"down for {', '.join(self.down)} (`up` starts it again)" if self.down else ""
        return "; ".join(filter(None, (f"on for {up}" if up else "", down)))


class DataPath:
    """The network worlds of a sandbox.

    Args:
        folder: their state.
        control: the folder by which OpenStack's services are told of them.
        projects: ids, by name.
    """

    def __init__(self, folder: Path, control: Path, projects: Mapping[str, str]) -> None:
        self._folder = folder
        self._control = control
        self._projects = projects
        self._why = folder / "off.json"
        self._ended = folder / "ended.json"

    @property
    def state(self) -> State:
        """Whether there is one, and for whom."""
        there = Settings.load(self._control)
        if there:
            down = sorted(world.name for world in self._worlds() if world.process.pid is None)
            return State(tuple(sorted(there.names.values())), "", tuple(down))
        if self._why.exists():
            return State((), json.loads(self._why.read_text()))
        if ended := self.ended:
            return State((), f"it ended with the sandbox, and the next `up` starts it for {', '.join(ended)}")
        return State((), "nobody asked for it (`up --data-path`)")

    @property
    def ended(self) -> tuple[str, ...]:
        """The projects whose worlds ended with the sandbox, and come back with it."""
        return tuple(json.loads(self._ended.read_text())) if self._ended.exists() else ()

    def up(self, progress: Progress, projects: Sequence[str] = ()) -> State:
        """Start the worlds that do not run; where there can be none, the sandbox goes on without, and says why.

        Args:
            progress: told what is going on.
            projects: whose; default: all.

        Raises:
            SandboxError: a world could be, but does not come up.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            user, tools = kind(), packages.find(progress)
        except SandboxError as error:
            files.write(self._why, json.dumps(str(error)))
            progress(f"no data path here, so load balancers carry nothing: {error}")
            return self.state
        self._why.unlink(missing_ok=True)
        self._ended.unlink(missing_ok=True)
        there = Settings.load(self._control)
        names = {**(there.names if there else {}), **{self._projects[n]: n for n in projects or self._projects}}
        wanted = {one: World(name, self._folder / name, user) for one, name in names.items()}
        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(World.start, wanted.values()))
        Settings(tools, user, {one: str(world.folder) for one, world in wanted.items()}, names).save(self._control)
        return self.state

    def down(self, *, with_sandbox: bool = False) -> None:
        """End them, and all that runs in them.

        Args:
            with_sandbox: whether the sandbox ends, too; they are then started with it again.
        """
        if with_sandbox and (names := self.state.projects):
            files.write(self._ended, json.dumps(names))
        for world in self._worlds():
            world.stop()
        settings.forget(self._control)

    def world(self, project: str) -> World:
        """The world of a project, by its name.

        Raises:
            SandboxError: it has none.
        """
        found = next((world for world in self._worlds() if world.name == project), None)
        if found is None:
            raise SandboxError(f"{project} has no network world here; the data path is {self.state}")
        return found

    @property
    def tools(self) -> Tools | None:
        """Its programs; None: there is no data path."""
        there = Settings.load(self._control)
        return there.tools if there else None

    def there(self) -> list[World]:
        """The worlds that run."""
        return [world for world in self._worlds() if world.process.pid is not None]

    def _worlds(self) -> list[World]:
        there = Settings.load(self._control)
        found = [there.world(project) for project in there.worlds] if there else []
        return [world for world in found if world]

    def running(self) -> dict[str, bool]:
        """Which worlds run; none is named where there is no data path."""
        return {world.process.name: world.process.pid is not None for world in self._worlds()}
