"""``kubectl infomaniak doctor``: the command."""

from __future__ import annotations

import argparse
from typing import Any

from infomaniak_operator import __version__
from infomaniak_operator.plugin import cloud
from infomaniak_operator.plugin.command import Call, Command, write_data
from infomaniak_operator.plugin.doctor import cluster_checks, credential_checks, operator_checks
from infomaniak_operator.plugin.doctor.asking import OPERATOR_NAMESPACE, gathered
from infomaniak_operator.plugin.doctor.facts import Facts, Unknown
from infomaniak_operator.plugin.doctor.findings import Finding, as_data, exit_code, worst

CHECKS = (
    cluster_checks.definitions,
    operator_checks.operator,
    operator_checks.leader,
    operator_checks.watched,
    cluster_checks.permissions,
    credential_checks.credentials,
    credential_checks.certificates,
    credential_checks.projects,
    cluster_checks.clocks,
)
"""All checks, in the order in which they are told: what stands on what comes later."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``doctor``."""
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the objects of all namespaces")
    parser.add_argument(
        "--operator-namespace",
        metavar="NAME",
        help=f"where the operator is; without it, everywhere, or {OPERATOR_NAMESPACE} if you may not look there",
    )
    cloud.add_arguments(parser)


def checked(facts: Facts) -> list[Finding]:
    """What all checks come to."""
    return [finding for check in CHECKS for finding in check(facts)]


def report(facts: Facts, findings: list[Finding]) -> dict[str, Any]:
    """The findings as plain data, with what they are about."""
    deployments = () if isinstance(facts.deployments, Unknown) else facts.deployments
    versions = {
        "plugin": __version__,
        "kubernetes": facts.server_version,
        "operator": sorted({each.version for each in deployments if each.version}),
    }
    return {"namespace": facts.namespace or "", "versions": versions, **as_data(findings)}


def run(call: Call) -> int:
    """Make all checks; returns the exit code."""
    facts = gathered(call)
    findings = checked(facts)
    found = report(facts, findings)
    if call.options.output:
        write_data(found, call.options.output)
    else:
        from infomaniak_operator.plugin import terminal  # noqa: PLC0415 - rich is asked for here alone
        from infomaniak_operator.plugin.doctor.drawing import drawn  # noqa: PLC0415 - rich is asked for here alone

        terminal.console(color=False if call.options.no_color else None).print(drawn(found))
    return exit_code(worst(findings))


DOCTOR = Command(
    "doctor",
    "whether this installation can work, check by check, and what to do",
    add_arguments,
    run,
    "Exit codes: 0 all is fine, 1 only warnings or something that could not be checked, 2 something is wrong, "
    "3 the command itself failed.",
)
