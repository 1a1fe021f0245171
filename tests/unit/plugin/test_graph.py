"""`kubectl infomaniak graph`: all objects are in the picture, at their place, and the same input gives the same bytes."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
import yaml

from infomaniak_operator.plugin.graph import command
from infomaniak_operator.plugin.graph.topology import Health
from tests.support.drawn import OFFICE, drawn, of_100, of_example
from tests.support.forest import Forest
from tests.support.objects import custom
from tests.support.plugin_server import PluginServer, ran
from tests.support.stack_of_100 import bodies

OUTSIDE = {"networkName": "ext-floating1"}


@pytest.fixture(scope="module")
def web():
    return of_example("web")


@pytest.fixture(scope="module")
def hundred():
    return of_100()


def picture(server, capsys, *words):
    assert ran(server, "graph", *words) == 0
    return capsys.readouterr().out


def said(svg):
    """All texts of a picture, those in titles and descriptions included."""
    return "\n".join(ET.fromstring(svg).itertext())


def test_the_picture_in_the_docs_is_what_is_drawn_today(capsys):
    assert picture(of_example("office"), capsys) == OFFICE.read_text()


@pytest.mark.parametrize("name", ["office", "web", "ports", "shop", "mail", "network", "routing"])
@pytest.mark.parametrize("form", ["svg", "mermaid"])
def test_each_object_of_the_examples_is_named(name, form, capsys):
    server = of_example(name)
    text = picture(server, capsys, "--format", form)
    shown = said(text) if form == "svg" else text
    for each in server.objects(None):
        assert re.search(rf"(?<![\w-]){re.escape(each.key.name)}(?![\w-])", shown), each.key


def test_each_of_100_objects_is_named_and_drawn_once(hundred, capsys):
    found = json.loads(picture(hundred, capsys, "-o", "json"))
    kinds = {each.key.kind for each in hundred.objects(None)}
    names = [each["name"] for each in heads(found) if each["noun"] in kinds]
    in_lines = ("HealthMonitor", "L7Policy")
    there = sorted(each.key.name for each in hundred.objects(None) if each.key.kind not in in_lines)
    assert sorted(set(names) - {"not-there", "gone"}) == sorted(set(there))
    assert len(names) == len(there) + 2
    text = said(picture(hundred, capsys))
    assert all(each.key.name in text for each in hundred.objects(None))


def heads(value):
    if isinstance(value, dict):
        if {"noun", "name", "health"} <= value.keys():
            yield value
        for each in value.values():
            yield from heads(each)
    elif isinstance(value, list):
        for each in value:
            yield from heads(each)


def pools(value):
    if isinstance(value, dict):
        yield from value.get("pools") or () if "listeners" in value else ()
        for each in value.values():
            yield from pools(each)
    elif isinstance(value, list):
        for each in value:
            yield from pools(each)


@pytest.mark.parametrize("form", ["svg", "mermaid"])
def test_the_same_objects_give_the_same_bytes_in_whatever_order_they_come(hundred, capsys, form):
    first = picture(hundred, capsys, "--format", form)
    again = PluginServer(hundred.world)
    listed = again.objects(None)
    again.objects = lambda namespace: list(reversed(listed))
    assert picture(again, capsys, "--format", form) == first


def test_a_web_stack_hangs_together_as_it_does_in_the_cloud(web, capsys):
    found = json.loads(picture(web, capsys, "-o", "json"))
    (outside,) = found["outsides"]
    assert outside["head"]["name"] == "ext-floating1"
    (router,) = outside["routers"]
    assert (router["head"]["name"], router["rows"]["shown"][0]["text"]) == ("web", "198.51.100.2")
    (network,) = router["networks"]
    assert network["rows"]["shown"][0] == {
        "text": "web-v4",
        "detail": "10.40.0.0/24 · gateway 10.40.0.1",
        "health": None,
    }
    (balancer,) = network["balancers"]
    assert [(each["name"], each["what"], each["health"]) for each in balancer["listeners"]] == [
        ("http", "HTTP :80", "ready"),
        ("tls", "TCP :443", "ready"),
    ]
    led = [balancer["pools"][each["pools"][0]]["head"]["name"] for each in balancer["listeners"]]
    assert led == ["site", "site-tls"]
    (site,) = [each for each in balancer["pools"] if each["head"]["name"] == "site"]
    assert [each["text"] for each in site["monitors"]] == ["HealthMonitor site"]
    assert {each["text"] for each in site["members"]["shown"]} == {
        "10.40.0.11:8080",
        "10.40.0.12:8080",
        "10.40.0.99:8080",
    }
    (address,) = balancer["addresses"]
    assert (address["address"], address["head"]["name"]) == ("198.51.100.3", "web")
    assert [each["noun"] for each in found["others"]] == ["SecurityGroup"]


def test_an_address_stands_at_what_it_leads_to_or_at_its_external_network(capsys):
    found = json.loads(picture(of_example("ports"), capsys, "-o", "json"))
    text = json.dumps(found)
    leading = [each for each in of_example("ports").objects(None) if each.key.kind == "FloatingIP"]
    assert leading
    assert all(f'"name": "{each.key.name}"' in text for each in leading)
    office = json.loads(picture(of_example("office"), capsys, "-o", "json"))
    (outside,) = office["outsides"]
    assert {each["head"]["name"]: each["leads"] for each in outside["addresses"]} == {
        "mail": "not associated",
        "vpn": "not associated",
    }
    assert [each["text"] for each in outside["rows"]["shown"]] == ["InfomaniakNetwork internet"]


def test_one_external_network_by_name_by_id_and_by_an_object_is_one():
    network_id = "11111111-2222-3333-4444-555555555555"
    internet = custom(
        "InfomaniakNetwork",
        "internet",
        {"managementPolicy": "Unmanaged", "import": {"filter": {"name": "ext-floating1", "external": True}}},
    )
    internet["status"] = {"id": network_id}
    by_name = custom("Router", "by-name", {"externalGateway": OUTSIDE})
    by_id = custom("Router", "by-id", {"externalGateway": {"networkID": network_id}})
    by_object = custom("Router", "by-object", {"externalGateway": {"networkRef": {"name": "internet"}}})
    found = drawn([internet, by_name, by_id, by_object])
    (outside,) = found.outsides
    assert outside.head.name == "ext-floating1"
    assert {each.head.name for each in outside.routers} == {"by-name", "by-id", "by-object"}


def test_what_is_missing_is_drawn_as_failed_with_what_waits_for_it():
    balancer = custom("LoadBalancer", "b", {"vip": {"networkRef": {"name": "nowhere"}}})
    pool = custom("Pool", "p", {"loadBalancerRef": {"name": "gone"}})
    found = drawn([balancer, pool, custom("FloatingIP", "f", {"loadBalancerRef": {"name": "gone"}})])
    by_name = {each.head.name: each for each in found.networks}
    assert by_name["nowhere"].head.health is Health.FAILED
    assert [each.head.name for each in by_name["nowhere"].balancers] == ["b"]
    (gone,) = by_name["not known"].balancers
    assert (gone.head.name, gone.head.health) == ("gone", Health.FAILED)
    assert [each.head.name for each in gone.pools] == ["p"]
    assert [each.head.name for each in gone.addresses] == ["f"]


def test_a_network_of_two_routers_is_drawn_once_and_named_at_the_other():
    network = custom("InfomaniakNetwork", "n", {"subnets": [{"name": "a", "cidr": "10.0.0.0/24"}]})
    routers = [
        custom("Router", name, {"externalGateway": OUTSIDE, "interfaces": [{"networkRef": {"name": "n"}}]})
        for name in ("r1", "r2")
    ]
    (outside,) = drawn([network, *routers]).outsides
    first, second = outside.routers
    assert [each.head.name for each in first.networks] == ["n"]
    assert not second.networks
    assert [(each.text, each.detail) for each in second.rows.shown] == [("n", "drawn at r1")]


def test_a_network_is_drawn_at_the_router_with_a_way_out():
    network = custom("InfomaniakNetwork", "n", {})
    alone = custom("Router", "alone", {"interfaces": [{"networkRef": {"name": "n"}}]})
    out = custom("Router", "out", {"externalGateway": OUTSIDE, "interfaces": [{"networkRef": {"name": "n"}}]})
    found = drawn([network, alone, out])
    assert [each.head.name for each in found.outsides[0].routers[0].networks] == ["n"]
    (router,) = found.routers
    assert (router.head.name, router.networks) == ("alone", ())
    assert [(each.text, each.detail) for each in router.rows.shown] == [("n", "drawn at out")]


def test_how_objects_stand_is_told(hundred, capsys):
    found = json.loads(picture(hundred, capsys, "-o", "json"))
    by_name = {(each["noun"].split()[0], each["name"]): each["health"] for each in heads(found)}
    assert by_name["LoadBalancer", "service-5"] == "paused"
    assert by_name["Pool", "service-3-http"] == "unhealthy"
    assert by_name["InfomaniakNetwork", "not-there"] == "failed"
    assert by_name["LoadBalancer", "left-over"] == "in progress"
    assert by_name["Router", "north"] == "ready"
    text = said(picture(hundred, capsys))
    assert "100 objects: 87 ready, 5 unhealthy, 7 in progress, 1 paused" in text
    legend = [each.value for each in Health]
    texts = [each.text for each in ET.fromstring(picture(hundred, capsys)).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-len(legend) :] == legend


def test_of_many_members_those_that_are_not_well_are_shown_and_the_rest_is_counted(hundred, capsys):
    found = json.loads(picture(hundred, capsys, "-o", "json"))
    (pool,) = [each for each in pools(found) if each["head"]["name"] == "service-3-http"]
    there = {each["text"]: each["health"] for each in pool["members"]["shown"]}
    world = hundred.world.objects("Pool")
    (status,) = [each.json_status for each in world if each.key.name == "service-3-http"]
    wrong = {f"{each['address']}:{each['port']}" for each in status["members"] if each["operatingStatus"] == "ERROR"}
    assert len(status["members"]) == 45
    assert wrong
    assert wrong <= there.keys()
    assert all(there[each] == "failed" for each in wrong)
    assert pool["members"]["more"] == 45 - len(there) == 37
    assert "+ 37 more (37 ready)" in said(picture(hundred, capsys))
    assert "+ 37 more" in picture(hundred, capsys, "--format", "mermaid")


def test_all_namespaces_are_drawn_with_their_names(capsys):
    there = custom("InfomaniakNetwork", "n", {}, namespace="one"), custom("InfomaniakNetwork", "n", {}, namespace="two")
    server = PluginServer(Forest(*there))
    text = said(picture(server, capsys, "-A"))
    assert "one/n" in text
    assert "two/n" in text
    assert server.asked == [None]
    assert "namespace two" not in said(picture(server, capsys, "-n", "one"))
    assert len(json.loads(picture(server, capsys, "-n", "two", "-o", "json"))["networks"]) == 1
    assert server.asked[-1] == "two"
    picture(server, capsys, "-n", "one")
    assert server.asked[-1] == "one"


def test_it_goes_into_a_file_and_asks_no_cloud(web, capsys, tmp_path):
    before = len(web.world.cloud.log)
    where = tmp_path / "network.svg"
    assert ran(web, "graph", "-f", str(where)) == 0
    assert capsys.readouterr().out == ""
    assert where.read_text() == picture(web, capsys)
    assert len(web.world.cloud.log) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-f", "/nowhere/at/all.svg"], "cannot be written"),
        (["-o", "json", "--format", "svg"], "leave out --format"),
        (["-o", "yaml", "-f", "x"], "leave out --format"),
    ],
)
def test_what_cannot_be_is_told(web, capsys, words, said):
    assert ran(web, "graph", *words) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err


def test_an_empty_namespace_has_a_picture_too(capsys):
    assert "There is nothing to draw." in said(picture(PluginServer(Forest()), capsys))
    assert picture(PluginServer(Forest()), capsys, "--format", "mermaid").startswith("flowchart TB\n")


def test_more_than_a_picture_can_show_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(command, "MOST_OBJECTS", 1)
    assert ran(of_example("office"), "graph") == 3
    assert "at most 1" in capsys.readouterr().err


def test_json_and_yaml_say_the_same(web, capsys):
    assert yaml.safe_load(picture(web, capsys, "-o", "yaml")) == json.loads(picture(web, capsys, "-o", "json"))


def test_the_stack_of_100_has_100_objects():
    assert len({(each["kind"], each["metadata"]["name"]) for each in bodies()}) == 100


def test_a_policy_and_a_monitor_of_nothing_are_not_lost():
    policy = custom("L7Policy", "lost-policy", {})
    monitor = custom("HealthMonitor", "lost-monitor", {})
    pool = custom("Pool", "lost-pool", {})
    address = custom("FloatingIP", "lost-address", {})
    found = drawn([policy, monitor, pool, address])
    names = {each["name"] for each in heads(json.loads(json.dumps(command.data(found))))}
    assert {"lost-policy", "lost-monitor", "lost-pool", "lost-address"} <= names
