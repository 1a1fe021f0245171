"""What becomes of a request to the API server that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and to read, for each request."""


class ClusterError(Exception):
    """The API server cannot be asked, or refuses. The message says what, and what to do.

    Attributes:
        status: the HTTP status of a refusal; None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_not_there(self) -> bool:
        """Whether the API server says that there is no such thing."""
        return self.status == HTTPStatus.NOT_FOUND


@contextmanager
def asked(what: str, namespace: str | None) -> Iterator[None]:
    """One request; whatever it fails with becomes a ``ClusterError``.

    Args:
        what: what is asked for, for the message.
        namespace: where; None: in all namespaces; empty: it is in none.
    """
    where = "" if namespace == "" else f" in namespace {namespace}" if namespace else " in all namespaces"
    try:
        yield
    except ApiException as error:
        raise ClusterError(f"Cannot {what}{where}: {said(error)}", error.status) from error
    except (HTTPError, OSError) as error:
        raise ClusterError(f"Cannot {what}{where}: the API server does not answer ({error})") from error
    except (ValueError, TypeError, AttributeError) as error:
        # Not in the library's words, which repeat what was answered: it may be a Secret.
        raise ClusterError(f"Cannot {what}{where}: the answer cannot be read ({type(error).__name__})") from None


def items_of(answer: Mapping[str, Any]) -> Sequence[Any]:
    """What is in a list that was asked for.

    Raises:
        ValueError: the answer is no list. That is never an empty one, whoever between here and there has given it.
    """
    if "items" not in answer:
        raise ValueError("the answer is no list")
    return answer["items"] or ()


def said(error: ApiException) -> str:
    """What the API server says of a refusal."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.status} {error.reason}"
