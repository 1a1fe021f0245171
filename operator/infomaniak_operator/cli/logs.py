"""Logging of the operator: one line an entry, to standard error; libraries only where they have something to say."""

from __future__ import annotations

import logging

_QUIET = ("urllib3", "keystoneauth", "openstack", "stevedore", "kopf.activities.authentication", "asyncio", "pykube")


def configure(level: str) -> None:
    """Set up logging.

    Args:
        level: of the operator's own entries; libraries log from WARNING on, whatever it is: keystoneauth would write
            whole requests at DEBUG.
    """
    logging.basicConfig(
        level=level,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
