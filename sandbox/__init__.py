"""A real OpenStack (Keystone, Neutron, Octavia) and a real Kubernetes control plane on one machine, without root.

It needs nothing but the standard library to be imported: its services run in an environment of their own.
"""

from sandbox.box import Sandbox
from sandbox.environment import Environment, Project
from sandbox.errors import SandboxError
from sandbox.logs import Call, KubeCall
from sandbox.traits import INFOMANIAK, PLAIN, Traits

__all__ = [
    "INFOMANIAK",
    "PLAIN",
    "Call",
    "Environment",
    "KubeCall",
    "Project",
    "Sandbox",
    "SandboxError",
    "Traits",
]
