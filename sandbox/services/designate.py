"""Designate's API and its central service in one process, on PostgreSQL."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.services import designate_schema
from sandbox.services.designate_settler import Settler

_PASTE = Path(sys.prefix, "etc", "designate", "api-paste.ini")


def application(config: str) -> Any:
    """The WSGI application; its central service and the settler run beside it.

    Its type for ids makes text of them itself. With SQLAlchemy 2, PostgreSQL's own type makes UUID objects of them
    before, which Designate does not expect: it is told to leave them alone.

    Args:
        config: its configuration file.
    """
    from oslo_service import backend  # noqa: PLC0415

    backend.init_backend(backend.BackendType.THREADING)
    from designate.api import wsgi  # noqa: PLC0415
    from designate.storage.sqlalchemy import types  # noqa: PLC0415
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    types.pgUUID = lambda: postgresql.UUID(as_uuid=False)
    wsgi._get_config_files = lambda: [str(_PASTE), config]  # noqa: SLF001 - it knows one folder for both, by a variable
    made = wsgi.init_application()
    _central()
    return made


def _central() -> None:
    from designate.central.service import Service  # noqa: PLC0415
    from designate.context import DesignateContext  # noqa: PLC0415

    designate_schema.ensure()
    central = Service()
    central.start()
    settler = Settler(central, DesignateContext.get_admin_context(all_tenants=True))
    threading.Thread(target=settler.forever, daemon=True).start()
