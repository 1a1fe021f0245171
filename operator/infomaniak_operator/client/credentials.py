"""A credential for an OpenStack cloud: what it may consist of, and how it is read. A closed parser.

What is read is written by users whom the operator need not trust. So there are no profiles, no files, no environment,
no endpoint overrides and no switch that turns off TLS checks: every key is known here, and any other is refused. Size,
depth and time are bounded, and whatever is wrong is an ``InvalidCredentialsError``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from infomaniak_operator.client.clouds_yaml import CLOUDS_YAML, MAX_BYTES, Unquoted, read
from infomaniak_operator.client.errors import CloudNotAllowedError, InvalidCredentialsError
from infomaniak_operator.client.tls import tls_context

DEFAULT_AUTH_URL = "https://api.pub1.infomaniak.cloud/identity/v3"
DEFAULT_REGION = "dc3-a"

_ALIASES = {
    "project_id": "project_id",
    "tenant_id": "project_id",
    "project_name": "project_name",
    "tenant_name": "project_name",
    "user_id": "user_id",
    "username": "username",
    "user_name": "username",
    "password": "password",
    "user_domain_id": "user_domain_id",
    "user_domain_name": "user_domain_name",
    "project_domain_id": "project_domain_id",
    "project_domain_name": "project_domain_name",
    "domain_id": "user_domain_id",
    "domain_name": "user_domain_name",
    "auth_url": "auth_url",
    "application_credential_id": "application_credential_id",
    "application_credential_name": "application_credential_name",
    "application_credential_secret": "application_credential_secret",
}
"""The keys of ``auth``, as people spell them, and what each means."""
_SETTINGS = {"region": "region", "region_name": "region", "interface": "interface"}
_PEM = {"cacert": "cacert", "cert": "cert", "key": "key"}
"""Keys that hold PEM text; in a Secret they may also stand beside ``clouds.yaml``."""
_CONSTANT = {
    "identity_api_version": ("3", "3.0", "v3"),
    "auth_type": ("v3applicationcredential", "v3password", "password"),
    "verify": ("true",),
}
"""Keys that are accepted with these values alone, since there is nothing else we could do."""
KNOWN = frozenset({*_ALIASES, *_SETTINGS, *_PEM, *_CONSTANT, CLOUDS_YAML})
"""All keys of a Secret that can be used."""
_MAX_VALUE = 4096
_MAX_SHOWN = 64
_MOST_SHOWN = 10
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CloudCredentials:
    """Who logs in where. Two with the same content are equal and have the same fingerprint.

    Attributes:
        auth_url: Keystone, ending in ``/v3``.
        application_credential_id: or None.
        application_credential_name: with a user, in place of the id.
        application_credential_secret: never shown.
        username: or None.
        user_id: in place of the name.
        user_domain_name: the user's domain.
        user_domain_id: in place of its name.
        password: never shown.
        project_id: the project to work in; an application credential has its own, and this is then only compared.
        project_name: in place of the id.
        project_domain_name: the project's domain.
        project_domain_id: in place of its name.
        region: None: the only one that the catalogue has.
        interface: which of the catalogue's endpoints.
        cacert: the certificates (PEM) of the authorities to trust, in place of the public ones.
        cert: the client certificate (PEM) to show.
        key: its private key (PEM); never shown.
    """

    auth_url: str
    application_credential_id: str | None = None
    application_credential_name: str | None = None
    application_credential_secret: str | None = field(default=None, repr=False)
    username: str | None = None
    user_id: str | None = None
    user_domain_name: str | None = None
    user_domain_id: str | None = None
    password: str | None = field(default=None, repr=False)
    project_id: str | None = None
    project_name: str | None = None
    project_domain_name: str | None = None
    project_domain_id: str | None = None
    region: str | None = None
    interface: str = "public"
    cacert: str | None = field(default=None, repr=False)
    cert: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def fingerprint(self) -> str:
        """A hash of all of it: changes when the credential is rotated.

        Slow on purpose, and not to be shown all the same: it lets whoever knows the rest try passwords.
        """
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.scrypt(text.encode(), salt=b"infomaniak-operator", n=4096, r=8, p=1, dklen=16).hex()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(secret for secret in (self.application_credential_secret, self.password, self.key) if secret)


def parse_credentials(
    data: Mapping[str, bytes | str],
    cloud_name: str | None = None,
    allowed_auth_urls: Sequence[str] | None = None,
) -> CloudCredentials:
    """Read a credential out of the keys of a Secret.

    Args:
        data: either ``clouds.yaml`` (as Horizon gives it), or plain keys: ``auth_url``,
            ``application_credential_id``, ``application_credential_secret``, ``region``, … ``cacert``, ``cert`` and
            ``key`` (PEM) may stand beside either.
        cloud_name: which entry of ``clouds.yaml``; may be left out where there is only one.
        allowed_auth_urls: the Keystone addresses that may be used: the same scheme, host and port, and a path that
            begins so. None or empty: any with https.

    Raises:
        InvalidCredentialsError: it names the key, what is wrong with it, and what to do. It never holds a value that
            may be a secret. CloudNotAllowedError where it is the address that is none of those allowed.
    """
    if sum(map(len, data.values())) > MAX_BYTES:
        raise InvalidCredentialsError(f"it holds more than {MAX_BYTES} bytes: leave only the credential in it")
    text = {name: _text(name, value) for name, value in data.items()}
    if CLOUDS_YAML in text:
        others = sorted(set(text) - {CLOUDS_YAML, *_PEM})
        if others:
            raise InvalidCredentialsError(
                f"beside the key {CLOUDS_YAML!r} there is {_shown(others[0])!r}: keep either {CLOUDS_YAML!r} or plain "
                f"keys; only {', '.join(_PEM)} may stand beside it"
            )
        beside = [(name, value) for name, value in text.items() if name in _PEM]
        return _from_pairs([*_flat(_cloud(text[CLOUDS_YAML], cloud_name)), *beside], allowed_auth_urls)
    if not text:
        raise InvalidCredentialsError(f"it is empty: put in a key {CLOUDS_YAML!r}, or 'auth_url' and the like")
    return from_mapping(text, allowed_auth_urls)


def from_mapping(entry: Mapping[str, Any], allowed_auth_urls: Sequence[str] | None = None) -> CloudCredentials:
    """Read an entry of a clouds.yaml (with ``auth``), or the same keys laid flat.

    Raises:
        InvalidCredentialsError: as ``parse_credentials``.
    """
    return _from_pairs(_flat(entry), allowed_auth_urls)


def _from_pairs(pairs: Iterable[tuple[str, Any]], allowed_auth_urls: Sequence[str] | None) -> CloudCredentials:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _CONSTANT:
            if str(value).lower() not in _CONSTANT[name]:
                expected = " or ".join(repr(one) for one in _CONSTANT[name])
                raise InvalidCredentialsError(f"the key {name!r} must be {expected}, or left out")
            continue
        meaning = _ALIASES.get(name) or _SETTINGS.get(name) or _PEM.get(name)
        if meaning is None:
            known = ", ".join(sorted(KNOWN - {CLOUDS_YAML}))
            raise InvalidCredentialsError(
                f"the key {_shown(name)!r} is not one that can be used here; those are: {known}"
            )
        if value is None or value == "":
            continue
        text = _value(name, value)
        if found.setdefault(meaning, text) != text:
            raise InvalidCredentialsError(f"the key {name!r} says something else than another key for {meaning!r}")
    return _checked(found, allowed_auth_urls)


def _value(name: str, value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, Unquoted):
        raise InvalidCredentialsError(f"the key {name!r} must be a text: put it in quotes")
    text = value.strip()
    if name in _PEM:
        if not text.isascii() or "\0" in text:
            raise InvalidCredentialsError(f"the key {name!r} must hold PEM text")
        return text
    if len(text) > _MAX_VALUE:
        raise InvalidCredentialsError(f"the key {name!r} is longer than {_MAX_VALUE} characters")
    if _CONTROL.search(text):
        raise InvalidCredentialsError(f"the key {name!r} has a control character, or a line break, in it")
    return text


def _shown(name: object) -> str:
    """A name that a stranger chose, for a message."""
    text = "".join(char if char.isprintable() else "?" for char in str(name)[: _MAX_SHOWN + 1])
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _listed(names: Iterable[object], count: int) -> str:
    shown = ", ".join(map(_shown, islice(names, _MOST_SHOWN)))
    return f"{shown} and {count - _MOST_SHOWN} more" if count > _MOST_SHOWN else shown


def _text(name: str, value: bytes | str) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidCredentialsError(f"the key {_shown(name)!r} is no UTF-8 text") from None


def _cloud(text: str, cloud_name: str | None) -> Mapping[str, Any]:
    content = read(text)
    clouds = content.get("clouds") if isinstance(content, Mapping) else None
    if not isinstance(clouds, Mapping) or not clouds:
        raise InvalidCredentialsError(f"the key {CLOUDS_YAML!r} has no 'clouds:' with an entry in it")
    names = _listed(sorted(clouds), len(clouds))
    if cloud_name is None:
        if len(clouds) > 1:
            raise InvalidCredentialsError(f"{CLOUDS_YAML!r} has several clouds, name one of them: {names}")
        cloud_name = next(iter(clouds))
    entry = clouds.get(cloud_name)
    if not isinstance(entry, Mapping):
        raise InvalidCredentialsError(f"{CLOUDS_YAML!r} has no cloud {_shown(cloud_name)!r}; it has: {names}")
    return entry


def _flat(entry: Mapping[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in entry.items():
        if name != "auth":
            pairs.append((str(name), value))
        elif isinstance(value, Mapping):
            pairs.extend((str(inner), inner_value) for inner, inner_value in value.items())
        else:
            raise InvalidCredentialsError("the key 'auth' must hold keys: auth_url and the like")
    return pairs


def _checked(found: Mapping[str, str], allowed_auth_urls: Sequence[str] | None) -> CloudCredentials:
    if found.get("interface", "public") != "public":
        raise InvalidCredentialsError("the key 'interface' must be 'public', or left out")
    if "auth_url" not in found:
        raise InvalidCredentialsError(f"the key 'auth_url' is missing: for Infomaniak it is {DEFAULT_AUTH_URL}")
    url = _auth_url(found["auth_url"], allowed_auth_urls)
    credentials = CloudCredentials(**{**found, "auth_url": url})
    tls_context(credentials.cacert, credentials.cert, credentials.key)
    if credentials.application_credential_secret or credentials.application_credential_id:
        _check_application_credential(credentials)
    elif credentials.password or credentials.username or credentials.user_id:
        _check_password(credentials)
    else:
        raise InvalidCredentialsError(
            "there is neither an application credential ('application_credential_id' and "
            "'application_credential_secret') nor a user ('username' and 'password')"
        )
    return credentials


def _check_application_credential(one: CloudCredentials) -> None:
    if not one.application_credential_secret:
        raise InvalidCredentialsError("the key 'application_credential_secret' is missing")
    if one.password:
        raise InvalidCredentialsError("the key 'password' is one too many beside an application credential")
    if not one.application_credential_id and not (
        one.application_credential_name and (one.user_id or (one.username and _domain(one)))
    ):
        raise InvalidCredentialsError(
            "the key 'application_credential_id' is missing (or 'application_credential_name' with 'user_id')"
        )


def _check_password(one: CloudCredentials) -> None:
    if not one.password:
        raise InvalidCredentialsError("the key 'password' is missing")
    if not one.user_id and not (one.username and _domain(one)):
        raise InvalidCredentialsError("the user needs 'user_id', or 'username' and 'user_domain_name'")
    in_domain = one.project_domain_name or one.project_domain_id or _domain(one)
    if not one.project_id and not (one.project_name and in_domain):
        raise InvalidCredentialsError("a user works in a project: give 'project_id'")


def _domain(one: CloudCredentials) -> str | None:
    return one.user_domain_id or one.user_domain_name


def _auth_url(text: str, allowed: Sequence[str] | None) -> str:
    url = _origin_and_path(text)
    if url is None:
        raise InvalidCredentialsError(
            f"the key 'auth_url' is no plain web address: for Infomaniak it is {DEFAULT_AUTH_URL}"
        )
    origin, path = url
    if allowed:
        places = [place for place in map(_origin_and_path, allowed) if place is not None]
        if not any(origin == place[0] and _within(path, place[1]) for place in places):
            raise CloudNotAllowedError(
                f"the key 'auth_url' leads to {origin}, which is not allowed here; allowed: {', '.join(allowed)}"
            )
    elif not origin.startswith("https://"):
        raise InvalidCredentialsError(
            "the key 'auth_url' must begin with https://, or be one of the addresses that are allowed by name"
        )
    return f"{origin}{path}" if path.endswith("/v3") else f"{origin}{path}/v3"


def is_address(text: str) -> bool:
    """Whether it is a plain web address: ``http`` or ``https``, a host, and perhaps a port and a path."""
    return _origin_and_path(text) is not None


def _within(path: str, prefix: str) -> bool:
    prefix = prefix.removesuffix("/v3")
    return path == prefix or path.startswith(f"{prefix}/")


def _origin_and_path(text: str) -> tuple[str, str] | None:
    """``https://host:port`` and the path without a slash at its end; None where anything else is in it."""
    if any(char.isspace() or char in "\\%" for char in text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    clean = not (parts.username or parts.password or parts.query or parts.fragment or "@" in parts.netloc)
    dots = any(piece in (".", "..") for piece in parts.path.split("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or not clean or dots:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = port is None or port == (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}" + ("" if standard else f":{port}"), parts.path.rstrip("/")
