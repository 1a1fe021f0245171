"""A proxy between an operator and its clouds that lets calls fail as networks and servers do.

``plan`` decides and ``bodies`` changes what is answered, both without side effects; ``edge`` carries it out, and
``running`` starts it as a process of its own beside a sandbox.
"""

from sandbox.fault_proxy.plan import Chance, Fault, FaultKind, Listed, NoFaults, Plan
from sandbox.fault_proxy.running import FaultProxy

__all__ = ["Chance", "Fault", "FaultKind", "FaultProxy", "Listed", "NoFaults", "Plan"]
