"""What the proxy changes in answers."""

import json

from sandbox.fault_proxy import bodies


def test_addresses_of_servers_become_those_of_the_proxy():
    body = b'{"links": [{"href": "http://127.0.0.1:1/v2.0?a"}], "x": "http:\\/\\/127.0.0.1:1\\/v3"}'
    changed = bodies.readdressed(body, {"http://127.0.0.1:1": "http://127.0.0.1:9"})
    assert json.loads(changed) == {"links": [{"href": "http://127.0.0.1:9/v2.0?a"}], "x": "http://127.0.0.1:9/v3"}


def test_all_ids_of_what_a_create_has_made_are_found():
    body = b'{"loadbalancer": {"id": "a", "listeners": [{"id": "b"}], "project_id": "p"}}'
    assert bodies.ids_in(body) == {"a", "b"}
    assert bodies.ids_in(b"not json") == frozenset()


def test_a_list_without_the_young_rows_keeps_its_links():
    body = b'{"ports": [{"id": "a"}, {"id": "b"}], "ports_links": [{"rel": "next", "id": "a"}]}'
    assert json.loads(bodies.without(body, {"a"})) == {
        "ports": [{"id": "b"}],
        "ports_links": [{"rel": "next", "id": "a"}],
    }


def test_what_lacks_nothing_is_passed_on_as_it_came():
    for body in (b'{"ports":  [{"id": "b"}]}', b'{"port": {"id": "a"}}', b"nothing", b"[]"):
        assert bodies.without(body, {"a"}) is body


def test_errors_have_the_form_of_their_service():
    assert json.loads(bodies.error("neutron", 503))["NeutronError"]["type"] == "InjectedFault"
    assert json.loads(bodies.error("kube", 410))["reason"] == "Expired"
    assert json.loads(bodies.watch_error(410))["object"]["code"] == 410
