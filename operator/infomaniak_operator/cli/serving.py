"""Serves probes and metrics of a wired operator."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from infomaniak_operator.cli.options import Options
from infomaniak_operator.cli.wiring import Operator
from infomaniak_operator.metrics.http_pages import metrics, probes
from infomaniak_operator.metrics.http_server import Address, Guard, Page, Server

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def serving(options: Options, operator: Operator) -> Iterator[None]:
    """Serve while the block runs; both from one server where both addresses are the same.

    Raises:
        OSError: an address cannot be listened on.
    """
    pages: dict[Address, dict[str, Page]] = {}
    if options.metrics_address:
        pages.setdefault(options.metrics_address, {}).update(metrics(operator.metrics.registry))
    if options.health_address:
        pages.setdefault(options.health_address, {}).update(probes(operator.manager.stats, operator.lease))
    guards: dict[str, Guard] = {"/metrics": operator.access} if operator.access else {}
    with contextlib.ExitStack() as stack:
        for address, served in pages.items():
            try:
                server = Server(address, served, guards)
            except OSError as error:
                raise OSError(f"{', '.join(served)} cannot be served on port {address.port}: {error}") from error
            stack.callback(server.close)
            _log.info("%s on port %d", ", ".join(served), server.port)
        yield
