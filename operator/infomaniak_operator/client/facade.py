"""The client for scripts: every operation, nothing raised."""

from __future__ import annotations

from infomaniak_operator.client.neutron import NeutronMethods
from infomaniak_operator.client.octavia import OctaviaMethods


class InfomaniakNetworkClient(NeutronMethods, OctaviaMethods):
    """Networks, routers, security groups, floating IPs and load balancers of a project.

    Each method is one call of openstacksdk. Results are plain dicts. An error of whatever type is logged (logger
    ``infomaniak_operator.client``) and not raised: a list method then returns ``[]``, one that returns an object
    returns None, one that returns a bool returns False. Where that is too little, ``Operations`` raises.

    Args:
        connection: an ``openstack.connection.Connection``, or what looks like one.
    """

    _service_name = "network"
