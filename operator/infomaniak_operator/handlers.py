"""kopf handlers: events in, queue keys out.

kopf watches, logs in and lists again; nothing else of it is used. There is one ``on.event`` handler a kind, so that
kopf puts neither finalizers nor annotations on any object.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kopf

from infomaniak_operator.controller.cache.watcher import Sink, Together, Watch
from infomaniak_operator.controller.kube.kube_api import KubeType

_log = logging.getLogger(__name__)
LOGIN_SECONDS = 300.0
"""How long a login is used: a ServiceAccount's token is replaced on disk about once an hour."""

_BEAT_SECONDS = 5.0
_FOLLOW_SECONDS = 0.05
_BACKOFFS = (0.5, 1.0, 2.0, 4.0)
_REQUEST_SECONDS = 30.0
"""Of discovery and of a page of a LIST: while one is not answered, nothing is heard of its kind. Kopf's own are 300."""
_CONNECT_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0
_END_SECONDS = 10.0
"""Kopf's own end takes five at the most."""
_CANCELLATIONS, _CANCEL_SECONDS = 50, 0.1
"""How often, and how long apart, what kopf leaves behind is told to end: it takes one for the end of a pause."""
_INACTIVITY_SECONDS = 90.0
"""A watch is silent for at most a minute: the API server sends bookmarks."""
_PAGE = 25
"""Kopf has one size for all kinds, and a page of Secrets is in memory whole."""
_IDLE_SECONDS = 0.1
"""For so long after an event kopf keeps the object, whole, in case there is another."""


class KopfWatch:
    """The controller's ``Watch``, by kopf, in a loop of its own: kopf cancels, at its end, what runs in its loop.

    Args:
        resources: the kinds to watch.
        load: gives a ``pykube.KubeConfig``, read anew; see ``controller.kube.kube_http.loader``.
        namespaces: to watch; none means all.
    """

    def __init__(self, resources: Iterable[KubeType], load: Callable[[], Any], namespaces: Iterable[str] = ()) -> None:
        self._resources = tuple(resources)
        self._load = load
        self._namespaces = tuple(namespaces)

    def run(self, sink: Sink, stop: threading.Event) -> None:
        """Watch until ``stop`` is set.

        Raises:
            Exception: kopf ended, or one of its parts did.
        """
        _quiet()
        loop = asyncio.new_event_loop()  # not ``asyncio.run``: it waits for everything to end, however long that takes
        try:
            loop.run_until_complete(self._run(sink, stop))
        finally:
            loop.close()
        if not stop.is_set():
            raise RuntimeError("kopf ended by itself; its log says why")

    async def _run(self, sink: Sink, stop: threading.Event) -> None:
        # Not ``stop`` itself: kopf would wait for it in a thread, and could not end for any other reason.
        flag = asyncio.Event()
        follower = asyncio.create_task(_follow(stop, flag), name="stop follower")
        ending = asyncio.create_task(flag.wait(), name="end follower")
        kopf_itself = asyncio.create_task(self._operator(sink, flag), name="kopf")
        try:
            await asyncio.wait((kopf_itself, ending), return_when=asyncio.FIRST_COMPLETED)
            # A watch of kopf's that opens its stream when it is told to end goes on, and kopf waits for it for ever.
            ended, _ = await asyncio.wait((kopf_itself,), timeout=_END_SECONDS)
            if ended:
                await kopf_itself
            elif not stop.is_set():
                raise RuntimeError("a part of kopf ended, and the others do not; kopf's log says why")
        finally:
            follower.cancel()
            await _end_all()

    async def _operator(self, sink: Sink, flag: asyncio.Event) -> None:
        await kopf.operator(
            registry=self._registry(sink, flag),
            settings=self._settings(),
            standalone=True,
            # Else kopf asks for the user's name, and a container's user has none: the watching would end at once.
            identity="infomaniak-operator",  # type: ignore[arg-type]
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=flag,
        )

    def _settings(self) -> kopf.OperatorSettings:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        # Else kopf kills the process if its end takes long.
        settings.process.ultimate_exiting_timeout = None
        # Needs no right on CustomResourceDefinitions or Namespaces: the controller starts the watching once all kinds
        # are there.
        settings.scanning.disabled = True
        settings.networking.error_backoffs = _BACKOFFS
        settings.networking.request_timeout = _REQUEST_SECONDS
        settings.networking.connect_timeout = _CONNECT_SECONDS
        settings.watching.reconnect_backoff = _RECONNECT_SECONDS
        settings.watching.inactivity_timeout = _INACTIVITY_SECONDS
        settings.watching.chunk_size = _PAGE
        settings.queueing.idle_timeout = _IDLE_SECONDS
        for each in self._resources:
            if each.label_selector:
                settings.watching.label_selectors[each.group, each.version, each.plural] = each.label_selector
        return settings

    def _registry(self, sink: Sink, flag: asyncio.Event) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        tasks: list[asyncio.Task[None]] = []

        async def login(**_: Any) -> kopf.ConnectionInfo:
            return connection(await asyncio.to_thread(self._load))

        async def startup(**_: Any) -> None:
            tasks.append(asyncio.create_task(_beats(sink), name="beats"))
            sink.started()

        async def cleanup(**_: Any) -> None:
            for task in tasks:
                task.cancel()
            # Else kopf, where it ends by itself, waits 5 s for its own task that waits for the flag.
            flag.set()

        kopf.on.login(registry=registry)(login)
        kopf.on.startup(registry=registry)(startup)
        kopf.on.cleanup(registry=registry)(cleanup)
        for each in self._resources:
            kopf.on.event(each.group, each.version, each.plural, registry=registry, id=f"watch-{each.plural}")(
                _handler(each.kind, sink)
            )
        return registry


def watching(resources: Iterable[KubeType], load: Callable[[], Any], namespaces: Iterable[str] = ()) -> Watch:
    """The watch of some kinds, each in the namespaces that it is to be watched in.

    Kopf watches all kinds of one operator in the same namespaces, so that kinds that differ in them take one each; and
    each resource with one selection of labels, so that two selections of Secrets do, too.

    Args:
        resources: the kinds to watch.
        load: as for ``KopfWatch``.
        namespaces: where kinds that name no namespaces themselves are watched; none means everywhere.
    """
    groups: dict[tuple[tuple[str, ...], int], list[KubeType]] = {}
    everywhere = tuple(namespaces)
    for each in resources:
        where, url = each.namespaces or everywhere, (each.group, each.version, each.plural)
        turn = 0
        while any((other.group, other.version, other.plural) == url for other in groups.get((where, turn), ())):
            turn += 1
        groups.setdefault((where, turn), []).append(each)
    watches = [KopfWatch(kinds, load, where) for (where, _), kinds in groups.items()]
    return watches[0] if len(watches) == 1 else Together(watches)


def connection(config: Any) -> kopf.ConnectionInfo:
    """Kopf's login from a ``pykube.KubeConfig``; it expires, so that a token is read again."""
    cluster: Mapping[str, Any] = config.cluster
    user: Mapping[str, Any] = config.user
    authority, certificate, key = (
        cluster.get("certificate-authority"),
        user.get("client-certificate"),
        user.get("client-key"),
    )
    return kopf.ConnectionInfo(
        server=cluster["server"],
        ca_path=authority.filename() if authority else None,
        insecure=cluster.get("insecure-skip-tls-verify"),
        username=user.get("username"),
        password=user.get("password"),
        token=user.get("token"),
        certificate_path=certificate.filename() if certificate else None,
        private_key_path=key.filename() if key else None,
        default_namespace=config.namespace,
        expiration=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LOGIN_SECONDS),
    )


def _handler(kind: str, sink: Sink) -> Callable[..., Any]:
    async def handle(event: Mapping[str, Any], **_: Any) -> None:
        sink.event(kind, event["type"], event["object"])

    return handle


async def _follow(stop: threading.Event, flag: asyncio.Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110 - it is another thread's
        await asyncio.sleep(_FOLLOW_SECONDS)
    flag.set()


async def _end_all() -> None:
    """End what still runs in this loop, as far as it lets itself be ended."""
    for _ in range(_CANCELLATIONS):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_CANCEL_SECONDS)
    _log.warning("kopf has left %d tasks that do not end", len(left))


async def _beats(sink: Sink) -> None:
    while True:
        sink.beat()
        await asyncio.sleep(_BEAT_SECONDS)


def _quiet() -> None:
    """Kopf tells of every object it sees, and that it leaves signals to us; neither is news."""
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
