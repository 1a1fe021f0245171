"""What is kept in the real Barbican is what HAProxy serves; and another reference changes that while clients ask."""

from dataclasses import replace

import pytest

from sandbox.data_path import Asking, Tally, Target
from tests.support.box import until
from tests.support.keys import Keys
from tests.support.pems import Authority
from tests.support.traffic import PREFIX, Balancer, Balancing, fingerprint, http, member

pytestmark = pytest.mark.slow

ONE = f"{PREFIX}.101:8080"
TLS = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443}


def _served(asking: Asking, certificate: str) -> list[Tally]:
    """Once all clients are served that certificate and no other; what was counted until then."""
    told: list[Tally] = []

    def look() -> bool:
        now = list(asking.take().values())
        told.extend(now)
        return all(set(each.certificates) == {certificate} for each in now)

    until(look, f"the certificate {certificate}")
    return told


def _by_name(balancer: Balancer, name: str) -> str:
    """The certificate that is served to who asks for a name."""
    command = ["openssl", "s_client", "-connect", f"{balancer.vip}:443", "-servername", name]
    said = balancer.site.world.execute(*command).stdout
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return fingerprint(f"{begin}{said.partition(begin)[2].partition(end)[0]}{end}\n")


def test_a_certificate_in_barbican_is_served_and_another_reference_changes_it_without_a_failure(
    keeper: Keys, site: Balancing
) -> None:
    site.world.serve(ONE)
    first, second, named = (Authority("ours").issue(name) for name in ("one", "two", "named.example"))
    refs = {one.cert: ref for one, ref in ((first, keeper.bundle(first)), (second, keeper.parts(second)))}
    listener = {**TLS, "default_tls_container_ref": refs[first.cert], "sni_container_refs": [keeper.bundle(named)]}
    balancer = replace(site, customer=keeper.customer).balancer(http(member(ONE), **listener))
    url = f"https://{balancer.vip}/"
    with Asking(site.world, Target("new", url), Target("kept", url, keep_alive=True)) as asking:
        assert set(asking.take()) == {"new", "kept"}
        told = _served(asking, fingerprint(first.cert))
        assert _by_name(balancer, "named.example") == fingerprint(named.cert)
        for one in (second, first, second):
            balancer.change(f"listeners/{balancer.ids('listeners')[0]}", default_tls_container_ref=refs[one.cert])
            told += _served(asking, fingerprint(one.cert))
        assert _by_name(balancer, "named.example") == fingerprint(named.cert)
    assert sum(each.asked for each in told) > 20
    assert {name for each in told for name in each.answers} == {ONE}
    assert [(each.failed, each.failures) for each in told if each.failed] == []
