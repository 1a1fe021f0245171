"""``python ping.py PROXY-ADDRESS PROXY-PORT ADDRESS PORT``: HAProxy's external check for monitors of type PING.

The kernel answers an echo request at each address of the world, whoever is there. So an address is taken to answer
where somebody listens on it.
"""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

_LISTEN = "0A"


def listens(address: str, tables: str) -> bool:
    """Whether a table of the kernel's, as in ``/proc/net/tcp``, has a listening socket at an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    wanted = "".join(f"{word:08X}" for word in words)
    rows = (line.split() for line in tables.splitlines())
    return any(len(row) > 3 and row[1].startswith(f"{wanted}:") and row[3] == _LISTEN for row in rows)  # noqa: PLR2004


if __name__ == "__main__":
    where = sys.argv[3]
    table = Path("/proc/self/net") / ("tcp6" if ":" in where else "tcp")
    sys.exit(0 if listens(where, table.read_text()) else 1)
