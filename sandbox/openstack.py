"""Keystone, Neutron and Octavia on one machine, from a database that is seeded once and then copied."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import cache, configs, files, seeding, trouble
from sandbox.configs import ADMIN_PASSWORD, REGION, Layout
from sandbox.environment import Project
from sandbox.errors import SandboxError
from sandbox.postgres import Postgres
from sandbox.process import Process, answers, free_ports, port_free
from sandbox.progress import Progress, step

SERVICES = ("keystone", "neutron", "octavia")
PARTS = ("postgres", *SERVICES)
SEED_SECONDS = 50.0
"""What seeding takes beside a build, on two cores."""
_WORKERS = {"keystone": 1, "neutron": 2, "octavia": 1}
_ROOT = Path(__file__).resolve().parent.parent
_SEEDED = ("pg", "fernet", "receipts", "credential-keys")
"""What a seeded OpenStack consists of, beside the list of its projects."""
_SEEDED_BY = (
    "seeding.py",
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
        command += ["--workers", str(_WORKERS[service])]
        url = f"{self._layout.url(service)}/{'v3' if service == 'keystone' else ''}"
        environment = {
            **self._surroundings,
            "OS_KEYSTONE_CONFIG_FILES": str(self._layout.config("keystone")),
            "OS_NEUTRON_CONFIG_FILES": str(self._layout.config("neutron")),
        }
        return Process(service, self._folder, command, lambda: answers(url), environment)

    def up(self, settle: float) -> None:
        """Start what does not run.

        Raises:
            SandboxError: a part does not come up.
        """
        if "$" in f"{self._folder}{self._python}":  # starts a variable in the services' files and arguments
            raise SandboxError(f"{self._folder} has a $ in its name, or the cache folder has: choose another")
        for name in ("log", "run", "control", "locks", "neutron", "domains"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self.settle(settle)
        if not (self._folder / "seeded.json").exists():
            self._from_template()
        self._postgres.start()
        running = self.running()
        if not any(running.get(service) for service in SERVICES):
            self._choose_ports()
            configs.write(self._layout)
            self._sql("keystone", seeding.endpoints_sql(self._layout))
        self._start()

    def _choose_ports(self) -> None:
        """Those of the last start, where nobody took one of them since."""
        ports = self._ports
        if not ports or not all(map(port_free, ports.values())):
            ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        files.write(self._folder / "ports.json", json.dumps(ports))

    def settle(self, seconds: float) -> None:
        """For how long load balancers stay PENDING."""
        files.write(self.control / "settle", str(seconds))

    @property
    def control(self) -> Path:
        """The folder by which running services are told what to do, and in which they say what they did."""
        return self._folder / "control"

    def down(self) -> None:
        """End it."""
        if (self._folder / "ports.json").exists():
            with ThreadPoolExecutor(len(SERVICES)) as pool:
                list(pool.map(lambda service: self.process(service).stop(), SERVICES))
        self._postgres.stop()
        self._postgres.forget()

    def running(self) -> dict[str, bool]:
        """Which parts run; none of them is named before the first start."""
        return {part: self.process(part).pid is not None for part in PARTS} if self._ports else {}

    def _start(self) -> None:
        begin = time.monotonic()
        processes = [self.process(service) for service in SERVICES]
        for process in processes:
            process.start()
        for process in processes:
            process.wait()
        self._progress(f"Keystone, Neutron and Octavia answer after {time.monotonic() - begin:.0f} s")

    @property
    def _surroundings(self) -> dict[str, str]:
        """The environment of all that runs: the user's own dot files, locale and caches have no part in it."""
        return {
            "PYTHONPATH": str(_ROOT),
            "PATH": f"{self._python.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self._folder),
            "XDG_CACHE_HOME": str(self._python.parent.parent / "cache"),
            "LC_ALL": "C.UTF-8",
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
        self._choose_ports()
        configs.write(self._layout)
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
        self._python_says("schema", "octavia", str(self._layout.config("octavia")))
        self._start()
        projects = seeding.seed(self._layout, secrets.token_urlsafe)
        files.write(self._folder / "seeded.json", json.dumps(projects), 0o600)
