"""Where packets flow: one network world for each project, with the load balancers' HAProxies and the tests' servers.

Needs nothing but the standard library: what drives HAProxy by Octavia's rows is in ``sandbox.services.data_path``.
"""

from sandbox.data_path.asking import Asking, Tally, Target
from sandbox.data_path.path import DataPath, State
from sandbox.data_path.world import World

__all__ = ["Asking", "DataPath", "State", "Tally", "Target", "World"]
