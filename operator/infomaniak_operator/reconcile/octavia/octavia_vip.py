"""A VIP whose port Octavia makes: in a network of others in which the project may make none, as an external one.

Octavia makes that port with its own rights, and deletes it with the load balancer. So the address does not outlive one,
and the load balancer is made by itself first: of a whole tree that it refuses, Octavia leaves such a port behind.
"""

from __future__ import annotations

from infomaniak_operator.client import ForbiddenError
from infomaniak_operator.client.bodies import LoadBalancerBody
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.octavia.vip_port import VipInputs, vip

_NOT_ALLOWED = "PolicyNotAuthorized"


def attributes(context: ReconcileContext, inputs: VipInputs, error: ForbiddenError) -> LoadBalancerBody | None:
    """What a load balancer is told of such a VIP.

    Args:
        context: the reconcile.
        inputs: where the VIP is to be.
        error: how Neutron refused a port there.

    Returns:
        The attributes; None where the network is the project's own, so that the credential lacks other rights.

    Raises:
        InfomaniakCloudError: the network could not be asked for.
    """
    if error.error_type != _NOT_ALLOWED:
        return None
    subnet = inputs.get("subnetID")
    network = inputs.get("networkID") or context.cloud.do.subnets.get(str(subnet))["network_id"]
    if context.cloud.do.networks.get(network).get("project_id") == context.cloud.project_id:
        return None
    found: LoadBalancerBody = {"vip_network_id": network}
    if subnet:
        found["vip_subnet_id"] = subnet
    if wanted := vip(context).get("address"):
        found["vip_address"] = wanted
    if more := inputs.get("additional"):
        found["additional_vips"] = [
            {"subnet_id": each["subnetID"], **({"ip_address": at} if (at := each.get("address")) else {})}
            for each in more
        ]
    if groups := inputs.get("groups"):
        found["vip_sg_ids"] = list(groups)
    return found
