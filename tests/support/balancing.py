"""What the tests of load balancers have in common: the names in Octavia's answers, and its refusals."""

from collections.abc import Callable
from typing import Any

import pytest

from infomaniak_operator.client import Category, InfomaniakCloudError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMMON = _names("id project_id tenant_id admin_state_up tags created_at updated_at")
COMMON |= {"provisioning_status", "operating_status"}
NAMED = COMMON | {"name", "description"}
BALANCER = NAMED | _names(
    "vip_address vip_port_id vip_subnet_id vip_network_id vip_sg_ids vip_qos_policy_id vip_vnic_type additional_vips "
    "provider flavor_id availability_zone listeners pools"
)
LISTENER = NAMED | _names(
    "protocol protocol_port connection_limit default_tls_container_ref sni_container_refs default_pool_id l7policies "
    "insert_headers timeout_client_data timeout_member_connect timeout_member_data timeout_tcp_inspect allowed_cidrs "
    "client_ca_tls_container_ref client_authentication client_crl_container_ref tls_ciphers tls_versions "
    "alpn_protocols hsts_max_age hsts_include_subdomains hsts_preload"
)
POOL = NAMED | _names(
    "protocol lb_algorithm session_persistence listeners members tls_container_ref ca_tls_container_ref "
    "crl_container_ref tls_enabled tls_ciphers tls_versions alpn_protocols"
)
MEMBER = COMMON | _names("name address protocol_port weight backup subnet_id monitor_address monitor_port vnic_type")
MONITOR = COMMON | _names(
    "name type delay timeout max_retries max_retries_down http_method url_path expected_codes http_version domain_name"
)
POLICY = NAMED | _names(
    "action listener_id redirect_pool_id redirect_url redirect_prefix redirect_http_code position rules"
)
RULE = COMMON | {"type", "compare_type", "key", "value", "invert"}
CHECK = {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2}
ROBIN = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


def refused(call: Callable[[], Any], kind: type[InfomaniakCloudError], category: Category, words: str) -> None:
    with pytest.raises(InfomaniakCloudError) as caught:
        call()
    error = caught.value
    assert (type(error), error.category) == (kind, category), str(error)
    assert words in str(error)


def states(*rows: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["provisioning_status"], row["operating_status"]) for row in rows]
