"""What is said of the clients of the rolling update: what was answered, and above all what was not."""

from sandbox.data_path import Tally
from tests.e2e.rolling import manifests, report


def tally(*failures: str, again: int = 0, **answers: int) -> Tally:
    return Tally(answers, {}, len(failures), failures, again, 0.0)


def test_answers_are_counted_by_version() -> None:
    found = report({"kept": tally(old=3), "new": tally(old=1, new=2)})
    assert (found.answers, found.failed) == ({"old": 4, "new": 2}, 0)


def test_what_is_refused_or_an_error_and_what_had_to_be_asked_again_has_failed() -> None:
    found = report({"kept": tally("FailedError: status 503", again=2), "new": tally("ConnectionRefusedError: no")})
    assert not found.answers
    assert found.failures == {"kept": 3, "new": 1}
    assert str(found).startswith("4 requests: none answered; 4 failed")


def test_a_report_says_how_many_and_why() -> None:
    found = report({"kept": tally("FailedError: status 503", old=3), "new": tally(new=2)})
    assert str(found) == "6 requests: 2 by new, 3 by old; 1 failed; 1 kept; FailedError: status 503"


def test_a_kept_connection_that_may_be_closed_is_told_and_has_not_failed() -> None:
    found = report({"kept": tally(old=3, again=2), "new": tally("TimeoutError", old=1)}, may_close=True)
    assert str(found) == (
        "5 requests: 4 by old; 1 failed; 1 new; TimeoutError; 2 kept connections were closed between two requests"
    )


def test_two_phases_are_told_as_one() -> None:
    first = report({"kept": tally("FailedError: status 503", old=3)})
    both = first.and_then(report({"kept": tally(new=2, again=1), "new": tally(old=1)}))
    assert str(both) == "8 requests: 2 by new, 4 by old; 2 failed; 2 kept; FailedError: status 503"


def test_pods_have_the_gate_of_the_pool_that_follows_them_and_serve_on_for_longer_than_a_member_drains() -> None:
    bodies = manifests("an-image", "a program")
    (pod,) = [
        body["spec"]["template"]["spec"]
        for body in bodies
        if body["kind"] == "Deployment" and "readinessGates" in body["spec"]["template"]["spec"]
    ]
    (gate,) = pod["readinessGates"]
    (pool,) = [
        body
        for body in bodies
        if gate["conditionType"] == f"network.infomaniak.cloud/pool-{body['metadata']['name']}"
        and body["kind"] == "Pool"
    ]
    follows = pool["spec"]["membersFrom"]
    assert follows["mode"] == "Endpoints"
    assert pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] > follows["drainSeconds"] + 2
