"""Keystone, Neutron, Octavia and what else is asked for, from a database that is seeded once and then copied."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import cache, configs, default_group, extras, files, provider_networks, seeding, trouble
from sandbox.configs import ADMIN_PASSWORD, REGION, Layout
from sandbox.environment import Project
from sandbox.errors import SandboxError
from sandbox.extras import Extras
from sandbox.postgres import Postgres
from sandbox.process import Process, answers, free_ports, port_free
from sandbox.progress import Progress, step
from sandbox.rest import login
from sandbox.traits import FILE, INFOMANIAK, Traits, dump, load

SERVICES = ("keystone", "neutron", "octavia")
SEED_SECONDS = 50.0
"""What seeding takes beside a build, on two cores."""
_SETTLE = 0.5
"""For how many seconds load balancers stay PENDING at first."""
_WORKERS = {"keystone": 1, "neutron": 2, "octavia": 1}
_ROOT = Path(__file__).resolve().parent.parent
_SEEDED = ("pg", "fernet", "receipts", "credential-keys")
"""What a seeded OpenStack consists of, beside the list of its projects."""
_SEEDED_BY = (
    "seeding.py",
    "provider_networks.py",
    "default_group.py",
    "traits.py",
    "openstack.py",
    "configs.py",
    "requirements.txt",
    "services/schema.py",
    "services/postgres.py",
)


class OpenStack:
    """One OpenStack.

    Args:
        folder: its state folder.
        python: interpreter of the environment that holds the services.
        progress: told what is going on.
    """

    def __init__(self, folder: Path, python: Path, progress: Progress) -> None:
        self._folder = folder
        self._python = python
        self._progress = progress
        self._postgres = Postgres(folder / "pg", lambda *words: self._python_says("postgres", *words), SERVICES)
        self.extras = Extras(folder)

    @property
    def services(self) -> tuple[str, ...]:
        """Those that it has."""
        return (*SERVICES, *self.extras.chosen)

    @property
    def parts(self) -> tuple[str, ...]:
        """The services, and what they need."""
        return ("postgres", *self.services)

    @property
    def _layout(self) -> Layout:
        return Layout(self._folder, self._python.parent.parent / "etc", self._ports, self._postgres.address)

    @property
    def _ports(self) -> dict[str, int]:
        path = self._folder / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        return ports

    @property
    def auth_url(self) -> str:
        """Keystone, for clients; empty before the first start."""
        return f"{self._layout.url('keystone')}/v3" if self._ports else ""

    @property
    def projects(self) -> dict[str, Project]:
        """The customers' projects; none before the first start."""
        seeded = self._folder / "seeded.json"
        made = json.loads(seeded.read_text()) if seeded.exists() and self._ports else {}
        return {name: Project(auth_url=self.auth_url, region=REGION, **project) for name, project in made.items()}

    def url(self, service: str) -> str:
        """A service's root."""
        return self._layout.url(service)

    def process(self, service: str) -> Process | Postgres:
        """A part's process."""
        if service == "postgres":
            return self._postgres
        command = [str(self._python), "-m", "sandbox.services.serve", service, "--port", str(self._ports[service])]
        command += ["--config", str(self._layout.config(service)), "--control", str(self.control)]
        command += ["--workers", str(_WORKERS.get(service, 1))]
        url = f"{self._layout.url(service)}/{'v3' if service == 'keystone' else ''}"
        environment = {
            **self._surroundings,
            "OS_KEYSTONE_CONFIG_FILES": str(self._layout.config("keystone")),
            "OS_NEUTRON_CONFIG_FILES": str(self._layout.config("neutron")),
        }
        return Process(service, self._folder, command, lambda: answers(url), environment)

    def check(self) -> None:
        """Find out what would be in the way of a start.

        Raises:
            SandboxError: the folder cannot be one.
        """
        if "$" in f"{self._folder}{self._python}":  # starts a variable in the services' files and arguments
            raise SandboxError(f"{self._folder} has a $ in its name, or the cache folder has: choose another")

    def up(self, settle: float | None, boot: float | None = 0.0, traits: Traits | None = None) -> None:
        """Start what does not run.

        Args:
            settle: seconds for which load balancers stay PENDING; None: as before, and 0.5 at first.
            boot: seconds for which a new one does, if they are more; None: as before, and none at first.
            traits: what it is to be like; None: as it was, or as Infomaniak's at the first start.

        Raises:
            SandboxError: a part does not come up.
        """
        self.check()
        for name in ("log", "run", "control", "locks", "neutron", "domains"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self.settle(*self._first_settle(settle, boot))
        if not self.seeded:
            self._from_template()
        self._postgres.start(*self.extras.chosen)
        running, before = self.running(), self.traits
        if traits is not None:
            files.write(self.control / FILE, dump(traits))
        if not any(running.get(service) for service in SERVICES):
            self._choose_ports(self.services)
            configs.write(self._layout, self.traits)
            extras.write(self._layout, self.extras.chosen, self.extras.key_role)
            self._sql("keystone", f"{seeding.endpoints_sql(self._layout)};{self._catalogue_sql()}")
        else:
            self._change_extras()
        self._start(self.services)
        self._bring(before)

    def _choose_ports(self, services: Sequence[str]) -> None:
        """Those of the last start, where nobody took one of them since."""
        ports = {name: port for name, port in self._ports.items() if name in services}
        self._add_ports(ports if all(map(port_free, ports.values())) else {}, services)

    def _add_ports(self, ports: dict[str, int], services: Sequence[str]) -> None:
        lacking = [name for name in services if name not in ports]
        ports |= dict(zip(lacking, free_ports(len(lacking)), strict=True))
        files.write(self._folder / "ports.json", json.dumps(ports))

    def _change_extras(self) -> None:
        """Bring a running OpenStack to those that are chosen; ``_start`` starts them."""
        ports, chosen = self._ports, self.extras.chosen
        for name in extras.EXTRAS:
            if name in ports and name not in chosen:
                self.process(name).stop()
        self._add_ports({name: port for name, port in ports.items() if name in self.services}, self.services)
        for name in extras.write(self._layout, chosen, self.extras.key_role):
            self.process(name).stop()  # what runs has read its file before
        self._sql("keystone", self._catalogue_sql())
        if "barbican" in chosen and "barbican" not in ports:
            self.process("octavia").stop()  # it may hold the catalogue of before, in a session that lasts for a day

    def _catalogue_sql(self) -> str:
        return extras.catalogue_sql(self._layout, self.extras.chosen)

    def _first_settle(self, seconds: float | None, boot: float | None) -> tuple[float | None, float | None]:
        """What is asked for; where nothing is, and nothing was before, how it is at first."""
        known = (self.control / "settle").exists() and (self.control / "boot").exists()
        first: tuple[float | None, float | None] = (None, None) if known else (_SETTLE, 0.0)
        return first[0] if seconds is None else seconds, first[1] if boot is None else boot

    def settle(self, seconds: float | None, boot: float | None = None) -> None:
        """For how long load balancers stay PENDING, and a new one at least; None: that stays as it is."""
        if seconds is not None:
            files.write(self.control / "settle", str(seconds))
        if boot is not None:
            files.write(self.control / "boot", str(boot))

    @property
    def traits(self) -> Traits:
        """In what it is as Infomaniak's cloud."""
        return load(self.control)

    @property
    def seeded(self) -> bool:
        """Whether it was ever started."""
        return (self._folder / "seeded.json").exists()

    def set_traits(self, traits: Traits) -> None:
        """Be like that from now on; a service that reads a changed one only at its start is started again.

        Raises:
            SandboxError: Neutron refused, or a service does not come up.
        """
        before = self.traits
        files.write(self.control / FILE, dump(traits))
        configs.write(self._layout, traits)
        again = [self.process(service) for service in traits.services_to_restart(before)]
        for process in again:
            process.stop()
        self._start(self.services)
        self._bring(before)

    def _bring(self, before: Traits) -> None:
        """Change what is in the databases, where it is not as the traits say."""
        now = self.traits
        if now.mail_blocked != before.mail_blocked:
            self._sql("neutron", default_group.statements(now.mail_blocked))
        if now.shared_networks != before.shared_networks:
            admin = login(self.auth_url, "admin", ADMIN_PASSWORD, "admin")
            provider_networks.show(admin, self.url("neutron"), now.shared_networks)

    @property
    def control(self) -> Path:
        """The folder by which running services are told what to do, and in which they say what they did."""
        return self._folder / "control"

    def down(self) -> None:
        """End it."""
        if (self._folder / "ports.json").exists():
            with ThreadPoolExecutor(len(self._ports)) as pool:
                list(pool.map(lambda service: self.process(service).stop(), self._ports))
        self._postgres.stop()
        self._postgres.forget()

    def running(self) -> dict[str, bool]:
        """Which parts run; none of them is named before the first start."""
        ports = self._ports
        placed = {"postgres", *ports}  # what was asked for just now has no port yet
        return {part: part in placed and self.process(part).pid is not None for part in self.parts} if ports else {}

    def _start(self, services: Sequence[str]) -> None:
        begin = time.monotonic()
        processes = [self.process(service) for service in services]
        for process in processes:
            process.start()
        for process in processes:
            process.wait()
        *others, last = map(str.capitalize, services)
        self._progress(f"{', '.join(others)} and {last} answer after {time.monotonic() - begin:.0f} s")

    @property
    def _surroundings(self) -> dict[str, str]:
        """The environment of all that runs: the user's own dot files, locale and caches have no part in it."""
        return {
            "PYTHONPATH": str(_ROOT),
            "PATH": f"{self._python.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self._folder),
            "XDG_CACHE_HOME": str(self._python.parent.parent / "cache"),
            "LC_ALL": "C.UTF-8",
            "MALLOC_ARENA_MAX": "2",  # else each of a dozen threads keeps what it has freed
        }

    def _python_says(self, module: str, *arguments: str) -> str:
        return self._run([str(self._python), "-m", f"sandbox.services.{module}", *arguments])

    def _run(self, command: list[str]) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the sandbox's own programs and statements
                command,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
                env=self._surroundings,
            )
        except subprocess.TimeoutExpired as late:
            raise SandboxError(f"`{' '.join(command)}` took longer than {late.timeout:.0f} s") from None
        if done.returncode:
            advice = trouble.advice(done.stderr, self._folder, trouble.STATE_GB)
            raise SandboxError(f"`{' '.join(command)}` failed:\n{done.stderr[-3000:]}\n{advice}".rstrip())
        return done.stdout

    def _sql(self, database: str, statements: str) -> None:
        script = "import sys, psycopg2; c = psycopg2.connect(sys.argv[1]); c.cursor().execute(sys.argv[2]); c.commit()"
        self._run([str(self._python), "-c", script, self._postgres.address.replace("DATABASE", database), statements])

    def _from_template(self) -> None:
        """Fill the folder from the seeded template; seed one first where there is none for these versions."""
        here = Path(__file__).resolve().parent
        key = cache.digest(*(here / name for name in _SEEDED_BY), str(self._python))
        template = cache.root() / f"template-{key}"
        with cache.locked("template", self._progress):
            if not (template / "seeded.json").exists():
                with step(self._progress, "seeding OpenStack's databases", SEED_SECONDS):
                    self._seed()
                    self._keep(template)
                return
        self._copy(template, self._folder)
        files.write(self.control / FILE, dump(INFOMANIAK))

    def _keep(self, template: Path) -> None:
        """Make the template of what was just seeded, and goes on running."""
        partial = template.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(template, ignore_errors=True)
        partial.mkdir(parents=True)
        self._postgres.copy(partial / "pg")
        for name in _SEEDED[1:]:
            self._run(["cp", "-a", str(self._folder / name), str(partial / name)])
        files.write(partial / "seeded.json", (self._folder / "seeded.json").read_text(), 0o600)
        partial.rename(template)

    def _copy(self, source: Path, target: Path) -> None:
        """Copy what a template holds; ``cp`` keeps owners, which PostgreSQL insists on. The marker file goes last.

        Parts that are there already are of a copy that was broken off.
        """
        target.mkdir(parents=True, exist_ok=True)
        for name in _SEEDED:
            shutil.rmtree(target / name, ignore_errors=True)
            self._run(["cp", "-a", str(source / name), str(target / name)])
        files.write(target / "seeded.json", (source / "seeded.json").read_text(), 0o600)

    def _seed(self) -> None:
        self.down()
        for name in _SEEDED:  # what a start that failed left
            shutil.rmtree(self._folder / name, ignore_errors=True)
        self._postgres.start()
        self._choose_ports(SERVICES)
        files.write(self.control / FILE, dump(INFOMANIAK))
        configs.write(self._layout, INFOMANIAK)
        manage = [str(self._python.parent / "keystone-manage"), f"--config-file={self._layout.config('keystone')}"]
        for name in _SEEDED[1:]:
            (self._folder / name).mkdir(mode=0o700, exist_ok=True)
        url = f"{self._layout.url('keystone')}/v3"
        bootstrap = ["bootstrap", f"--bootstrap-password={ADMIN_PASSWORD}", f"--bootstrap-region-id={REGION}"]
        bootstrap += [f"--bootstrap-{kind}-url={url}" for kind in ("admin", "internal", "public")]
        owner = [f"--keystone-user={os.getuid()}", f"--keystone-group={os.getgid()}"]
        for arguments in (["db_sync"], ["fernet_setup", *owner], ["credential_setup", *owner], bootstrap):
            self._run([*manage, *arguments])
        self._python_says(
            "schema", "neutron", str(self._layout.config("neutron")), self._layout.database_url("neutron")
        )
        self._sql("neutron", default_group.statements(INFOMANIAK.mail_blocked))
        self._python_says("schema", "octavia", str(self._layout.config("octavia")))
        self._start(SERVICES)
        projects = seeding.seed(self._layout, secrets.token_urlsafe)
        files.write(self._folder / "seeded.json", json.dumps(projects), 0o600)
