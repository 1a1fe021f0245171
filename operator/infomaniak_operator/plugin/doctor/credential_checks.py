"""The checks of the credentials that objects use, and of the projects that they lead to. Pure.

What a cloud refuses is told in its own words, which the client has freed of secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from infomaniak_operator.client.errors import Category, ForbiddenError, InfomaniakCloudError, ServiceMissingError
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.doctor.facts import Credential, Facts, Project, Unknown, Unusable
from infomaniak_operator.plugin.doctor.findings import Finding, State, listed, not_checked
from infomaniak_operator.plugin.doctor.named import external_of, secret_of
from infomaniak_operator.plugin.report import short
from infomaniak_operator.reconcile.generic.credential_settings import LABEL
from infomaniak_operator.reconcile.generic.quota import NEARLY, Count, counted, number
from infomaniak_operator.reconcile.octavia.certificate_secret import LABEL as TLS_LABEL

CREDENTIALS = "Credentials"
CERTIFICATES = "Certificates"
LOGIN = "Login"
ROLES = "Roles"
QUOTA = "Quota"
EXTERNAL = "External networks"

NETWORK, LOAD_BALANCER, BARBICAN, DESIGNATE = "Neutron", "Octavia", "Barbican", "Designate"
_REACH = (
    "Check that this machine reaches the cloud. Whether the operator does, the condition CredentialsValid of the "
    "objects says."
)


@dataclass(frozen=True, slots=True)
class _Service:
    """What a service of the cloud is for.

    Attributes:
        role: that is wanted for it.
        needed: whether hardly anything works without it.
        without: what does not work without it.
    """

    role: str
    needed: bool
    without: str


_SERVICES: Mapping[str, _Service] = {
    NETWORK: _Service("member", True, "no network can be made"),
    LOAD_BALANCER: _Service("load-balancer_member", True, "no load balancer can be made"),
    BARBICAN: _Service("creator", False, "certificates from Secrets (tls.secretRef) cannot be used"),
    DESIGNATE: _Service("member", False, "reverse names (reverseDNS) cannot be set"),
}
_NEUTRON = ("network", "subnet", "router", "port", "floatingip", "security_group", "security_group_rule")
_OCTAVIA = ("load_balancer", "listener", "pool", "member", "health_monitor")


def credentials(facts: Facts) -> Iterator[Finding]:
    """Whether each Secret that objects name is there, has the label, and can be read."""
    if isinstance(facts.objects, Unknown) and not facts.credentials:
        yield not_checked(CREDENTIALS, "which Secrets the objects name is not known.")
    for each in facts.credentials:
        yield _readable(each)
    if facts.left_out:
        yield not_checked(
            CREDENTIALS, f"{facts.left_out} further Secrets that objects name.", "Ask with -n for one namespace."
        )
    objects = () if isinstance(facts.objects, Unknown) else facts.objects
    used = {one.key for each in facts.credentials for one in each.users}
    without = [each for each in objects if not secret_of(each) and each.key not in used]
    if without:
        those = "1 object names" if len(without) == 1 else f"{len(without)} objects name"
        yield not_checked(
            CREDENTIALS,
            f"{those} no Secret: the operator's own credential is used, which is not known here.",
            "Name a clouds.yaml of that project with --clouds-yaml.",
        )
    elif not facts.credentials and not isinstance(facts.objects, Unknown):
        yield not_checked(CREDENTIALS, "no object names a Secret.", "Name one with --credentials, or --clouds-yaml.")


def _readable(one: Credential) -> Finding:
    count = len(one.users)
    used = (" 1 object uses it." if count == 1 else f" {count} objects use it.") if count else ""
    if isinstance(one.content, Unknown):
        if one.content.absent:
            action = f"Create it, with the label {LABEL}=true, or correct the name."
            return Finding(CREDENTIALS, State.WRONG, f"{one.source} does not exist.{used}", action)
        action = "Name the same credential with --clouds-yaml, or ask somebody who may read Secrets."
        return not_checked(CREDENTIALS, f"{one.source}: {one.content.why}", action)
    if isinstance(one.content, Unusable):
        action = "Correct that key. No restart is needed."
        return Finding(CREDENTIALS, State.WRONG, f"{one.source} cannot be used: {one.content.why}.{used}", action)
    if not one.labelled:
        return Finding(
            CREDENTIALS,
            State.WRONG,
            f"{one.source} has no label {LABEL}=true, so the operator does not see it.{used}",
            f"kubectl label --overwrite secret {one.name} -n {one.namespace} {LABEL}=true",
        )
    return Finding(CREDENTIALS, State.OK, f"{one.source} can be read.{used}")


def certificates(facts: Facts) -> Iterator[Finding]:
    """Whether each Secret with a certificate that objects name is there and has the label; nothing if none is named."""
    fine = []
    for each in facts.certificates:
        source, used = f"Secret {each.namespace}/{each.name}", f"{short(each.user.key)} names it."
        if isinstance(each.labelled, Unknown) and each.labelled.absent:
            message = f"{source} does not exist. {used}"
            yield Finding(
                CERTIFICATES, State.WRONG, message, f"Create it, with the label {TLS_LABEL}=true, or correct the name."
            )
        elif isinstance(each.labelled, Unknown):
            yield not_checked(CERTIFICATES, f"{source}: {each.labelled.why}")
        elif not each.labelled:
            yield Finding(
                CERTIFICATES,
                State.WRONG,
                f"{source} has no label {TLS_LABEL}=true, so the operator does not see it. {used}",
                f"kubectl label --overwrite secret {each.name} -n {each.namespace} {TLS_LABEL}=true",
            )
        else:
            fine.append(source)
    if facts.certificates_left_out:
        yield not_checked(CERTIFICATES, f"{facts.certificates_left_out} further Secrets that objects name.")
    if fine:
        message = f"{listed(fine)}: there, with the label. Whether a certificate can be used, its object says."
        yield Finding(CERTIFICATES, State.OK, message)


def projects(facts: Facts) -> Iterator[Finding]:
    """Login, roles, quotas and external networks of each credential that can be used."""
    for each in facts.credentials:
        if isinstance(each.content, Unknown | Unusable):
            continue
        if each.unsafe:
            yield not_checked(
                LOGIN, f"{each.source}: its auth_url is not https, and no password is sent there from here."
            )
        elif each.project is not None:
            yield from _project(each, each.project)


def _project(one: Credential, project: Project) -> Iterator[Finding]:
    found = project.identity
    if isinstance(found, InfomaniakCloudError):
        if found.category is Category.AUTHENTICATION:
            action = "Make a new application credential and put it into the Secret. No restart is needed."
            yield Finding(LOGIN, State.WRONG, f"{one.source}: {found}.", action)
        else:
            yield not_checked(LOGIN, f"{one.source}: Keystone cannot be asked: {found}", _REACH)
        return
    yield Finding(LOGIN, State.OK, f"{one.source} logs in, to project {found[0]} in region {found[1]}.")
    yield from _roles(one, project)
    yield from _quotas(one, project)
    yield from _external(one, project)


def _roles(one: Credential, project: Project) -> Iterator[Finding]:
    fine = []
    for name, answer in project.services.items():
        service = _SERVICES[name]
        if answer is None:
            fine.append(name)
        elif isinstance(answer, ServiceMissingError):
            state = State.WRONG if service.needed else State.OK
            yield Finding(ROLES, state, f"{one.source}: this cloud has no {name}: {service.without}.")
        elif isinstance(answer, ForbiddenError):
            state = State.WRONG if service.needed else State.WARNING
            action = f"Make an application credential with the role {service.role}."
            yield Finding(ROLES, state, f"{one.source} may not list in {name}: {service.without}. {answer}", action)
        else:
            yield not_checked(ROLES, f"{one.source}: {name} cannot be asked: {answer}", _REACH)
    if fine:
        message = f"{one.source} may list in {listed(fine)}. Whether it may make anything there, only a create tells."
        yield Finding(ROLES, State.OK, message)


def _quotas(one: Credential, project: Project) -> Iterator[Finding]:
    counts: list[Count] = []
    for service, answer in ((NETWORK, project.network_quota), (LOAD_BALANCER, project.load_balancer_quota)):
        if isinstance(answer, InfomaniakCloudError):
            yield not_checked(QUOTA, f"{one.source}: the quota of {service} cannot be read: {answer}")
    if untold := list(_untold(project)):
        yield not_checked(QUOTA, f"{one.source}: the cloud tells no quota of {listed(untold)}")
    if isinstance(project.network_quota, Mapping):
        counts += [count for name in _NEUTRON if (count := counted(name, project.network_quota.get(name)))]
    if isinstance(project.counts, InfomaniakCloudError):
        yield not_checked(QUOTA, f"{one.source}: what there is in {LOAD_BALANCER} cannot be counted: {project.counts}")
    elif project.counts is not None and isinstance(project.load_balancer_quota, Mapping):
        limits = {name: number(project.load_balancer_quota.get(name)) for name in _OCTAVIA}
        counts += [Count(name, project.counts[name], limit, 0) for name, limit in limits.items() if limit is not None]
    nearly = [each for each in counts if each.used >= NEARLY * each.limit]
    for each in nearly:
        yield Finding(
            QUOTA,
            State.WARNING,
            f"{one.source}: {each.used} of {each.limit} {each.noun}s of the project's quota are used.",
            "Remove what is not needed, or have the quota raised.",
        )
    if counts and not nearly:
        fullest = max(counts, key=lambda each: each.used / each.limit)
        most = f"{fullest.used} of {fullest.limit} {fullest.noun}s"
        yield Finding(QUOTA, State.OK, f"{one.source}: less than {NEARLY:.0%} of each quota is used (most: {most}).")


def _untold(project: Project) -> Iterator[str]:
    """The types of whose quota a service that was asked says nothing that can be read."""
    if isinstance(project.network_quota, Mapping):
        for name in _NEUTRON:
            detail = project.network_quota.get(name)
            if not isinstance(detail, Mapping) or not isinstance(detail.get("limit"), int):
                yield Count(name, 0, 0, 0).noun
    if isinstance(project.load_balancer_quota, Mapping):
        limits = project.load_balancer_quota
        yield from (Count(name, 0, 0, 0).noun for name in _OCTAVIA if not isinstance(limits.get(name), int))


def _external(one: Credential, project: Project) -> Iterator[Finding]:
    if isinstance(project.external, InfomaniakCloudError):
        yield not_checked(EXTERNAL, f"{one.source}: external networks cannot be listed: {project.external}")
    if project.external is None or isinstance(project.external, InfomaniakCloudError):
        return
    names, ids = [name for name, _ in project.external], {id_ for _, id_ in project.external}
    wrong = [said for user in one.users for named in external_of(user) if (said := _missing(named, names, ids))]
    for said in wrong:
        there = listed(sorted(names)) or "none"
        message = f"{one.source}: {said}; there are: {there}."
        yield Finding(EXTERNAL, State.WRONG, message, "Correct the name, or name the network by networkID.")
    if not names:
        message = (
            f"{one.source}: no external network is visible: routers have no way out, and there are no floating IPs."
        )
        yield Finding(EXTERNAL, State.WARNING, message, "Ask the cloud's support for access to one.")
    elif not wrong:
        yield Finding(EXTERNAL, State.OK, f"{one.source} sees {listed(sorted(names))}.")


def _missing(named: tuple[KubeObject, str, str], names: Sequence[str], ids: Collection[str]) -> str:
    """What is wrong with an external network that an object names; empty where nothing is."""
    resource, name, id_ = named
    if name and name not in names:
        return f"{short(resource.key)} names the external network {name}, which is not there"
    if name and names.count(name) > 1:
        return f"{short(resource.key)} names the external network {name}, of which there are several"
    if id_ and id_ not in ids:
        return f"{short(resource.key)} names the external network {id_}, which is not there"
    return ""
