"""The cloud: sessions, credentials, errors and every operation. Knows nothing of Kubernetes."""

from infomaniak_operator.client.base import InfomaniakOpenStackBase
from infomaniak_operator.client.breaker import Breakers
from infomaniak_operator.client.classify import classify
from infomaniak_operator.client.credentials import CloudCredentials, parse_credentials
from infomaniak_operator.client.errors import (
    AuthenticationError,
    BadRequestError,
    Category,
    CloudAwayError,
    CloudConnectionError,
    CloudNotAllowedError,
    CloudTimeoutError,
    ConflictError,
    ForbiddenError,
    InfomaniakCloudError,
    InvalidCredentialsError,
    NotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    ReadOnlyError,
    ServiceError,
    ServiceMissingError,
)
from infomaniak_operator.client.facade import InfomaniakNetworkClient
from infomaniak_operator.client.operations import Operations
from infomaniak_operator.client.session import CloudSession
from infomaniak_operator.client.transport import Call
from infomaniak_operator.client.usage import TypeUsage, Usage

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "Breakers",
    "Call",
    "Category",
    "CloudAwayError",
    "CloudConnectionError",
    "CloudCredentials",
    "CloudNotAllowedError",
    "CloudSession",
    "CloudTimeoutError",
    "ConflictError",
    "ForbiddenError",
    "InfomaniakCloudError",
    "InfomaniakNetworkClient",
    "InfomaniakOpenStackBase",
    "InvalidCredentialsError",
    "NotFoundError",
    "Operations",
    "PreconditionFailedError",
    "QuotaExceededError",
    "ReadOnlyError",
    "ServiceError",
    "ServiceMissingError",
    "TypeUsage",
    "Usage",
    "classify",
    "parse_credentials",
]
