"""The data path under Octavia: each load balancer of a project that has a world gets its HAProxy, and health from it.

Every load balancer is worked on by itself: one that hangs or fails holds up no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import sqlalchemy
from octavia.db import api as database
from octavia.db import repositories

from sandbox.data_path.settings import Settings
from sandbox.services.data_path import amphora, health
from sandbox.services.data_path.balancer import Balancer
from sandbox.services.data_path.states import States, failed, grouped, merged, settled
from sandbox.services.data_path.vip_groups import VipGroups

LOG = logging.getLogger(__name__)
STEP = 1.0
"""Seconds between two looks at each HAProxy."""
_WORKERS = 8
_POOL = "SELECT load_balancer_id FROM pool WHERE id = t.pool_id"
_LISTENER = "SELECT load_balancer_id FROM listener WHERE id = t.listener_id"
_POLICY = "SELECT load_balancer_id FROM listener WHERE id = (SELECT listener_id FROM l7policy WHERE id = t.l7policy_id)"
_OWNER = {
    "members": ("member", _POOL),
    "healthmonitors": ("health_monitor", _POOL),
    "l7rules": ("l7rule", _POLICY),
    "l7policies": ("l7policy", _LISTENER),
    "pools": ("pool", "t.load_balancer_id"),
    "listeners": ("listener", "t.load_balancer_id"),
    "loadbalancers": ("load_balancer", "t.id"),
}
_OWNERS = " UNION ALL ".join(
    f"SELECT '{kind}', t.id, ({owner}) FROM {table} t WHERE t.id = ANY(:ids)"  # noqa: S608 - names of the table above
    for kind, (table, owner) in _OWNER.items()
)
_ALIVE = "SELECT id, project_id FROM load_balancer WHERE provisioning_status NOT IN ('DELETED', 'PENDING_DELETE')"
_PROJECTS = "SELECT id, project_id FROM load_balancer WHERE id = ANY(:ids) AND provisioning_status <> 'DELETED'"


def start(control: Path) -> Plane:
    """A data path that follows what the sandbox says of it in the control folder, from now on."""
    plane = Plane(control)
    threading.Thread(target=plane.watch, daemon=True).start()
    return plane


class Plane:
    """All load balancers' HAProxies.

    Args:
        control: the folder in which the sandbox says what there is.
    """

    def __init__(self, control: Path) -> None:
        self._control = control
        self._pool = ThreadPoolExecutor(_WORKERS)
        self._jobs: dict[str, tuple[Future[set[str]], States]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._tending: dict[str, Future[None]] = {}
        self._runs: dict[str, bool] = {}
        """Whether each is to run, for those that this process has brought to what the database says."""
        self._groups = VipGroups()
        amphora.configure()

    # -- for the settler ----------------------------------------------------------------------------------------------
    def settled(self, due: States) -> States:
        """What may be told to Octavia now.

        Rows of a load balancer that has a data path come when its HAProxy has taken what they say, and in ERROR where
        it has not; others at once.

        Args:
            due: what has been PENDING for long enough, and what becomes of it.
        """
        ready, finished = self._finished()
        settings = Settings.load(self._control)
        if settings is None or not due:
            return merged(ready, due)
        owners, projects = self._owners(due)
        worlds = {lb: project for lb, project in projects.items() if project in settings.worlds}
        mine, others = grouped(due, {row: lb for row, lb in owners.items() if lb in worlds})
        for lb, rows in mine.items():
            if lb not in self._jobs and lb not in finished:  # else the same rows, due again under way
                self._jobs[lb] = self._pool.submit(self._apply, self._balancer(settings, lb, worlds[lb])), rows
        return merged(ready, others)

    def _finished(self) -> tuple[States, set[str]]:
        done = {lb: job for lb, job in self._jobs.items() if job[0].done()}
        states: States = {}
        for lb, (future, rows) in done.items():
            del self._jobs[lb]
            error = future.exception()
            if error:
                LOG.error("load balancer %s: %s", lb, error)
            states = merged(states, failed(rows, lb) if error else settled(rows, future.result()))
        return states, set(done)

    @staticmethod
    def _owners(due: States) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
        ids = [row["id"] for rows in due.values() for row in rows]
        with database.get_engine().connect() as connection:
            rows = connection.execute(sqlalchemy.text(_OWNERS), {"ids": ids}).fetchall()
            owners = {(kind, row_id): lb for kind, row_id, lb in rows}
            found = connection.execute(sqlalchemy.text(_PROJECTS), {"ids": sorted(set(owners.values()))}).fetchall()
        return owners, dict(map(tuple, found))

    @staticmethod
    def _balancer(settings: Settings, load_balancer: str, project: str) -> Balancer:
        world = settings.world(project)
        if world is None:
            raise LookupError(f"project {project} has no world")
        return Balancer(world, settings.tools, load_balancer)

    def _apply(self, balancer: Balancer) -> set[str]:
        """Bring one to the database; returns the listeners that could not be served."""
        with self._lock(balancer.id):
            self._bring(balancer)
            return amphora.failed(balancer.id)

    def _bring(self, balancer: Balancer) -> None:
        self._groups.bring(balancer.id, balancer.folder, balancer.world.folder)
        self._report(balancer)  # what the process counted that now goes
        self._runs[balancer.id] = amphora.apply(balancer)
        self._report(balancer)

    @staticmethod
    def _report(balancer: Balancer) -> None:
        if balancer.pid():
            with suppress(OSError):  # it ended meanwhile, or hangs: the next look says so
                health.report(balancer)

    def _lock(self, load_balancer: str) -> threading.Lock:
        return self._locks.setdefault(load_balancer, threading.Lock())

    # -- all the time -------------------------------------------------------------------------------------------------
    def watch(self) -> None:
        """Look at each HAProxy for ever; one that is not there is started, with those of before this process."""
        while True:
            time.sleep(STEP)
            try:
                self._look()
            except Exception:
                LOG.exception("the data path goes on")

    def _look(self) -> None:
        settings = Settings.load(self._control)
        if settings is None:
            self._runs.clear()
            return
        with database.get_engine().connect() as connection:
            alive = connection.execute(sqlalchemy.text(_ALIVE)).fetchall()
        for lb, project in alive:
            under_way = self._tending.get(lb)
            if project in settings.worlds and lb not in self._jobs and (under_way is None or under_way.done()):
                balancer = self._balancer(settings, lb, project)
                self._tending[lb] = self._pool.submit(self._guarded, self._tend, balancer)

    @staticmethod
    def _guarded(tend: Callable[[Balancer], None], balancer: Balancer) -> None:
        try:
            tend(balancer)
        except Exception:
            LOG.exception("load balancer %s carries nothing", balancer.id)
            with database.get_session() as session, session.begin():
                repositories.LoadBalancerRepository().update(session, balancer.id, operating_status="ERROR")

    def _tend(self, balancer: Balancer) -> None:
        with self._lock(balancer.id):
            runs = self._runs.get(balancer.id)
            if runs is None or (runs and not balancer.pid()):
                self._bring(balancer)
            elif runs:
                health.report(balancer)
