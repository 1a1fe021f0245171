"""What is said of the clients of the rolling update: what was answered, and above all what was not."""

from sandbox.data_path import Tally
from tests.e2e.rolling import report


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
