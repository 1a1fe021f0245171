import uuid

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    ConflictError,
    NotFoundError,
    ServiceError,
)
from tests.support.balancing import CHECK, MONITOR, POLICY, ROBIN, RULE, refused, states
from tests.support.unordered import unordered


def test_listeners_and_their_pools(cloud, balancer):
    do, lb = cloud.do, balancer["id"]
    (listener,), (pool,) = balancer["listeners"], balancer["pools"]
    ours = do.listeners.get(listener["id"])
    same = "already using protocol HTTP and protocol_port 80"

    def create(**body):
        return lambda: do.listeners.create({"loadbalancer_id": lb, "protocol_port": 80, **body})

    refused(create(protocol="TCP"), ConflictError, Category.TERMINAL, same)
    unfit = "The pool protocol 'HTTP' is invalid while the listener protocol is 'UDP'"
    refused(create(protocol="UDP", default_pool_id=pool["id"]), BadRequestError, Category.TERMINAL, unfit)
    refused(create(protocol="FTP"), BadRequestError, Category.TERMINAL, "Value should be one of")
    refused(create(), BadRequestError, Category.TERMINAL, "protocol. Value: 'None'. Mandatory field missing")
    refused(create(protocol="UDP", default_pool_id=lb), NotFoundError, Category.NOT_FOUND, f"Pool {lb} not found")
    foreign = "IP version incompatible with all VIPs"
    refused(create(protocol="UDP", allowed_cidrs=["fd00::/8"]), BadRequestError, Category.TERMINAL, foreign)
    # Only the POST of a load balancer takes a tree.
    nested = {"protocol": "UDP", "default_pool": {"name": "n", **ROBIN, "protocol": "UDP"}}
    refused(create(**nested), ServiceError, Category.TRANSIENT, "_sa_instance_state")
    for body in ({"protocol": "TCP"}, {"protocol_port": 81}, {"loadbalancer_id": lb}):
        (name,) = body
        unknown = f"Unknown attribute for argument listener_.listener: {name}"
        refused(lambda body=body: do.listeners.update(ours["id"], body), BadRequestError, Category.TERMINAL, unknown)
    unknown = "Unknown attribute for argument load_balancer.loadbalancer: vip_address"
    refused(
        lambda: do.load_balancers.update(lb, {"vip_address": "10.0.0.9"}), BadRequestError, Category.TERMINAL, unknown
    )

    made = create(protocol="UDP", timeout_client_data=1000, allowed_cidrs=["10.0.0.0/8"])()
    assert states(do.load_balancers.get(lb), made) == [("PENDING_UPDATE", "ONLINE"), ("PENDING_CREATE", "OFFLINE")]
    before = cloud.settled(lb)
    made = do.listeners.update(made["id"], {"timeout_client_data": None, "allowed_cidrs": [], "description": "d"})
    assert (made["timeout_client_data"], made["allowed_cidrs"], made["description"]) == (50000, None, "d")
    assert states(made) == [("PENDING_UPDATE", "ONLINE")]
    assert cloud.settled(lb)["updated_at"] > before["updated_at"]
    do.pools.delete(pool["id"])
    assert states(do.pools.get(pool["id"]), do.listeners.get(ours["id"])) == [
        ("PENDING_DELETE", "ONLINE"),
        ("PENDING_UPDATE", "ONLINE"),
    ]
    cloud.settled(lb)
    assert do.listeners.get(ours["id"])["default_pool_id"] is None
    with pytest.raises(NotFoundError):
        do.pools.get(pool["id"])
    fresh = do.pools.create({"listener_id": ours["id"], **ROBIN})
    assert (fresh["listeners"], fresh["loadbalancers"]) == ([{"id": ours["id"]}], [{"id": lb}])
    cloud.settled(lb)
    again = "This listener already has a default pool"
    refused(lambda: do.pools.create({"listener_id": ours["id"], **ROBIN}), ConflictError, Category.IN_USE, again)
    do.listeners.delete(ours["id"])
    assert [one["id"] for one in cloud.settled(lb)["listeners"]] == [made["id"]]
    assert do.pools.get(fresh["id"])["listeners"] == []


def test_a_certificate_that_cannot_be_read(cloud, balancer):
    do, lb = cloud.do, balancer["id"]
    ref, other = (f"http://127.0.0.1:1/v1/secrets/{uuid.uuid4()}" for _ in range(2))
    for each in (ref, other):
        cloud.lose(each)
    body = {"loadbalancer_id": lb, "protocol": "TERMINATED_HTTPS", "protocol_port": 443}
    said = f"Could not retrieve certificate: ['{ref}']"
    tls = {**body, "default_tls_container_ref": ref}
    refused(lambda: do.listeners.create(tls), BadRequestError, Category.UNREADABLE, said)
    refused(
        lambda: do.listeners.create({**body, "sni_container_refs": [ref]}), BadRequestError, Category.UNREADABLE, said
    )
    # The port is ours: one that Octavia makes for a tree is left behind where the tree is refused.
    port = do.ports.create({"network_id": balancer["vip_network_id"], "name": cloud.name()})
    tree = {"name": cloud.name(), "vip_port_id": port["id"]}
    tree["listeners"] = [{key: value for key, value in tls.items() if key != "loadbalancer_id"}]
    refused(lambda: do.load_balancers.create_tree(tree), BadRequestError, Category.UNREADABLE, said)
    both = {**tls, "sni_container_refs": [other]}
    said = f"Could not retrieve certificate: ['{other}', '{ref}']"
    refused(lambda: do.listeners.create(both), BadRequestError, Category.UNREADABLE, said)
    assert cloud.settled(lb)["provisioning_status"] == "ACTIVE"


def test_authorities_of_clients_and_of_members(cloud, balancer):
    do, lb = cloud.do, balancer["id"]
    (pool,) = balancer["pools"]
    ref, other = (f"http://127.0.0.1:1/v1/secrets/{uuid.uuid4()}" for _ in range(2))
    for each in (ref, other):
        cloud.lose(each)
    https = {"loadbalancer_id": lb, "protocol": "TERMINATED_HTTPS", "protocol_port": 443}
    tls = {**https, "default_tls_container_ref": ref}

    def no(act, said):
        refused(act, BadRequestError, Category.TERMINAL, said)

    said = "Client authentication setting MANDATORY requires a client CA container reference"
    no(lambda: do.listeners.create({**tls, "client_authentication": "MANDATORY"}), said)
    said = "A client authentication CA reference is required to specify a client authentication revocation list"
    no(lambda: do.listeners.create({**tls, "client_crl_container_ref": other}), said)
    said = "An SNI or default certificate container reference must be provided"
    no(lambda: do.listeners.create({**https, "client_ca_tls_container_ref": other}), said)

    alone = {"loadbalancer_id": lb, **ROBIN, "tls_enabled": True}
    said = "A CA certificate reference is required to specify a revocation list"
    no(lambda: do.pools.create({**alone, "crl_container_ref": ref}), said)
    both = {"ca_tls_container_ref": ref, "crl_container_ref": other}
    for body, bad in (
        ({"ca_tls_container_ref": ref}, [ref]),
        (both, [ref, other]),
        ({"tls_container_ref": ref}, [ref]),
    ):
        said = f"Could not retrieve certificate: {bad}"
        for act in (
            lambda body=body: do.pools.create({**alone, **body}),
            lambda body=body: do.pools.update(pool["id"], body),
        ):
            refused(act, BadRequestError, Category.UNREADABLE, said)
    said = "A CA reference is required to specify a certificate revocation list"
    no(lambda: do.pools.update(pool["id"], {"crl_container_ref": ref}), said)

    made = do.pools.create({**alone, "alpn_protocols": ["http/1.1", "h2"]})
    cloud.settled(lb)
    made = do.pools.get(made["id"])
    assert (made["tls_enabled"], made["alpn_protocols"]) == (True, ["http/1.1", "h2"])
    made = do.pools.update(
        made["id"], {"tls_enabled": False, "tls_versions": ["TLSv1.3"], "ca_tls_container_ref": None}
    )
    assert (made["tls_enabled"], made["tls_versions"]) == (False, ["TLSv1.3"])
    cloud.settled(lb)

    # The port is ours: one that Octavia makes for a tree is left behind where the tree is refused.
    port = do.ports.create({"network_id": balancer["vip_network_id"], "name": cloud.name()})
    nested = {"name": "members", **ROBIN, "tls_enabled": True}
    tree = {"name": cloud.name(), "vip_port_id": port["id"], "pools": [nested]}
    refused(lambda: do.load_balancers.create_tree(tree), ServiceError, Category.TRANSIENT, "tls_ciphers")


def test_members(cloud, balancer):
    do, lb = cloud.do, balancer["id"]
    (pool,), (listener,) = balancer["pools"], balancer["listeners"]
    p = pool["id"]
    (old,) = do.members.list(p)
    five, six = {"address": "10.0.0.5", "protocol_port": 8080}, {"address": "10.0.0.6", "protocol_port": 8080}
    taken = "Another member on this pool is already using ip 10.0.0.5 on protocol_port 8080"
    refused(lambda: do.members.create(p, five), ConflictError, Category.TERMINAL, taken)
    lost = f"Subnet {lb} not found"
    refused(lambda: do.members.create(p, {**six, "subnet_id": lb}), BadRequestError, Category.TERMINAL, lost)
    refused(lambda: do.members.replace_all(p, [{**six, "subnet_id": lb}]), BadRequestError, Category.TERMINAL, lost)
    refused(
        lambda: do.members.replace_all(p, [six, six]), ConflictError, Category.TERMINAL, "already using ip 10.0.0.6"
    )
    refused(lambda: do.members.replace_all(p, [five, five]), BadRequestError, Category.TERMINAL, "only once")
    refused(lambda: do.members.update(p, old["id"], six), BadRequestError, Category.TERMINAL, "Unknown attribute")
    refused(lambda: do.members.get(p, lb), NotFoundError, Category.NOT_FOUND, f"Member {lb} not found")
    refused(lambda: do.members.list(lb), NotFoundError, Category.NOT_FOUND, "404")

    changed = do.members.update(p, old["id"], {"weight": 7, "name": "n"})
    assert (changed["weight"], changed["name"], states(changed)) == (7, "n", [("PENDING_UPDATE", "ONLINE")])
    before = cloud.settled(lb)
    do.members.replace_all(p, [five, {**six, "weight": 0, "backup": True}])
    now = {one["address"]: one for one in do.members.list(p)}
    assert (now["10.0.0.5"]["id"], now["10.0.0.5"]["weight"], now["10.0.0.5"]["name"]) == (old["id"], 1, "n")
    assert (now["10.0.0.6"]["weight"], now["10.0.0.6"]["backup"]) == (0, True)
    assert states(now["10.0.0.5"], now["10.0.0.6"]) == [
        ("PENDING_UPDATE", "ONLINE"),
        ("PENDING_CREATE", now["10.0.0.6"]["operating_status"]),
    ]
    above = (do.load_balancers.get(lb), do.listeners.get(listener["id"]), do.pools.get(p))
    assert states(*above) == [("PENDING_UPDATE", "ONLINE")] * 3
    locked = f"Pool {p} is immutable and cannot be updated"
    refused(lambda: do.members.replace_all(p, []), ConflictError, Category.WAITING, locked)
    assert cloud.settled(lb)["updated_at"] > before["updated_at"]
    do.members.replace_all(p, [six])
    gone = {one["address"]: one["provisioning_status"] for one in do.members.list(p)}
    assert gone == {"10.0.0.5": "PENDING_DELETE", "10.0.0.6": "PENDING_UPDATE"}
    cloud.settled(lb)
    (left,) = do.members.list(p)
    assert (left["id"], left["weight"], left["backup"]) == (now["10.0.0.6"]["id"], 1, False)
    do.members.delete(p, left["id"])
    before = unordered(cloud.settled(lb))
    assert do.members.list(p) == []
    do.members.replace_all(p, [])
    assert unordered(do.load_balancers.get(lb)) == before


def test_monitors(cloud, balancer):
    do, lb = cloud.do, balancer["id"]
    (pool,) = balancer["pools"]

    def create(**body):
        return lambda: do.health_monitors.create({"pool_id": pool["id"], **CHECK, **body})

    option = "url_path is not a valid option for health monitors of type TCP"
    refused(create(type="TCP", url_path="/"), BadRequestError, Category.TERMINAL, option)
    refused(create(type="UDP-CONNECT"), BadRequestError, Category.TERMINAL, "only supported for pools of type UDP/SCTP")
    refused(create(domain_name="x.org"), BadRequestError, Category.TERMINAL, "'http_version' must be specified")
    made = create()()
    assert set(made) == MONITOR | {"pools"}
    assert [made[name] for name in ("http_method", "url_path", "expected_codes", "max_retries_down")] == [
        *("GET", "/", "200"),
        3,
    ]
    assert states(made, do.pools.get(pool["id"])) == [("PENDING_CREATE", "OFFLINE"), ("PENDING_UPDATE", "ONLINE")]
    cloud.settled(lb)
    assert do.pools.get(pool["id"])["healthmonitor_id"] == made["id"]
    refused(create(), ConflictError, Category.TERMINAL, "This pool already has a health monitor")
    unknown = "Unknown attribute for argument health_monitor_.healthmonitor: type"
    refused(lambda: do.health_monitors.update(made["id"], {"type": "TCP"}), BadRequestError, Category.TERMINAL, unknown)
    changed = do.health_monitors.update(made["id"], {"url_path": "/ready", "expected_codes": None, "delay": 9})
    assert (changed["url_path"], changed["expected_codes"], changed["delay"]) == ("/ready", "200", 9)
    cloud.settled(lb)
    # A check may take longer than the time to the next one: Octavia leaves that to who asks.
    changed = do.health_monitors.update(made["id"], {"timeout": 60})
    assert (changed["timeout"], changed["delay"]) == (60, 9)
    cloud.settled(lb)
    do.health_monitors.delete(made["id"])
    cloud.settled(lb)
    assert "healthmonitor_id" not in do.pools.get(pool["id"])
    refused(
        lambda: do.health_monitors.get(made["id"]), NotFoundError, Category.NOT_FOUND, f"Health Monitor {made['id']}"
    )


def test_policies(cloud, balancer):
    do, lb = cloud.do, balancer["id"]
    (pool,), (listener,) = balancer["pools"], balancer["listeners"]

    def create(**body):
        return lambda: do.l7_policies.create({"listener_id": listener["id"], **body})

    rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}
    bare = "redirect_url must not be None"
    refused(create(action="REDIRECT_TO_URL"), BadRequestError, Category.TERMINAL, bare)
    lost = f"Pool {lb} not found"
    refused(create(action="REDIRECT_TO_POOL", redirect_pool_id=lb), NotFoundError, Category.NOT_FOUND, lost)
    # Rules go in by themselves, but for the POST of a whole load balancer.
    nested = "_sa_instance_state"
    refused(create(action="REJECT", rules=[rule]), ServiceError, Category.TRANSIENT, nested)
    far = create(action="REDIRECT_TO_URL", redirect_url="https://x.org/", name="far")()
    assert set(far) == POLICY
    assert (far["position"], far["redirect_http_code"], far["rules"]) == (1, 302, [])
    assert states(far) == [("PENDING_CREATE", "OFFLINE")]
    cloud.settled(lb)
    near = create(action="REDIRECT_TO_POOL", redirect_pool_id=pool["id"], position=1)()
    assert near["position"] == 1
    locked = f"L7Policy {near['id']} is immutable and cannot be updated"
    refused(lambda: do.l7_rules.create(near["id"], rule), ConflictError, Category.WAITING, locked)
    cloud.settled(lb)
    assert do.l7_policies.get(far["id"])["position"] == 2
    made = do.l7_rules.create(near["id"], rule)
    assert set(made) == RULE
    assert states(do.listeners.get(listener["id"]), do.load_balancers.get(lb)) == [("PENDING_UPDATE", "ONLINE")] * 2
    cloud.settled(lb)
    assert do.l7_policies.get(near["id"])["rules"] == [{"id": made["id"]}]
    assert [one["id"] for one in do.listeners.get(listener["id"])["l7policies"]] == [near["id"], far["id"]]
    rest = {"type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-A", "value": "b", "invert": True}
    changed = do.l7_rules.update(near["id"], made["id"], rest)
    assert (set(changed), {name: changed[name] for name in rest}) == (RULE, rest)
    policy_locked = f"L7Policy {near['id']} is immutable and cannot be updated"
    refused(lambda: do.l7_rules.delete(near["id"], made["id"]), ConflictError, Category.WAITING, policy_locked)
    cloud.settled(lb)
    do.l7_rules.update(near["id"], made["id"], {"value": "c"})
    cloud.settled(lb)
    (only,) = do.l7_rules.list(near["id"])
    assert (only["id"], only["key"], only["value"], only["invert"]) == (made["id"], "X-A", "c", True)
    assert states(only) == [("ACTIVE", "ONLINE")]
    do.l7_rules.delete(near["id"], made["id"])
    cloud.settled(lb)
    assert do.l7_rules.list(near["id"]) == do.l7_policies.get(near["id"])["rules"] == []
    refused(lambda: do.l7_rules.list(lb), NotFoundError, Category.NOT_FOUND, "404")
    used = f"Pool {pool['id']} is in use by L7 policy {near['id']}"
    refused(lambda: do.pools.delete(pool["id"]), ConflictError, Category.IN_USE, used)
    changed = do.l7_policies.update(near["id"], {"action": "REJECT", "position": 2})
    assert (changed["redirect_pool_id"], changed["position"], changed["provisioning_status"]) == (
        None,
        2,
        "PENDING_UPDATE",
    )
    cloud.settled(lb)
    assert do.l7_policies.get(far["id"])["position"] == 1
    do.l7_policies.delete(far["id"])
    assert do.l7_policies.get(far["id"])["provisioning_status"] == "PENDING_DELETE"
