"""examples/shop/README.md is about what the example's manifests say; its commands are run by the integration test."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "shop"
PAGE = (FOLDER / "README.md").read_text()
BODIES = [body for path in sorted(FOLDER.glob("*.yaml")) for body in yaml.safe_load_all(path.read_text())]


def named(kind):
    return {body["metadata"]["name"]: body["spec"] for body in BODIES if body["kind"] == kind}


def certificates():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return [body["spec"] for body in yaml.safe_load_all(text)]


def hosts():
    rules = [rule for spec in named("L7Policy").values() for rule in spec["rules"]]
    return {rule["value"] for rule in rules if rule["type"] == "HOST_NAME"}


def test_each_file_is_told_of():
    assert set(re.findall(r"\[([\w-]+\.yaml)\]", PAGE)) == {path.name for path in FOLDER.glob("*.yaml")}


def test_cert_manager_writes_the_secrets_that_the_listener_names_for_the_hosts_that_are_led():
    (tls,) = [each["tls"] for each in named("LoadBalancer")["shop"]["listeners"] if "tls" in each]
    wanted = [tls["secretRef"]["name"], *(each["name"] for each in tls["sniSecretRefs"])]
    assert [spec["secretName"] for spec in certificates()] == wanted
    assert {name for spec in certificates() for name in spec["dnsNames"]} == hosts()
    for spec in certificates():
        assert spec["secretTemplate"]["labels"] == {"network.infomaniak.cloud/tls": "true"}


def test_the_table_asks_each_host_for_each_pool_and_each_redirect():
    rows = dict(re.findall(r"^\| `(https?://[^`]+)` \| (.*?) \|$", PAGE, re.MULTILINE))
    assert hosts() < {urlsplit(url).hostname for url in rows}
    assert {pool for answer in rows.values() for pool in re.findall(r"Pool `(\w+)`", answer)} == set(named("Pool"))
    led = {spec.get("redirectURL") or spec.get("redirectPrefix") for spec in named("L7Policy").values()} - {None}
    led.add("https://shop.example.com/")  # redirectToHTTPS
    answers = [answer.partition(" to ")[2].strip("`") for answer in rows.values() if " to " in answer]
    assert all(any(answer.startswith(each) for answer in answers) for each in led)
    assert "403" in rows.values()  # REJECT


def test_the_cloud_hands_out_no_address_of_a_server():
    (pool,) = [each for spec in named("InfomaniakNetwork").values() for each in spec["subnets"][0]["allocationPools"]]
    given = range(int(pool["start"].rpartition(".")[2]), int(pool["end"].rpartition(".")[2]) + 1)
    servers = [each["address"] for spec in named("Pool").values() for each in spec["members"]]
    assert len(servers) == len(set(servers))
    assert not [each for each in servers if int(each.rpartition(".")[2]) in given]
