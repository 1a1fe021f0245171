"""What the API server makes of LoadBalancer, Pool and HealthMonitor at apply."""

from __future__ import annotations

from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS
from tests.support.crds import Server

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
OTHER_ID = "2b4e28ba-2fa1-41d2-883f-0016d3cca427"
VIP = {"networkRef": {"name": "office"}, "subnet": "a"}
CONTAINER = "https://barbican.example/v1/containers/1b4e28ba"


def balancer(*listeners: dict[str, Any], **vip: Any) -> dict[str, Any]:
    return {"vip": {**VIP, **vip}, "listeners": [{"name": f"l{i}", **one} for i, one in enumerate(listeners)]}


def pool(**fields: Any) -> dict[str, Any]:
    return {"loadBalancerRef": {"name": "web"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN", **fields}


def members(*found: dict[str, Any]) -> dict[str, Any]:
    return pool(members=[{"address": "10.0.0.5", "port": 80, **one} for one in found])


def monitor(**fields: Any) -> dict[str, Any]:
    return {"poolRef": {"name": "web"}, "type": "HTTP", "delay": 10, "timeout": 5, "maxRetries": 3, **fields}


HTTP = {"protocol": "HTTP", "port": 80}
TLS = {"protocol": "TERMINATED_HTTPS", "port": 443, "tls": {"barbicanContainer": CONTAINER}}


def clients(**fields: Any) -> dict[str, Any]:
    """A listener that asks clients for certificates."""
    return {**TLS, "tls": {"secretRef": {"name": "tls"}, "clientAuthentication": fields}}


MADE = {"id": ID, "provider": "amphora", "vipSubnet": "a", "vipSubnetID": ID, "vipAddress": "10.0.0.9"}
"""The status of a load balancer that is there."""


def condition(status: str, reason: str) -> dict[str, Any]:
    return {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": "m",
        "lastTransitionTime": "2026-11-25T08:00:00Z",
    }


ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "certificates from Secrets": (
        "LoadBalancer",
        balancer({**TLS, "tls": {"secretRef": {"name": "tls"}, "sniSecretRefs": [{"name": "more"}]}}),
    ),
    "certificates from a Secret, and by address": (
        "LoadBalancer",
        balancer({**TLS, "tls": {"secretRef": {"name": "tls"}, "sniBarbicanContainers": [CONTAINER]}}),
    ),
    "clients by an authority from a Secret": (
        "LoadBalancer",
        balancer(clients(mode="MANDATORY", caSecretRef={"name": "ca"}, crlSecretRef={"name": "ca"})),
    ),
    "clients by an authority by address": (
        "LoadBalancer",
        balancer(clients(mode="OPTIONAL", caBarbicanSecret=CONTAINER, crlBarbicanSecret=CONTAINER)),
    ),
    "no clients' certificates": ("LoadBalancer", balancer(clients(mode="NONE"))),
    "balancer: the least": ("LoadBalancer", {"vip": VIP}),
    "balancer: all": (
        "LoadBalancer",
        {
            "vip": {
                "subnetID": ID,
                "address": "10.0.0.9",
                "securityGroupRefs": [{"name": "web"}],
                "securityGroupIDs": [ID],
                "additionalVips": [{"subnetID": OTHER_ID, "address": "2001:db8::9"}],
            },
            "provider": "amphora",
            "flavorID": ID,
            "recovery": {"policy": "Recreate", "maxAttempts": 3, "backoffSeconds": 60},
            "listeners": [
                {
                    "name": "https",
                    **TLS,
                    "defaultPoolRef": {"name": "web"},
                    "insertHeaders": ["X-Forwarded-For", "X-SSL-Client-DN"],
                    "timeouts": {"clientData": 1, "memberConnect": 2, "memberData": 3, "tcpInspect": 0},
                    "connectionLimit": -1,
                    "adminStateUp": True,
                    "description": "d",
                }
            ],
        },
    ),
    "balancer: TCP and UDP on one port": (
        "LoadBalancer",
        balancer({"protocol": "TCP", "port": 53}, {"protocol": "UDP", "port": 53}),
    ),
    "balancer: redirect": (
        "LoadBalancer",
        balancer({**HTTP, "redirectToHTTPS": {"host": "a.example", "statusCode": 308}}),
    ),
    "balancer: allowed CIDRs": ("LoadBalancer", balancer({**HTTP, "allowedCIDRs": ["10.0.0.0/8", "2001:db8::/32"]})),
    "balancer: import": ("LoadBalancer", {"import": {"filter": {"vipAddress": "10.0.0.9"}}}),
    "pool: the least": ("Pool", pool()),
    "pool: TLS that nobody looks at": ("Pool", pool(tls={})),
    "pool: TLS by Secrets": (
        "Pool",
        pool(
            tls={
                "enabled": False,
                "caSecretRef": {"name": "ca"},
                "crlSecretRef": {"name": "ca"},
                "secretRef": {"name": "client"},
                "versions": ["TLSv1.2", "TLSv1.3"],
                "ciphers": "TLS_AES_256_GCM_SHA384",
                "alpnProtocols": ["h2", "http/1.1", "http/1.0"],
            }
        ),
    ),
    "pool: TLS by addresses": (
        "Pool",
        pool(tls={"caBarbicanSecret": CONTAINER, "crlBarbicanSecret": CONTAINER, "barbicanContainer": CONTAINER}),
    ),
    "pool: all of a member": (
        "Pool",
        members(
            {
                "name": "m",
                "weight": 0,
                "backup": True,
                "subnetID": ID,
                "monitorAddress": "10.0.0.6",
                "monitorPort": 8080,
                "adminStateUp": False,
            }
        ),
    ),
    "pool: one address, two ports": ("Pool", members({}, {"port": 81})),
    "pool: 256 members": ("Pool", members(*({"address": f"10.0.1.{n}"} for n in range(256)))),
    "pool: Ports": (
        "Pool",
        pool(
            members=[{"address": "10.0.0.5", "port": 80}],
            portMembers=[
                {"portRef": {"name": "a"}, "port": 80, "weight": 2, "monitorAddress": "10.0.0.6"},
                {"portRef": {"name": "a"}, "port": 80, "address": "10.0.0.7", "backup": True},
                {"portRef": {"name": "a"}, "port": 81, "name": "m", "adminStateUp": False, "monitorPort": 8},
            ],
        ),
    ),
    "pool: 64 Ports": (
        "Pool",
        pool(portMembers=[{"portRef": {"name": f"p{n}"}, "port": 80} for n in range(64)]),
    ),
    "pool: a Service": (
        "Pool",
        pool(membersFrom={"serviceRef": {"name": "s"}, "mode": "NodePort", "port": "http", "nodeSelector": {"a": "b"}}),
    ),
    "pool: a Service by number": (
        "Pool",
        pool(membersFrom={"serviceRef": {"name": "s"}, "mode": "Endpoints", "port": 80, "drainSeconds": 30}),
    ),
    "pool: cookie": ("Pool", pool(sessionPersistence={"type": "APP_COOKIE", "cookieName": "JSESSIONID"})),
    "pool: UDP": (
        "Pool",
        pool(
            protocol="UDP",
            sessionPersistence={"type": "SOURCE_IP", "timeoutSeconds": 60, "granularity": "255.255.255.0"},
        ),
    ),
    "pool: import": ("Pool", {"import": {"id": ID}}),
    "monitor: the least": ("HealthMonitor", monitor()),
    "monitor: all": (
        "HealthMonitor",
        monitor(
            maxRetriesDown=2,
            httpMethod="HEAD",
            urlPath="/healthz?x=1",
            expectedCodes="200,202",
            httpVersion="1.1",
            domainName="web.example",
            name="n",
            adminStateUp=False,
        ),
    ),
    "monitor: TCP": ("HealthMonitor", monitor(type="TCP")),
    "monitor: import": ("HealthMonitor", {"import": {"filter": {"name": "m"}}}),
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no VIP": ("LoadBalancer", {}, "spec: Invalid value: vip is required, unless import names what to take over"),
    "VIP nowhere": ("LoadBalancer", {"vip": {}}, "exactly one of networkRef, networkID and subnetID is needed"),
    "VIP in two places": ("LoadBalancer", {"vip": {**VIP, "subnetID": ID}}, "exactly one of networkRef, networkID"),
    "subnet without network": ("LoadBalancer", {"vip": {"networkID": ID, "subnet": "a"}}, "subnet names a subnet of"),
    "two listeners on a port": (
        "LoadBalancer",
        balancer(HTTP, {"protocol": "TCP", "port": 80}),
        "spec.listeners: Invalid value: two listeners have the same port and transport; give one of them another port",
    ),
    "two listeners of a name": (
        "LoadBalancer",
        {"vip": VIP, "listeners": [{"name": "a", **HTTP}, {"name": "a", "protocol": "TCP", "port": 81}]},
        'spec.listeners[1]: Duplicate value: {"name":"a"}',
    ),
    "no such protocol": ("LoadBalancer", balancer({"protocol": "http", "port": 80}), 'Unsupported value: "http"'),
    "port 0": ("LoadBalancer", balancer({"protocol": "TCP", "port": 0}), "greater than or equal to 1"),
    "headers in TCP": (
        "LoadBalancer",
        balancer({"protocol": "TCP", "port": 80, "insertHeaders": ["X-Forwarded-For"]}),
        "insertHeaders needs protocol HTTP or TERMINATED_HTTPS",
    ),
    "SSL headers in HTTP": (
        "LoadBalancer",
        balancer({**HTTP, "insertHeaders": ["X-SSL-Client-DN"]}),
        "the X-SSL-… headers need protocol TERMINATED_HTTPS",
    ),
    "no such header": ("LoadBalancer", balancer({**HTTP, "insertHeaders": ["X-Mine"]}), 'Unsupported value: "X-Mine"'),
    "no certificate": (
        "LoadBalancer",
        balancer({"protocol": "TERMINATED_HTTPS", "port": 443}),
        "protocol TERMINATED_HTTPS needs tls, which names the certificate",
    ),
    "TLS without certificate": (
        "LoadBalancer",
        balancer({**TLS, "tls": {"versions": ["TLSv1.3"]}}),
        "tls needs a certificate: secretRef or sniSecretRefs, or barbicanContainer or sniBarbicanContainers",
    ),
    "a certificate by a Secret and by its address": (
        "LoadBalancer",
        balancer({**TLS, "tls": {"secretRef": {"name": "tls"}, "barbicanContainer": CONTAINER}}),
        "secretRef and barbicanContainer both name the certificate; take one of them out",
    ),
    "further certificates by Secrets and by their addresses": (
        "LoadBalancer",
        balancer({**TLS, "tls": {**TLS["tls"], "sniSecretRefs": [], "sniBarbicanContainers": [CONTAINER]}}),
        "sniSecretRefs and sniBarbicanContainers both name the further certificates; take one of them out",
    ),
    "clients' certificates without an authority": (
        "LoadBalancer",
        balancer(clients(mode="MANDATORY")),
        "clientAuthentication needs the authority of clients' certificates: caSecretRef or caBarbicanSecret",
    ),
    "clients' certificates without a mode": (
        "LoadBalancer",
        balancer(clients(caSecretRef={"name": "ca"})),
        "clientAuthentication.mode: Required value",
    ),
    "an authority by a Secret and by its address": (
        "LoadBalancer",
        balancer(clients(mode="MANDATORY", caSecretRef={"name": "ca"}, caBarbicanSecret=CONTAINER)),
        "caSecretRef and caBarbicanSecret both name the authority; take one of them out",
    ),
    "a list by a Secret and by its address": (
        "LoadBalancer",
        balancer(
            clients(
                mode="MANDATORY",
                caSecretRef={"name": "ca"},
                crlSecretRef={"name": "ca"},
                crlBarbicanSecret=CONTAINER,
            )
        ),
        "crlSecretRef and crlBarbicanSecret both name the list of revoked certificates; take one of them out",
    ),
    "a list without its authority": (
        "LoadBalancer",
        balancer(clients(mode="NONE", crlSecretRef={"name": "ca"})),
        "a list of revoked certificates needs the authority that it is of: caSecretRef or caBarbicanSecret",
    ),
    "an authority that is no address": (
        "LoadBalancer",
        balancer(clients(mode="MANDATORY", caBarbicanSecret="my-ca")),
        "must be the address of a Barbican container or secret",
    ),
    "TLS to members by a Secret and by its address": (
        "Pool",
        pool(tls={"secretRef": {"name": "client"}, "barbicanContainer": CONTAINER}),
        "secretRef and barbicanContainer both name the certificate; take one of them out",
    ),
    "the members' authority by a Secret and by its address": (
        "Pool",
        pool(tls={"caSecretRef": {"name": "ca"}, "caBarbicanSecret": CONTAINER}),
        "caSecretRef and caBarbicanSecret both name the authority; take one of them out",
    ),
    "a list of the members' authority alone": (
        "Pool",
        pool(tls={"crlSecretRef": {"name": "ca"}}),
        "a list of revoked certificates needs the authority that it is of: caSecretRef or caBarbicanSecret",
    ),
    "TLS over UDP": ("Pool", pool(protocol="UDP", tls={}), "tls needs a protocol over TCP: UDP and SCTP know no TLS"),
    "no such protocol in TLS": ("Pool", pool(tls={"alpnProtocols": ["h3"]}), 'Unsupported value: "h3"'),
    "no protocol in TLS": ("Pool", pool(tls={"alpnProtocols": []}), "should have at least 1 items"),
    "a Secret without a name": (
        "LoadBalancer",
        balancer({**TLS, "tls": {"secretRef": {"name": ""}}}),
        "secretRef.name",
    ),
    "TLS in HTTPS": ("LoadBalancer", balancer({**TLS, "protocol": "HTTPS"}), "tls needs protocol TERMINATED_HTTPS"),
    "a certificate that is none": (
        "LoadBalancer",
        balancer({**TLS, "tls": {"barbicanContainer": "my-cert"}}),
        "must be the address of a Barbican container or secret",
    ),
    "a pool for PROMETHEUS": (
        "LoadBalancer",
        balancer({"protocol": "PROMETHEUS", "port": 9100, "defaultPoolRef": {"name": "x"}}),
        "a PROMETHEUS listener answers by itself and has no pool",
    ),
    "redirect in TCP": (
        "LoadBalancer",
        balancer({"protocol": "TCP", "port": 80, "redirectToHTTPS": {"host": "a"}}),
        "redirectToHTTPS needs protocol HTTP or TERMINATED_HTTPS",
    ),
    "redirect and pool": (
        "LoadBalancer",
        balancer({**HTTP, "redirectToHTTPS": {"host": "a"}, "defaultPoolRef": {"name": "x"}}),
        "redirectToHTTPS sends everybody away, so that defaultPoolRef would never be used",
    ),
    "redirect to a URL": (
        "LoadBalancer",
        balancer({**HTTP, "redirectToHTTPS": {"host": "https://a"}}),
        "must be the name of a host",
    ),
    "allowed CIDRs and groups": (
        "LoadBalancer",
        balancer({**HTTP, "allowedCIDRs": ["10.0.0.0/8"]}, securityGroupRefs=[{"name": "x"}]),
        "allowedCIDRs of listeners cannot be had together with security groups of the VIP",
    ),
    "timeout too long": (
        "LoadBalancer",
        balancer({**HTTP, "timeouts": {"clientData": 2073600001}}),
        "less than or equal to 2073600000",
    ),
    "pool without anything": ("Pool", {}, "loadBalancerRef is required, unless import names what to take over"),
    "pool without algorithm": (
        "Pool",
        {"loadBalancerRef": {"name": "x"}, "protocol": "TCP"},
        "algorithm is required, unless import names what to take over",
    ),
    "members twice over": (
        "Pool",
        pool(members=[], membersFrom={"serviceRef": {"name": "s"}, "mode": "Endpoints"}),
        "members and membersFrom exclude each other: take one of them out",
    ),
    "a member twice": ("Pool", members({}, {"weight": 2}), 'Duplicate value: {"address":"10.0.0.5","port":80}'),
    "a member's address in full": (
        "Pool",
        members({"address": "2001:DB8:0::1"}),
        "must be in the short form and lower",
    ),
    "a Port twice": (
        "Pool",
        pool(portMembers=[{"portRef": {"name": "a"}, "port": 80, "weight": n} for n in range(2)]),
        "portMembers names a Port twice with the same port; take one of them out",
    ),
    "Ports and a Service": (
        "Pool",
        pool(portMembers=[], membersFrom={"serviceRef": {"name": "s"}, "mode": "Endpoints"}),
        "portMembers and membersFrom exclude each other: take one of them out",
    ),
    "a Port without port": (
        "Pool",
        pool(portMembers=[{"portRef": {"name": "a"}}]),
        "spec.portMembers[0].port: Required value",
    ),
    "a member without port": ("Pool", pool(members=[{"address": "10.0.0.5"}]), "spec.members[0].port: Required value"),
    "a member in two subnets": (
        "Pool",
        members({"networkRef": {"name": "n"}, "subnetID": ID}),
        "networkRef and subnetID both say where the member is",
    ),
    "weight too big": ("Pool", members({"weight": 257}), "less than or equal to 256"),
    "too many members": (
        "Pool",
        members(*({"address": f"10.0.{n // 256}.{n % 256}"} for n in range(257))),
        "spec.members: Too many: 257: must have at most 256 items",
    ),
    "a cookie without name": (
        "Pool",
        pool(sessionPersistence={"type": "APP_COOKIE"}),
        "cookieName is needed with type APP_COOKIE, and only with that",
    ),
    "a cookie's name for nothing": (
        "Pool",
        pool(sessionPersistence={"type": "HTTP_COOKIE", "cookieName": "x"}),
        "cookieName is needed with type APP_COOKIE, and only with that",
    ),
    "cookies in UDP": (
        "Pool",
        pool(protocol="UDP", sessionPersistence={"type": "HTTP_COOKIE"}),
        "with protocol UDP or SCTP, sessionPersistence knows type SOURCE_IP only",
    ),
    "persistence timeout in HTTP": (
        "Pool",
        pool(sessionPersistence={"type": "SOURCE_IP", "timeoutSeconds": 5}),
        "sessionPersistence.timeoutSeconds and granularity need protocol UDP or SCTP",
    ),
    "node selector without nodes": (
        "Pool",
        pool(membersFrom={"serviceRef": {"name": "s"}, "mode": "Endpoints", "nodeSelector": {"a": "b"}}),
        "nodeSelector needs mode NodePort",
    ),
    "Service port 0": (
        "Pool",
        pool(membersFrom={"serviceRef": {"name": "s"}, "mode": "Endpoints", "port": 0}),
        "must be the number (1 to 65535) or the name of a port of the Service",
    ),
    "monitor without anything": ("HealthMonitor", {}, "maxRetries is required, unless import names what to take over"),
    "monitor: path in TCP": (
        "HealthMonitor",
        monitor(type="TCP", urlPath="/"),
        "urlPath needs type HTTP or HTTPS; take it out",
    ),
    "monitor: method in PING": (
        "HealthMonitor",
        monitor(type="PING", httpMethod="GET"),
        "httpMethod needs type HTTP or",
    ),
    "monitor: codes in TCP": (
        "HealthMonitor",
        monitor(type="TCP", expectedCodes="200"),
        "expectedCodes needs type HTTP",
    ),
    "monitor: relative path": ("HealthMonitor", monitor(urlPath="healthz"), "must begin with / and hold no blanks"),
    "monitor: codes in words": ("HealthMonitor", monitor(expectedCodes="2xx"), "must be a status, a list or a range"),
    "monitor: domain in HTTP 1.0": (
        "HealthMonitor",
        monitor(domainName="a.example", httpVersion="1.0"),
        'domainName needs httpVersion: "1.1"',
    ),
    "monitor: domain alone": ("HealthMonitor", monitor(domainName="a.example"), "domainName needs httpVersion"),
    "monitor: too many retries": ("HealthMonitor", monitor(maxRetries=11), "less than or equal to 10"),
    "monitor: no description": ("HealthMonitor", monitor(description="x"), 'unknown field "spec.description"'),
}

CHANGES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any] | None, str]] = {
    "balancer: another network": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {**VIP, "networkRef": {"name": "lab"}}},
        None,
        "spec.vip.networkRef: Invalid value: networkRef cannot be changed: create another LoadBalancer",
    ),
    "balancer: reference to id": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {"subnetID": ID}},
        None,
        "networkRef cannot be",
    ),
    "balancer: another address": (
        "LoadBalancer",
        {"vip": {**VIP, "address": "10.0.0.9"}},
        {"vip": {**VIP, "address": "10.0.0.8"}},
        None,
        "address cannot be changed: create another LoadBalancer, for its address would be lost",
    ),
    "balancer: the same address in another spelling": (
        "LoadBalancer",
        {"vip": {**VIP, "address": "2001:DB8:0::9"}},
        {"vip": {**VIP, "address": "2001:db8::9"}},
        None,
        "",
    ),
    "balancer: the chosen address written down in another spelling": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {**VIP, "address": "2001:DB8::9"}},
        {"vipAddress": "2001:db8::9"},
        "",
    ),
    "balancer: the same further addresses in another spelling": (
        "LoadBalancer",
        {"vip": {**VIP, "additionalVips": [{"subnetID": ID, "address": "2001:DB8::9"}]}},
        {"vip": {**VIP, "additionalVips": [{"subnetID": ID, "address": "2001:db8::9"}]}},
        None,
        "",
    ),
    "balancer: another further address": (
        "LoadBalancer",
        {"vip": {**VIP, "additionalVips": [{"subnetID": ID, "address": "2001:DB8::9"}]}},
        {"vip": {**VIP, "additionalVips": [{"subnetID": ID, "address": "2001:db8::8"}]}},
        None,
        "additionalVips cannot be changed",
    ),
    "balancer: address taken out": (
        "LoadBalancer",
        {"vip": {**VIP, "address": "10.0.0.9"}},
        {"vip": VIP},
        None,
        "address cannot",
    ),
    "balancer: a given address instead of the chosen": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {**VIP, "address": "10.0.0.8"}},
        {"vipAddress": "10.0.0.9"},
        "vip.address cannot be changed once there is one (status.vipAddress)",
    ),
    "balancer: the chosen address written down": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {**VIP, "address": "10.0.0.9"}},
        {"vipAddress": "10.0.0.9"},
        "",
    ),
    "balancer: further addresses": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {**VIP, "additionalVips": [{"subnetID": ID}]}},
        None,
        "additionalVips cannot be changed",
    ),
    "balancer: provider": (
        "LoadBalancer",
        {"vip": VIP, "provider": "a"},
        {"vip": VIP, "provider": "b"},
        None,
        "provider cannot",
    ),
    "balancer: VIP taken out": (
        "LoadBalancer",
        {"vip": VIP, "import": {"id": ID}},
        {"import": {"id": ID}},
        None,
        "vip cannot be changed",
    ),
    **{
        f"balancer: {name} first set to something else": (
            "LoadBalancer",
            {"vip": {"networkRef": {"name": "office"}}},
            {"vip": {"networkRef": {"name": "office"}}, **change},
            MADE,
            f"spec.{name}: Invalid value: {name} cannot be changed once there is one (status.",
        )
        for name, change in (
            ("provider", {"provider": "ovn"}),
            ("flavorID", {"flavorID": ID}),
            ("vip.subnet", {"vip": {"networkRef": {"name": "office"}, "subnet": "b"}}),
            ("vip.address", {"vip": {"networkRef": {"name": "office"}, "address": "10.0.0.8"}}),
        )
    },
    "balancer: what the cloud has, written down": (
        "LoadBalancer",
        {"vip": {"networkRef": {"name": "office"}}},
        {"vip": {**VIP, "address": "10.0.0.9"}, "provider": "amphora", "flavorID": OTHER_ID},
        {**MADE, "flavorID": OTHER_ID},
        "",
    ),
    "balancer: not made yet": (
        "LoadBalancer",
        {"vip": {"networkRef": {"name": "office"}}},
        {"vip": VIP, "provider": "ovn", "flavorID": ID},
        {},
        "",
    ),
    "balancer: a subnet that is not the cloud's, corrected": (
        "LoadBalancer",
        {"vip": {**VIP, "subnet": "b"}},
        {"vip": VIP},
        MADE,
        "",
    ),
    "balancer: a subnet made wrong": (
        "LoadBalancer",
        {"vip": VIP},
        {"vip": {**VIP, "subnet": "b"}},
        MADE,
        "spec.vip.subnet: Invalid value: subnet cannot be changed: create another LoadBalancer",
    ),
    **{
        f"balancer: a network that was refused ({reason}), {'' if allowed else 'not '}corrected": (
            "LoadBalancer",
            {"vip": VIP},
            {"vip": {**VIP, "networkRef": {"name": "lab"}}},
            {**MADE, "conditions": [condition(status, reason)]},
            "" if allowed else "networkRef cannot be changed",
        )
        for status, reason, allowed in (
            ("False", "InvalidConfiguration", True),
            ("False", "WaitingForReference", True),
            ("False", "Conflict", True),
            ("False", "CloudError", False),
            ("True", "Available", False),
        )
    },
    "balancer: what is mutable": (
        "LoadBalancer",
        balancer(HTTP),
        balancer({"protocol": "TCP", "port": 81}, securityGroupRefs=[{"name": "x"}]),
        {"id": ID, "vipAddress": "10.0.0.9"},
        "",
    ),
    "pool: another balancer": (
        "Pool",
        pool(),
        pool(loadBalancerRef={"name": "other"}),
        None,
        "spec.loadBalancerRef: Invalid value: loadBalancerRef cannot be changed: create another Pool",
    ),
    "pool: a balancer that is not there, corrected": (
        "Pool",
        pool(loadBalancerRef={"name": "wbe"}),
        pool(),
        {"conditions": [condition("False", "WaitingForReference")]},
        "",
    ),
    "pool: balancer taken out": (
        "Pool",
        pool(**{"import": {"id": ID}}),
        {"import": {"id": ID}},
        None,
        "loadBalancerRef cannot be changed",
    ),
    "pool: what is mutable": (
        "Pool",
        members({}),
        {**members({"port": 81}), "protocol": "TCP", "algorithm": "SOURCE_IP"},
        {},
        "",
    ),
    "monitor: another pool": (
        "HealthMonitor",
        monitor(),
        monitor(poolRef={"name": "other"}),
        None,
        "spec.poolRef: Invalid value: poolRef cannot be changed: create another HealthMonitor",
    ),
    "monitor: what is mutable": ("HealthMonitor", monitor(urlPath="/"), monitor(type="TCP", delay=20), {"id": ID}, ""),
}


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(server: Server, kind: str, spec: dict[str, Any]) -> None:
    assert server.refusal(kind, spec) == ""
    KINDS[kind].parse(spec)


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(server: Server, kind: str, spec: dict[str, Any], message: str) -> None:
    assert message in server.refusal(kind, spec)


@pytest.mark.parametrize(("kind", "old", "new", "status", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_changes(
    server: Server, *, kind: str, old: dict[str, Any], new: dict[str, Any], status: dict[str, Any] | None, message: str
) -> None:
    said = server.refusal_of_change(kind, old, new, status)
    assert message in said
    assert bool(said) == bool(message)
