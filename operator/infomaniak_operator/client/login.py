"""Logging in, and what a token tells: project, regions, endpoints."""

from __future__ import annotations

import math
import re
from typing import Any

from keystoneauth1 import exceptions as keystone
from keystoneauth1.access import AccessInfo
from keystoneauth1.identity import v3

from infomaniak_operator.client.classify import classify, said
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.errors import (
    AuthenticationError,
    Category,
    InfomaniakCloudError,
    ServiceError,
    ServiceMissingError,
    explained,
)
from infomaniak_operator.client.told import own, told

LOGIN = own("login")
"""What is asked, in messages."""
SERVICES = ("network", "load-balancer")
_INTERFACE = "public"
_UNAUTHORIZED = 401


def plugin(credentials: CloudCredentials) -> v3.Auth:
    """How keystoneauth logs in with a credential: a plain v3 plugin, which follows no discovery document."""
    one = credentials
    if one.application_credential_secret:
        by_application = v3.ApplicationCredentialMethod(
            application_credential_id=one.application_credential_id,
            application_credential_name=one.application_credential_name,
            application_credential_secret=one.application_credential_secret,
            user_id=one.user_id,
            username=one.username,
            user_domain_id=one.user_domain_id,
            user_domain_name=one.user_domain_name,
        )
        return v3.Auth(one.auth_url, [by_application])
    by_password = v3.PasswordMethod(
        password=one.password or "",
        user_id=one.user_id,
        username=one.username,
        user_domain_id=one.user_domain_id,
        user_domain_name=one.user_domain_name,
    )
    if one.project_id:
        return v3.Auth(one.auth_url, [by_password], project_id=one.project_id)
    if one.project_domain_id or one.project_domain_name:
        domain_id, domain_name = one.project_domain_id, one.project_domain_name
    else:
        domain_id, domain_name = one.user_domain_id, one.user_domain_name
    return v3.Auth(
        one.auth_url,
        [by_password],
        project_name=one.project_name,
        project_domain_id=domain_id,
        project_domain_name=domain_name,
    )


def refused(error: keystone.HttpError, credentials: CloudCredentials) -> InfomaniakCloudError:
    """What an answer of Keystone other than a token means: only its own refusal speaks of the credential."""
    found = classify(error, what=LOGIN)
    status = found.status or 0
    if found.category is Category.TRANSIENT or not 400 <= status < 500:  # noqa: PLR2004 - HTTP
        return found
    if status != _UNAUTHORIZED and (error.response is None or not said(error.response).own):
        meaning = "these are not Keystone's words; something is in its place, or 'auth_url' is wrong"
        message = explained(found.said, meaning)
        return ServiceError(message, status=found.status, request_id=found.request_id)
    hint = "the application credential or its secret is wrong, expired or deleted"
    if not credentials.application_credential_secret:
        hint = "the user, its password or the project is wrong"
    return AuthenticationError(
        explained(found.said, hint), status=found.status, error_type=found.error_type, request_id=found.request_id
    )


def region_of(access: AccessInfo, wanted: str | None) -> str:
    """The region to use: the one wanted, else the only one there is.

    Raises:
        AuthenticationError: there is no such region, or several to choose from; the message names those there are.
    """
    there: set[str] = set()
    for service in SERVICES:
        there |= {str(one.region_name) for one in _endpoints(access, service) if one.region_name}
    names = ", ".join(sorted(there)) or "none"
    if wanted:
        if wanted in there:
            return wanted
        message = told(
            "there is no region {wanted} in this cloud; there are: {names}", wanted=repr(wanted), names=names
        )
        raise AuthenticationError(message)
    if len(there) == 1:
        return next(iter(there))
    raise AuthenticationError(
        told("name a region in the credential (key 'region_name'); there are: {names}", names=names)
    )


def endpoint_of(access: AccessInfo, service: str, region: str, *, secure: bool) -> str:
    """The address of a service in a region, from the catalogue, without a version at its end.

    Args:
        access: the token.
        service: its type.
        region: where.
        secure: whether it must be https.

    Raises:
        ServiceMissingError: the catalogue has none.
        ServiceError: it has none that may be used.
    """
    urls = [str(one.url) for one in _endpoints(access, service, region_name=region)]
    if not urls:
        where = {"service": own(repr(service)), "region": repr(region)}
        message = told("the catalogue has no public endpoint of the service {service} in region {region}", **where)
        raise ServiceMissingError(message)
    if secure and not urls[0].startswith("https:"):
        message = told(
            "the catalogue's endpoint of {service} is not https: no token is sent there", service=own(repr(service))
        )
        raise ServiceError(message, category=Category.TERMINAL)
    if not urls[0].startswith(("https:", "http:")):
        message = told("the catalogue's endpoint of {service} is no web address", service=own(repr(service)))
        raise ServiceError(message, category=Category.TERMINAL)
    return re.sub(r"/v(1|2(\.\d+)?)$", "", urls[0].rstrip("/"))


def _endpoints(access: AccessInfo, service: str, **wanted: str) -> list[Any]:
    """The public endpoints of a service in the token's catalogue.

    Raises:
        ServiceError: the catalogue cannot be read.
    """
    try:
        found = access.service_catalog.get_endpoints_data(service_type=service, interface=_INTERFACE, **wanted)
        return [one for endpoints in found.values() for one in endpoints]
    except UNREADABLE as error:
        raise unreadable(error) from error


_EARLY = 120.0
"""Seconds before the end of a token from which on another is asked for: what is begun with it may take a while."""


def life(access: AccessInfo) -> float:
    """Seconds for which a new token can be used, by Keystone's own clock; one of unknown end: until it is refused.

    Raises:
        LookupError, TypeError, ValueError, ...: see ``UNREADABLE``.
    """
    ends = access.expires
    try:
        begins = access.issued
    except UNREADABLE:
        begins = None
    if ends is None or begins is None or ends <= begins:
        return math.inf
    seconds = (ends - begins).total_seconds()
    return max(seconds - _EARLY, seconds / 2)


UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)
"""What keystoneauth raises, sooner or later, over a token that is not as it should be."""


def unreadable(error: Exception) -> ServiceError:
    """The error that a token is which lacks something, or has it in another form."""
    said = own(type(error).__name__)
    return ServiceError(told("login: what Keystone answered cannot be read ({error})", error=said))
