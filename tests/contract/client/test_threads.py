import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from infomaniak_operator.client import CloudSession, Operations

THREADS = 64


@pytest.mark.slow
@pytest.mark.parametrize("many", [500, pytest.param(2000, marks=pytest.mark.full)])
def test_sixty_four_threads_share_one_client(credentials, many):
    """Mixed calls: one token request, no error."""
    calls: list = []
    session = CloudSession(credentials, timeout_seconds=300.0, on_call=calls.append, retry_delays=())
    do = Operations(session)
    start = threading.Barrier(THREADS)

    def work(number: int) -> int:
        start.wait()
        mine = many // THREADS + (number < many % THREADS)
        for turn in range(mine):
            match (turn + number) % 4:
                case 0:
                    do.networks.list(fields=["id"])
                case 1:
                    do.load_balancers.list(fields=["id"])
                case 2:
                    do.security_groups.list(name="default", fields=["id", "name"])
                case _:
                    do.tags.replace("networks", network["id"], [str(number)])
        return mine

    network = do.networks.create({"name": "threads"})
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            done = sum(pool.map(work, range(THREADS)))
    finally:
        do.networks.delete(network["id"])
        session.close()
    assert done == many
    told = Counter(call.service for call in calls)
    assert told["identity"] == 1
    assert all(call.status and call.status < 300 for call in calls)
