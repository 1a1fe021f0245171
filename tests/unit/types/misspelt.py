"""What must not pass mypy: misspelt names of the cloud, of our specs and statuses. ``test_misspelt.py`` runs mypy on it.

Each line with a mark at its end is an error, of which the mark is a part; no other line is one.
"""

from infomaniak_operator.api.json_types import (
    FLOATING_IP,
    HEALTH_MONITOR,
    INFOMANIAK_NETWORK,
    LOAD_BALANCER,
    POOL,
    PORT,
    ROUTER,
    SECURITY_GROUP,
    ListenerField,
)
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
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Traits
from infomaniak_operator.reconcile.generic.fields import Field
from infomaniak_operator.reconcile.neutron.floating_ip import FloatingIPActuator
from infomaniak_operator.reconcile.neutron.network import NetworkActuator
from infomaniak_operator.reconcile.neutron.port import PortActuator
from infomaniak_operator.reconcile.neutron.router import RouterActuator
from infomaniak_operator.reconcile.octavia.pool import PoolActuator
from infomaniak_operator.reconcile.octavia.seen import SeenBalancer
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
    print(do.listeners.statistics("id")["connections"])  # E: "connections"
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
    print(context.seen.of(SeenBalancer).listener)  # E: "listener"
    print(RouterActuator().resolve(context.resource, context.request.view)["subnet"])  # E: "subnet"
    print(FloatingIPActuator().resolve(context.resource, context.request.view).get("portId"))  # E: "portId"
    print(PortActuator().resolve(context.resource, context.request.view).get("group"))  # E: no key "group"
    print(NetworkActuator().collection.of(context.cloud.do).get("id")["mtus"])  # E: "mtus"
    row = PoolActuator(Trees()).held(context)
    if row is not None:
        print(row.get("healthmonitors"))  # E: "healthmonitors"


def specs(resource: KubeObject, context: ReconcileContext) -> None:
    print(INFOMANIAK_NETWORK.spec(resource).get("subnets"), "mtu" in INFOMANIAK_NETWORK.spec(context))
    print(INFOMANIAK_NETWORK.spec(resource).get("subnet"))  # E: no key "subnet"
    print(INFOMANIAK_NETWORK.spec(resource)["subnets"][0].get("enableDhcp"))  # E: no key "enableDhcp"
    print("mtus" in INFOMANIAK_NETWORK.spec(context))  # E: no key "mtus"
    print(INFOMANIAK_NETWORK.named(context, "tags", "desciption"))  # E: Literal['desciption']
    print(ROUTER.spec(resource).get("gateway"))  # E: no key "gateway"
    print(ROUTER.spec(resource)["externalGateway"].get("enableSnat"))  # E: no key "enableSnat"
    print(SECURITY_GROUP.spec(resource)["rule"])  # E: "rule"
    print(SECURITY_GROUP.spec(resource)["rules"][0].get("remoteGroup"))  # E: no key "remoteGroup"
    print(PORT.spec(resource).get("fixedIps"))  # E: no key "fixedIps"
    print(PORT.spec(resource)["fixedIPs"][0].get("subnetId"))  # E: no key "subnetId"
    print(PORT.spec(resource)["allowedAddressPairs"][0].get("macAddress"))  # E: no key "macAddress"
    print(PORT.named(context, "tags", "portSecurity"))  # E: Literal['portSecurity']
    print(FLOATING_IP.spec(resource)["portRefs"])  # E: "portRefs"
    print(POOL.spec(resource)["portMembers"][0].get("portref"))  # E: no key "portref"
    print(FLOATING_IP.spec(resource).get("portId"))  # E: no key "portId"
    print(LOAD_BALANCER.spec(context).get("listener"))  # E: no key "listener"
    print(LOAD_BALANCER.spec(context)["vip"].get("securityGroupRef"))  # E: no key "securityGroupRef"
    print(LOAD_BALANCER.spec(context)["listeners"][0]["defaultPool"])  # E: "defaultPool"
    print("redirectToHttps" in LOAD_BALANCER.spec(context)["listeners"][0])  # E: no key "redirectToHttps"
    print(POOL.spec(resource).get("membersFrom", {}).get("serviceRefs"))  # E: no key "serviceRefs"
    print(POOL.spec(resource)["members"][0].get("wieght"))  # E: no key "wieght"
    print(HEALTH_MONITOR.spec(resource).get("maxRetires"))  # E: no key "maxRetires"
    print(context.spec.get("managementPolcy"))  # E: no key "managementPolcy"
    print(context.spec.get("subnets"))  # E: no key "subnets"
    print(resource.spec.get("subnets"))  # E: has no attribute "get"
    POOL.spec(resource)["protocol"] = "TCP"  # E: ReadOnly
    field: Field[ListenerField] = Field("allowedCidrs", "allowed_cidrs")  # E: Literal['allowedCidrs']
    print(field)


def statuses(resource: KubeObject, context: ReconcileContext) -> None:
    print(INFOMANIAK_NETWORK.status(resource).get("subnet"))  # E: no key "subnet"
    print(ROUTER.status(resource).get("externalAddress"))  # E: no key "externalAddress"
    print("rulesCount" in SECURITY_GROUP.status(resource))  # E: no key "rulesCount"
    print(PORT.status(resource).get("deviceId"))  # E: no key "deviceId"
    print(PORT.status(resource)["fixedIPs"][0]["adress"])  # E: "adress"
    print(FLOATING_IP.status(resource).get("fixedAdress"))  # E: no key "fixedAdress"
    print(LOAD_BALANCER.status(resource).get("vipPortId"))  # E: no key "vipPortId"
    print(POOL.status(resource)["members"])
    print(POOL.status(resource)["loadBalancerId"])  # E: "loadBalancerId"
    print(HEALTH_MONITOR.status(resource).get("poolId"))  # E: no key "poolId"
    status = POOL.status(context)
    status["memberCount"] = 1
    status["membersCount"] = 1  # E: "membersCount"
    status["memberCount"] = "one"  # E: incompatible type
    status["draining"] = [{"address": "192.0.2.1", "port": 80, "untill": ""}]  # E: "untill"
    context.status["vipPortID"] = "id"  # E: "vipPortID"
    print(context.status.get("inputHash"))  # E: no key "inputHash"
    context.drop("vipPortId")  # E: Literal['vipPortId']
    print(resource.status.get("id"))  # E: has no attribute "get"
    print(Traits(timed=frozenset({"drainign"})))  # E: Literal['drainign']
