"""In what the sandbox's Barbican must be true, and its Octavia beside it."""

import pytest

from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.customer import Customer
from tests.support.keys import Keys
from tests.support.pems import Authority

BINARY = bytes(range(256))


def _payload(customer: Customer, ref: str, kind: str = "text/plain") -> object:
    """What a secret holds; the status where it is not shown."""
    shown = customer.barbican("GET", f"{ref}/payload", Accept=kind)
    return shown.body if shown.status == 200 else shown.status


def test_secrets_are_stored_read_and_deleted(keeper: Keys) -> None:
    """A second one, too, and after other projects': Barbican's own way to keep a project's key fails on PostgreSQL."""
    refs = {keeper.secret(text): text for text in ("first", "second: ö€", "third")}
    assert {ref: _payload(keeper.customer, ref) for ref in refs} == refs
    binary = keeper.binary(BINARY)
    assert _payload(keeper.customer, binary, "application/octet-stream") == BINARY
    listed = keeper.customer.barbican("GET", "secrets?limit=100").body["secrets"]
    assert {*refs, binary} <= {one["secret_ref"] for one in listed}
    assert keeper.customer.barbican("DELETE", binary).status == 204
    assert keeper.customer.barbican("GET", binary).status == 404


def test_a_container_holds_secrets_and_goes_without_them(keeper: Keys) -> None:
    certificate, key = keeper.secret("certificate"), keeper.secret("key")
    ref = keeper.container(certificate=certificate, private_key=key)
    shown = keeper.customer.barbican("GET", ref).body
    assert {one["name"]: one["secret_ref"] for one in shown["secret_refs"]} == {
        "certificate": certificate,
        "private_key": key,
    }
    assert keeper.customer.barbican("DELETE", ref).status == 204
    assert keeper.customer.barbican("GET", ref).status == 404
    assert _payload(keeper.customer, certificate) == "certificate"


def test_a_container_of_what_is_not_there_is_refused(keeper: Keys) -> None:
    ref = keeper.secret("key")
    assert keeper.customer.barbican("DELETE", ref).status == 204
    body = {"type": "certificate", "secret_refs": [{"name": "certificate", "secret_ref": ref}]}
    assert keeper.customer.barbican("POST", "containers", body).status == 404


def test_who_may_read_a_secret_of_another_project_is_on_its_list(full: Sandbox, env: Environment, keeper: Keys) -> None:
    other = Customer(env, full.customer("alpha", "creator"))
    ref = keeper.secret("for both")
    assert _payload(other, ref) == 403
    allowed = {"read": {"users": [other.token["user"]["id"]], "project-access": True}}
    assert keeper.customer.barbican("PUT", f"{ref}/acl", allowed).status == 200
    assert _payload(other, ref) == "for both"
    assert keeper.customer.barbican("DELETE", f"{ref}/acl").status == 200
    assert _payload(other, ref) == 403


def test_a_customer_without_the_role_creator_stores_and_reads_nothing(keeper: Keys, customer: Customer) -> None:
    """As at Infomaniak. Neither is what the others of the project keep for him, or for his load balancers."""
    ref = keeper.secret("not for all")
    assert customer.project.id == keeper.customer.project.id
    refused = customer.barbican("POST", "secrets", {"name": "x", "payload": "x", "payload_content_type": "text/plain"})
    assert (refused.status, refused.body["title"]) == (403, "Forbidden")
    assert [customer.barbican("GET", path).status for path in (ref, "secrets", f"{ref}/acl")] == [403, 403, 403]


def test_barbicans_own_new_rules_can_be_had_for_which_member_is_enough(full: Sandbox, customer: Customer) -> None:
    full.up(key_role="member", progress=lambda _: None)
    try:
        keys = Keys(customer)
        assert _payload(customer, keys.secret("mine")) == "mine"
        keys.clean()
    finally:
        full.up(key_role="creator", progress=lambda _: None)
    assert customer.barbican("GET", "secrets").status == 403


@pytest.fixture
def balancer(customer: Customer) -> str:
    """The id of a load balancer in project beta; ``customer`` sweeps what it stands on."""
    network = customer.neutron("POST", "networks", {"network": {"name": "tls"}}).body["network"]
    subnet = {"network_id": network["id"], "cidr": "10.5.0.0/24", "ip_version": 4}
    subnet = customer.neutron("POST", "subnets", {"subnet": subnet}).body["subnet"]
    made = customer.octavia("POST", "loadbalancers", {"loadbalancer": {"name": "tls", "vip_subnet_id": subnet["id"]}})
    assert made.status == 201, made.body
    return made.body["loadbalancer"]["id"]


def _active(customer: Customer, balancer: str) -> None:
    def look() -> bool:
        shown = customer.octavia("GET", f"loadbalancers/{balancer}").body["loadbalancer"]
        assert shown["provisioning_status"] != "ERROR"
        return shown["provisioning_status"] == "ACTIVE"

    until(look, "load balancer ACTIVE")


def _gone(customer: Customer, balancer: str) -> None:
    def look() -> bool:
        customer.octavia("DELETE", f"loadbalancers/{balancer}?cascade=true")
        return customer.octavia("GET", f"loadbalancers/{balancer}").status == 404

    until(look, "load balancer gone")


def test_octavia_takes_certificates_from_it_and_refuses_what_is_none(
    full: Sandbox, env: Environment, keeper: Keys, balancer: str
) -> None:
    user, issued = keeper.customer, Authority("ours").issue("web")
    bundle, parts, lone = keeper.bundle(issued), keeper.parts(issued), keeper.secret(issued.cert)
    theirs = Keys(Customer(env, full.customer("alpha", "creator")))
    foreign = theirs.bundle(issued)
    ports = iter(range(443, 1000))

    def listen(who: Customer, ref: str, **more: object) -> tuple[int, str]:
        _active(user, balancer)
        body = {"loadbalancer_id": balancer, "protocol": "TERMINATED_HTTPS", "protocol_port": next(ports), **more}
        made = who.octavia("POST", "listeners", {"listener": {**body, "default_tls_container_ref": ref}})
        return made.status, made.body.get("faultstring", "")

    try:
        refused = {
            "not there": (user, f"{bundle[:-12]}{'0' * 12}"),
            "of another project": (user, foreign),
            "no secret's address": (user, "http://127.0.0.1:1/none"),
            "asked for by one without creator": (Customer(env, env.projects["beta"]), bundle),
        }
        for case, (who, ref) in refused.items():
            assert listen(who, ref) == (400, f"Could not retrieve certificate: ['{ref}']"), case
        status, said = listen(user, lone)
        assert (status, said[:33]) == (400, "The PKCS12 bundle is unreadable. ")

        assert [listen(user, ref)[0] for ref in (bundle, parts)] == [201, 201]
        assert listen(user, bundle, sni_container_refs=[parts]) == (201, "")
        # Octavia, which runs the load balancer, has seen to it that it may read them.
        for ref in (bundle, parts):
            assert len(user.barbican("GET", f"{ref}/acl").body["read"]["users"]) == 1
        _active(user, balancer)
    finally:
        _gone(user, balancer)
        theirs.clean()
