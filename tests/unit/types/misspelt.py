"""What must not pass mypy: names of the cloud's API that are spelt wrong. ``test_misspelt.py`` runs mypy on this file.

Each line with a mark at its end is an error, of which the mark is a part; no other line is one.
"""

from infomaniak_operator.client import Operations
from infomaniak_operator.client.bodies import NetworkBody
from infomaniak_operator.client.resources import (
    FloatingIP,
    HealthMonitor,
    L7Policy,
    Listener,
    LoadBalancer,
    Member,
    Network,
    Pool,
    Port,
    Router,
    SecurityGroup,
    Subnet,
)
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.neutron.network import NetworkActuator
from infomaniak_operator.reconcile.octavia.pool import PoolActuator
from infomaniak_operator.reconcile.octavia.tree_state import Trees
from infomaniak_operator.reconcile.openstack.resource_types import LISTENERS, POOLS, SUBNETS
from infomaniak_operator.reconcile.openstack.scope import Cloud


def collections(cloud: Cloud) -> None:
    cloud.do.networks.list()
    cloud.do.netwroks.list()  # E: has no attribute "netwroks"
    cloud.do.load_balancer.get("id")  # E: has no attribute "load_balancer"
    cloud.do.routers.add_interfaces("id")  # E: has no attribute "add_interfaces"
    cloud.do.networks.delete("id", if_revison=1)  # E: "if_revison"
    cloud.rows("networks", 0.0)  # E: incompatible type "str"


def rows(do: Operations) -> None:
    for network in do.networks.list():
        print(network["id"], network["router:external"], network.get("mtu"))
        print(network["stauts"])  # E: "stauts"
        print(network.get("admin_state"))  # E: "admin_state"
    print(do.networks.get("id")["shraed"])  # E: "shraed"
    print(do.load_balancers.get("id")["provisionning_status"])  # E: "provisionning_status"
    print(do.load_balancers.status_tree("id")["load_balancer"])  # E: "load_balancer"
    print(do.members.list("id")[0].get("port"))  # E: "port"
    print(do.quotas.get()["load_balancer"])  # E: "load_balancer"


def each(  # noqa: PLR0917 - one of each
    network: Network,
    subnet: Subnet,
    router: Router,
    group: SecurityGroup,
    address: FloatingIP,
    port: Port,
    balancer: LoadBalancer,
    listener: Listener,
    pool: Pool,
    member: Member,
    monitor: HealthMonitor,
    policy: L7Policy,
) -> None:
    print(network["subnet"])  # E: "subnet"
    print(subnet.get("gateway"))  # E: "gateway"
    gateway = router.get("external_gateway_info")
    print(gateway and gateway.get("external_fixed_ip"))  # E: "external_fixed_ip"
    print(group["security_group_rules"][0]["ether_type"])  # E: "ether_type"
    print(address.get("floating_address"))  # E: "floating_address"
    print(port["fixed_ips"][0].get("address"))  # E: "address"
    print(balancer.get("vip_port"))  # E: "vip_port"
    print(listener["default_pool"])  # E: "default_pool"
    print(pool.get("lb_algoritm"))  # E: "lb_algoritm"
    print(member["protocolport"])  # E: "protocolport"
    print(monitor.get("max_retires"))  # E: "max_retires"
    print(policy["redirect_prefx"])  # E: "redirect_prefx"


def sent(do: Operations, context: ReconcileContext) -> None:
    do.networks.create({"name": "n", "router:external": False})
    do.networks.create({"nam": "n"})  # E: "nam"
    do.subnets.update("id", {"dns_nameserver": []})  # E: "dns_nameserver"
    do.floating_ips.update("id", {"port": None})  # E: "port"
    do.members.replace_all("id", [{"address": "10.0.0.1", "port": 80}])  # E: "port"
    do.load_balancers.create_tree({"listeners": [{"pool": {}}]})  # E: "pool"
    body: NetworkBody = SUBNETS.body({})  # E: SubnetBody
    print(body, context)


def reconciled(context: ReconcileContext) -> None:
    for listener in context.rows(LISTENERS):
        print(listener["operatingstatus"])  # E: "operatingstatus"
    for pool in POOLS.of(context.cloud.do).list():
        print(pool["loadbalancer"])  # E: "loadbalancer"
    print(context.children["subnet"])  # E: "subnet"
    print(NetworkActuator().collection.of(context.cloud.do).get("id")["mtus"])  # E: "mtus"
    row = PoolActuator(Trees()).held(context)
    if row is not None:
        print(row.get("healthmonitors"))  # E: "healthmonitors"
