# ruff: noqa: PLR0917 - a row of the table is a list of arguments
import pytest

from infomaniak_operator.client import Category, ConflictError, Operations, ServiceError
from tests.support.fake_cloud_http import Reply


@pytest.fixture
def do(session):
    return Operations(session)


def pages(many, size=2, total=5):
    """A service that gives so many a page, and a link to the next."""

    def answer(asked):
        marker = dict(asked.query).get("marker")
        first = int(marker) + 1 if marker is not None else 0
        rows = [{"id": str(number)} for number in range(first, min(first + size, total))]
        body = {many: rows}
        if rows and first + size < total:
            query = f"name=n&marker={rows[-1]['id']}"
            body[f"{many}_links"] = [{"rel": "next", "href": f"http://elsewhere.example/v2.0/x?{query}"}]
        return Reply(200, body)

    return answer


def test_all_pages_are_read_at_our_own_address(do, wire):
    wire.answer = pages("networks")
    assert [row["id"] for row in do.networks.list(name="n")] == ["0", "1", "2", "3", "4"]
    assert [asked.query for asked in wire.asked] == [
        [("name", "n")],
        [("name", "n"), ("marker", "1")],
        [("name", "n"), ("marker", "3")],
    ]


def test_two_thousand_objects(do, wire):
    wire.answer = pages("networks", size=500, total=2000)
    assert len(do.networks.list(name="n")) == 2000


def test_pages_in_a_circle_are_an_error(do, wire):
    wire.answer = lambda _: Reply(
        200, {"networks": [{"id": "1"}], "networks_links": [{"rel": "next", "href": "http://x/?marker=1"}]}
    )
    with pytest.raises(ServiceError, match="circle"):
        do.networks.list()


def test_a_page_that_fails_fails_the_list(do, wire):
    first = pages("networks")
    wire.answer = lambda asked: Reply(500, {}) if dict(asked.query).get("marker") else first(asked)
    with pytest.raises(ServiceError):
        do.networks.list()


@pytest.mark.parametrize("body", [None, [], {}, {"networks": None}, {"networks": {}}])
def test_an_answer_that_is_no_list_is_never_an_empty_list(do, wire, body):
    wire.answer = lambda _: Reply(200, body)
    with pytest.raises(ServiceError, match="no 'networks'"):
        do.networks.list()


@pytest.mark.parametrize("collection", ["networks", "subnets", "routers", "load_balancers", "listeners", "pools"])
def test_unknown_filters_and_filters_without_value_are_never_sent(do, wire, collection):
    for filters in ({"nmae": "x"}, {"name": None}, {"name": []}, {"name": ["a", None]}):
        with pytest.raises(ValueError, match="filter"):
            getattr(do, collection).list(**filters)
    assert wire.asked == []


def test_what_a_list_asks_for(do, wire):
    do.networks.list(fields=["id", "name"], name=["a", "b"], **{"router:external": True})
    assert wire.asked[0].query == [
        ("name", "a"),
        ("name", "b"),
        ("router:external", "True"),
        ("fields", "id"),
        ("fields", "name"),
    ]


def test_unknown_attributes_are_never_sent(do, wire):
    for call in (
        lambda: do.networks.create({"nmae": "x"}),
        lambda: do.networks.update("n", {"nmae": "x"}),
        lambda: do.subnets.create_many([{"cidr": "10.0.0.0/24"}, {"cidrr": "x"}]),
        lambda: do.members.replace_all("p", [{"addres": "x"}]),
        lambda: do.load_balancers.create_tree({"listeners": [{"prtocol": "TCP"}]}),
        lambda: do.load_balancers.create_tree({"listeners": [{"default_pool": {"membres": []}}]}),
        lambda: do.load_balancers.create_tree({"pools": [{"members": [{"addres": "x"}]}]}),
        lambda: do.load_balancers.create_tree({"pools": [{"healthmonitor": {"tpye": "TCP"}}]}),
    ):
        with pytest.raises(ValueError, match="no attribute"):
            call()
    assert wire.asked == []


def test_octavia_has_no_revisions(do, wire):
    with pytest.raises(ValueError, match="no revision"):
        do.load_balancers.delete("lb", if_revision=1)
    with pytest.raises(ValueError, match="no revision"):
        do.pools.update("p", {"name": "x"}, if_revision=1)
    assert wire.asked == []


def test_no_call_for_no_bodies(do, wire):
    assert do.subnets.create_many([]) == []
    assert wire.asked == []


@pytest.mark.parametrize("answer", [None, {}, {"network": None}, {"network": []}])
def test_a_create_whose_answer_is_empty_has_an_unknown_outcome(do, wire, answer):
    wire.answer = lambda _: Reply(201, answer)
    with pytest.raises(ServiceError) as caught:
        do.networks.create({"name": "n"})
    assert caught.value.outcome_unknown is True


ROUTES = [
    (lambda do: do.networks.get("i"), "GET", "/v2.0/networks/i", None),
    (lambda do: do.security_groups.get("i"), "GET", "/v2.0/security-groups/i", None),
    (lambda do: do.security_group_rules.delete("i"), "DELETE", "/v2.0/security-group-rules/i", None),
    (lambda do: do.floating_ips.delete("i"), "DELETE", "/v2.0/floatingips/i", None),
    (lambda do: do.load_balancers.get("i"), "GET", "/v2/lbaas/loadbalancers/i", None),
    (lambda do: do.load_balancers.status_tree("i"), "GET", "/v2/lbaas/loadbalancers/i/status", None),
    (lambda do: do.load_balancers.statistics("i"), "GET", "/v2/lbaas/loadbalancers/i/stats", None),
    (lambda do: do.listeners.statistics("i"), "GET", "/v2/lbaas/listeners/i/stats", None),
    (lambda do: do.health_monitors.delete("i"), "DELETE", "/v2/lbaas/healthmonitors/i", None),
    (lambda do: do.members.get("p", "i"), "GET", "/v2/lbaas/pools/p/members/i", None),
    (lambda do: do.members.delete("p", "i"), "DELETE", "/v2/lbaas/pools/p/members/i", None),
    (
        lambda do: do.members.replace_all("p", [{"address": "10.0.0.1", "protocol_port": 80}]),
        "PUT",
        "/v2/lbaas/pools/p/members",
        {"members": [{"address": "10.0.0.1", "protocol_port": 80}]},
    ),
    (
        lambda do: do.routers.add_interface("r", subnet_id="s"),
        "PUT",
        "/v2.0/routers/r/add_router_interface",
        {"subnet_id": "s"},
    ),
    (
        lambda do: do.routers.remove_interface("r", port_id="o"),
        "PUT",
        "/v2.0/routers/r/remove_router_interface",
        {"port_id": "o"},
    ),
    (lambda do: do.tags.replace("floating_ips", "f", ["b"]), "PUT", "/v2.0/floatingips/f/tags", {"tags": ["b"]}),
    (lambda do: do.tags.replace("security_groups", "g", []), "PUT", "/v2.0/security-groups/g/tags", {"tags": []}),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), ROUTES)
def test_where_requests_go(do, wire, call, method, path, body):
    everything = {"id": "i"}
    one = ("network", "security_group", "floatingip", "loadbalancer", "member")
    wire.answer = lambda _: Reply(200, {"tags": [], "statuses": {}, "stats": {}, **dict.fromkeys(one, everything)})
    call(do)
    (asked,) = wire.asked
    assert (asked.method, asked.path, asked.body) == (method, f"/network{path}", body)


@pytest.mark.parametrize("ids", [{}, {"subnet_id": "s", "port_id": "p"}])
def test_an_interface_is_on_a_subnet_or_a_port(do, wire, ids):
    for call in (do.routers.add_interface, do.routers.remove_interface):
        with pytest.raises(ValueError, match="either"):
            call("r", **ids)
    assert wire.asked == []


def test_tags_of_what_has_none(do):
    with pytest.raises(ValueError, match="no tags"):
        do.tags.replace("load_balancers", "i", [])


def test_a_cascade_is_asked_for_in_the_query(do, wire):
    wire.answer = lambda _: Reply(204)
    do.load_balancers.delete("lb", cascade=True)
    do.load_balancers.delete("lb")
    assert [asked.query for asked in wire.asked] == [[("cascade", "true")], []]


def address(port=None, fixed=None):
    return {"floatingip": {"id": "f", "port_id": port, "fixed_ip_address": fixed, "revision_number": 7}}


def methods(wire):
    return [asked.method for asked in wire.asked]


def test_an_association_looks_first_and_tests_the_revision(do, wire):
    wire.answer = lambda _: Reply(200, address())
    do.floating_ips.associate("f", "p", "10.0.0.5")
    assert methods(wire) == ["GET", "PUT"]
    assert wire.asked[1].body == {"floatingip": {"port_id": "p", "fixed_ip_address": "10.0.0.5"}}
    assert wire.asked[1].headers["if-match"] == "revision_number=7"


def test_an_association_never_steals(do, wire):
    wire.answer = lambda _: Reply(200, address("other"))
    with pytest.raises(ConflictError, match="bound to port other") as caught:
        do.floating_ips.associate("f", "p")
    assert caught.value.category is Category.IN_USE
    assert methods(wire) == ["GET"]


@pytest.mark.parametrize(("fixed", "asks"), [(None, ["GET"]), ("10.0.0.5", ["GET"]), ("10.0.0.6", ["GET", "PUT"])])
def test_an_association_that_is_there_is_left_alone(do, wire, fixed, asks):
    wire.answer = lambda _: Reply(200, address("p", "10.0.0.5"))
    do.floating_ips.associate("f", "p", fixed)
    assert methods(wire) == asks


@pytest.mark.parametrize(
    ("bound", "expected", "asks"), [(None, None, ["GET"]), ("p", None, ["GET", "PUT"]), ("p", "p", ["GET", "PUT"])]
)
def test_a_disassociation(do, wire, bound, expected, asks):
    wire.answer = lambda _: Reply(200, address(bound))
    do.floating_ips.disassociate("f", expected)
    assert methods(wire) == asks
    if "PUT" in asks:
        assert wire.asked[1].body == {"floatingip": {"port_id": None}}
        assert wire.asked[1].headers["if-match"] == "revision_number=7"


def test_a_disassociation_from_another_port_than_expected_is_refused(do, wire):
    wire.answer = lambda _: Reply(200, address("other"))
    with pytest.raises(ConflictError, match="not to p"):
        do.floating_ips.disassociate("f", "p")
    assert methods(wire) == ["GET"]


def test_quotas_of_both_services(do, wire):
    wire.answer = lambda asked: Reply(200, {"quota": {"path": asked.path}})
    assert do.quotas.get() == {
        "network": {"path": "/network/v2.0/quotas/p1/details.json"},
        "load-balancer": {"path": "/network/v2/lbaas/quotas/p1"},
    }


COUNTED = {"active_connections": 1, "total_connections": 5, "bytes_in": 6, "bytes_out": 2**62, "request_errors": 0}


@pytest.mark.parametrize("odd", [-1, 2**63, 10**400, True, None, "7", 1.5, {}, ...])
@pytest.mark.parametrize("name", sorted(COUNTED))
def test_statistics_are_counts_or_an_error(session, wire, name, odd):
    said = {key: value for key, value in {**COUNTED, name: odd}.items() if value is not ...}
    wire.answer = lambda _: Reply(200, {"stats": said})
    for collection in (Operations(session, whole=True).listeners, Operations(session, whole=True).load_balancers):
        with pytest.raises(ServiceError, match="no statistics"):
            collection.statistics("i")
    wire.answer = lambda _: Reply(200, {"stats": COUNTED})
    assert Operations(session, whole=True).listeners.statistics("i") == COUNTED
