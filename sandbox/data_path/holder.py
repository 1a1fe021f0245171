"""``python holder.py FILE``: the first process of a network world, run in new namespaces; with it all in them ends.

Every address of the world is its own (Linux calls it AnyIP): nothing is added where a VIP or a server comes, and what
nobody listens on refuses. Who does not choose his address comes from one that is foreign to every project.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from types import FrameType

CLIENT = "203.0.113.1"
"""The address of those who choose none: of the range for documentation, and so in no project's network."""
_FOREIGN = ("203.0.113.0", 24)
_LO = 1
_UP, _SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x1, 0x8913, 0x8914
_NEWROUTE, _REQUEST, _ACK, _CREATE = 24, 1, 4, 0x400
_LOCAL_TABLE, _LOCAL_ROUTE, _HOST_SCOPE, _STATIC = 255, 2, 254, 4
_DST, _OIF, _PREFSRC = 1, 4, 7


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value  # values of 4 bytes, so none is padded


def local_route(family: int, destination: str, length: int, source: str = "") -> bytes:
    """A netlink message that makes all addresses of a range local ones.

    Args:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.
        destination: the range; of length 0: all.
        length: of its prefix.
        source: the address of those who choose none.
    """
    header = (family, length, 0, 0, _LOCAL_TABLE, _STATIC, _HOST_SCOPE, _LOCAL_ROUTE, 0)
    body = struct.pack("BBBBBBBBI", *header) + _attribute(_OIF, struct.pack("i", _LO))
    if length:
        body += _attribute(_DST, socket.inet_pton(family, destination))
    if source:
        body += _attribute(_PREFSRC, socket.inet_pton(family, source))
    return struct.pack("IHHII", 16 + len(body), _NEWROUTE, _REQUEST | _ACK | _CREATE, 1, 0) + body


def _send(message: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(message)
        error = struct.unpack_from("i", netlink.recv(4096), 16)[0]
        if error:
            raise OSError(-error, os.strerror(-error))


def _network() -> None:
    with socket.socket() as one:
        flags = struct.unpack_from("16sH", fcntl.ioctl(one, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0)))[1]
        fcntl.ioctl(one, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
    _send(local_route(socket.AF_INET, *_FOREIGN))
    _send(local_route(socket.AF_INET, "0.0.0.0", 0, CLIENT))  # noqa: S104 - nothing is bound
    with contextlib.suppress(OSError):  # a kernel without IPv6
        _send(local_route(socket.AF_INET6, "::", 0))
        Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1")  # IPv4 needs no leave for it


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(0)


def main() -> None:
    """Make the network, say who we are, and bury what ends here."""
    signal.signal(signal.SIGTERM, _end)
    _network()
    # /proc is the machine's, and so is the number that it gives us.
    file, outside = Path(sys.argv[1]), Path("/proc/self").readlink().name
    for lost in file.parent.glob("balancers/*/pid"):  # of processes that ended with the world before
        lost.unlink()
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"pid": int(outside)}))
    partial.replace(file)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        signal.sigwait({signal.SIGCHLD})
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    main()
