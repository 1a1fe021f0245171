"""What can go wrong with the cloud, as one tree of types.

::

    InfomaniakCloudError                 anything the cloud, or the way to it, answered with
    ├── AuthenticationError              the login was refused, or (TRANSIENT) a fresh token (401)
    │   └── InvalidCredentialsError      the credential is incomplete or not allowed; nothing was sent
    │       └── CloudNotAllowedError     it leads to a cloud that it may not lead to
    ├── ForbiddenError                   logged in, but a policy says no (403)
    ├── NotFoundError                    there is no such thing in this project and region (404)
    ├── BadRequestError                  the service does not accept the request, as a rule never (400)
    ├── ConflictError                    something stands in the way: in use, locked, taken (409)
    ├── QuotaExceededError               the project's quota is used up (409 or 403)
    ├── PreconditionFailedError          it changed since it was read (412, from If-Match)
    ├── ReadOnlyError                    it was to change something, and the session only reads; nothing was sent
    ├── CloudConnectionError             the service was not reached, or the connection broke
    │   ├── CloudTimeoutError            no answer in time
    │   └── CloudAwayError               it has not answered of late, and is not asked just now; nothing was sent
    └── ServiceError                     the service failed or is overloaded (429, 5xx)
        └── ServiceMissingError          the catalogue has no such service in this region; nothing was sent

The type says what happened; ``category`` says what to do about it, and the two are not the same: a 409 may be a lock
that passes in a second (WAITING), a use that somebody must end (IN_USE), or a duplicate that never passes (TERMINAL).
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from infomaniak_operator.client.told import Told, own, told


class Category(Enum):
    """What to do about an error."""

    TRANSIENT = "transient"
    """Try again later, with a rising delay."""
    WAITING = "waiting"
    """Something is under way and passes by itself: try again soon."""
    IN_USE = "in use"
    """Something else uses it: try again slowly."""
    QUOTA = "quota"
    """No room: passes when something else is removed, or the quota raised."""
    TERMINAL = "terminal"
    """The same request will fail for ever: a person must change it."""
    UNREADABLE = "unreadable"
    """A certificate that it names is not there, or must not be read: passes when that is mended, in another service."""
    AUTHENTICATION = "authentication"
    """The credential must be mended."""
    NOT_FOUND = "not found"
    """It is not there (any more)."""
    PRECONDITION = "precondition"
    """It changed meanwhile: read it again."""


def explained(said: str, what_it_means: str) -> Told:
    """The words of others, which may end as a sentence does, and what they mean, as one sentence.

    Args:
        said: their words.
        what_it_means: a constant of ours.
    """
    length = len(said.rstrip(". "))
    return told(
        "{said}: {meaning}",
        said=said.cut(length) if isinstance(said, Told) else said[:length],
        meaning=own(what_it_means),
    )


class InfomaniakCloudError(Exception):
    """An operation on the cloud failed.

    Attributes:
        message: what happened, with the service's own words; ``str()`` adds the request id.
        said: the message, with what of it is ours.
        status: the HTTP status, or None where there was no answer.
        error_type: the service's own type (``NetworkInUse``), or None where it gives none.
        request_id: what the cloud's support asks for, or None.
        category: what to do about it.
        outcome_unknown: whether the request was to change something and may have been carried out all the same.
    """

    default_category: ClassVar[Category] = Category.TRANSIENT

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_type: str | None = None,
        request_id: str | None = None,
        category: Category | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.error_type = error_type
        self.request_id = request_id
        self.category = category or self.default_category
        self.outcome_unknown = outcome_unknown

    def __str__(self) -> str:
        return str(self.told())

    @property
    def message(self) -> str:
        """What happened."""
        return str(self.said)

    @message.setter
    def message(self, message: str) -> None:
        # Kept once: what is taken out of it is nowhere else.
        self.said = message if isinstance(message, Told) else Told(message)
        self.args = (str(message),)

    def told(self) -> Told:
        """All that is told of it."""
        return told("{message} (request {id})", message=self.said, id=self.request_id) if self.request_id else self.said


class AuthenticationError(InfomaniakCloudError):
    """The login was refused."""

    default_category = Category.AUTHENTICATION


class InvalidCredentialsError(AuthenticationError, ValueError):
    """The credential cannot be used as it is written; nothing was sent."""


class CloudNotAllowedError(InvalidCredentialsError):
    """The credential's ``auth_url`` is none of those allowed."""


class ForbiddenError(InfomaniakCloudError):
    """A policy of the cloud forbids it."""

    default_category = Category.TERMINAL


class NotFoundError(InfomaniakCloudError):
    """It is not there, in this project and region."""

    default_category = Category.NOT_FOUND


class BadRequestError(InfomaniakCloudError):
    """The service does not accept the request."""

    default_category = Category.TERMINAL


class ConflictError(InfomaniakCloudError):
    """The state of something stands in the way."""

    default_category = Category.IN_USE


class QuotaExceededError(InfomaniakCloudError):
    """The project's quota is used up."""

    default_category = Category.QUOTA


class PreconditionFailedError(InfomaniakCloudError):
    """It changed since it was read."""

    default_category = Category.PRECONDITION


class ReadOnlyError(InfomaniakCloudError):
    """The session only reads (``CloudSession.read_only``): the request was not sent.

    ``message`` says which it was: ``POST /v2.0/networks``.
    """

    default_category = Category.TERMINAL


class CloudConnectionError(InfomaniakCloudError):
    """The service was not reached, or the connection broke."""


class CloudTimeoutError(CloudConnectionError):
    """There was no answer in time."""


class CloudAwayError(CloudConnectionError):
    """The service has not answered of late, and it is not time to ask it again (``Breakers``); nothing was sent."""


class ServiceError(InfomaniakCloudError):
    """The service failed, or has too much to do."""


class ServiceMissingError(ServiceError):
    """The catalogue has no endpoint of the service in this region; nothing was sent."""

    default_category = Category.TERMINAL
