"""What Argo CD must be told to know our objects' health: it has no idea of its own of a custom resource's conditions.

Without it every object counts as healthy once it is applied, and sync waves wait for nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from infomaniak_operator.api.kind import GROUP, Kind

# Argo CD runs it with Lua's base functions alone: there is neither `string` nor `math`.
HEALTH_LUA = """\
local status = obj.status or {}
local generation = obj.metadata.generation
local said = {}
for _, condition in ipairs(status.conditions or {}) do
  said[condition.type] = condition
end
local ready = said.Ready or {}

local function health(code, message)
  return { status = code, message = message or "" }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", ready.message or "is being deleted")
end
-- Before what follows: a pause leaves the number below as it was, for it carries nothing out.
if said.Synced ~= nil and said.Synced.reason == "Paused" and said.Synced.observedGeneration == generation then
  return health("Suspended", said.Synced.message)
end
-- What was said of a former spec, or before the first reconcile (-1), says nothing of this one.
if status.observedGeneration == nil or status.observedGeneration ~= generation then
  return health("Progressing", "the operator has not looked at this version yet")
end
-- Degraded ends a sync at once: only for what will not mend without a change by a person.
if said.Stalled ~= nil and said.Stalled.status == "True" then
  return health("Degraded", said.Stalled.message)
end
if said.Reconciling ~= nil and said.Reconciling.status == "True" then
  return health("Progressing", said.Reconciling.message)
end
if ready.status == "True" and (ready.observedGeneration or generation) == generation then
  return health("Healthy", ready.message)
end
return health("Progressing", ready.message or "the operator has not said how it stands")
"""

_HEAD = """\
# A patch for Argo CD's settings; it takes effect at once, and leaves all others as they are:
#   kubectl patch configmap argocd-cm -n argocd --type=merge --patch-file=deploy/argocd/health.yaml
# Do not `kubectl apply` it: that would take out what was applied before.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd
data:
"""


def health_settings(kinds: Iterable[Kind[Any]]) -> str:
    """The ConfigMap ``argocd-cm`` with a health check for each kind, and with nothing else.

    One key a kind, not one wildcard for all: a wildcard can only stand in ``resource.customizations``, a single text
    that other people's entries share, and which could not be patched beside theirs.
    """
    script = textwrap.indent(HEALTH_LUA, "    ", lambda line: bool(line.strip()))
    return _HEAD + "".join(f"  resource.customizations.health.{GROUP}_{kind.kind}: |\n{script}" for kind in kinds)
