"""``kubectl infomaniak support-bundle``: the command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from infomaniak_operator import __version__
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.plugin.command import Call, Command, Usage, file_name, write_data
from infomaniak_operator.plugin.doctor import command as doctor
from infomaniak_operator.plugin.doctor.facts import Unknown
from infomaniak_operator.plugin.support.asking import Read, read
from infomaniak_operator.plugin.support.bundle import INDEX, Bundle, archive
from infomaniak_operator.plugin.support.cleaning import Cleaner
from infomaniak_operator.plugin.support.secret_values import limited

MOST_VALUES = 200
"""So many values are looked for: each of them in all that is written, in some thirty forms."""
_LINES = 2000
_MOST_LINES = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``support-bundle``."""
    parser.add_argument(
        "-f", "--file", metavar="FILE", type=file_name, help="where it is written; it must not be there yet"
    )
    parser.add_argument(
        "--log-lines", type=_lines, default=_LINES, metavar="N", help="of each log; default %(default)s"
    )
    doctor.add_arguments(parser)


def _lines(word: str) -> int:
    number = int(word)
    if not 0 < number <= _MOST_LINES:
        raise ValueError(word)
    return number


def run(call: Call) -> int:
    """Collect, clean and write it; returns the exit code."""
    if not call.options.output:
        from infomaniak_operator.plugin import terminal  # noqa: F401, PLC0415 - if rich is missing, nothing is written
    now = call.surroundings.now()
    folder = f"infomaniak-support-{now:%Y%m%d-%H%M%S}"
    path = Path(call.options.file or f"{folder}.tar.gz")
    if os.path.lexists(path):  # a look ahead: what counts is the exclusive creation below
        raise Usage(f"{path} is there already: name another file with -f.")
    found = read(call, call.options.log_lines)
    bundle = collected(found, now)
    _write(path, archive(bundle.files.items(), folder, now))
    told = {
        "file": str(path),
        "files": [{"name": name, "bytes": len(bundle.files[name]), "what": what} for name, what in bundle.told.items()],
        "leftOut": bundle.left_out,
    }
    if call.options.output:
        write_data(told, call.options.output)
    else:
        _tell(told)
    return 1 if bundle.left_out else 0


def collected(found: Read, now: datetime) -> Bundle:
    """All files of a bundle, cleaned. Pure."""
    values, dropped = limited(found.values, MOST_VALUES)
    cleaner, bundle = Cleaner(values), Bundle()
    bundle.left_out = [cleaner.text(each) for each in found.refused]
    if dropped:
        # What is not looked for might be in it: then nothing is in it that strangers write.
        bundle.left_out.append("all but the doctor: the Secrets hold more values than are looked for. Take -n.")
    report = doctor.report(found.facts, doctor.checked(found.facts))
    bundle.add_data("doctor.json", "what kubectl infomaniak doctor says", _mapping(cleaner.json(report)))
    bundle.add_data("versions.json", "versions", {**report["versions"], "python": sys.version.split()[0]})
    if not dropped:
        _add_operator(found, cleaner, bundle)
        _add_objects(found, cleaner, bundle)
    where = f"namespace {found.facts.namespace}" if found.facts.namespace else "all namespaces"
    index = bundle.index(version=__version__, when=now, where=where, secrets=found.secrets)
    bundle.files = {INDEX: index.encode("utf-8", "replace"), **bundle.files}
    bundle.told = {INDEX: "what is inside, and what is not", **bundle.told}
    return bundle


def _add_operator(found: Read, cleaner: Cleaner, bundle: Bundle) -> None:
    if not isinstance(found.facts.definitions, Unknown):
        bodies = [each for each in found.facts.definitions.values() if each is not None]
        what = "CustomResourceDefinitions, without their schemas"
        bundle.add_list("definitions.json", what, map(cleaner.definition, bodies), len(bodies))
    deployments, pods = map(cleaner.deployment, found.deployments), map(cleaner.pod, found.pods)
    bundle.add_list("operator/deployments.json", "Deployments", deployments, len(found.deployments))
    bundle.add_list("operator/pods.json", "Pods", pods, len(found.pods))


def _add_objects(found: Read, cleaner: Cleaner, bundle: Bundle) -> None:
    """Objects, Events and logs, those that help most first: the last ones may find no room."""
    objects = () if isinstance(found.facts.objects, Unknown) else found.facts.objects
    for name, kind in KINDS.items():
        bodies = [{"kind": name, **each.body} for each in objects if each.key.kind == name]
        bundle.add_list(f"objects/{kind.plural}.json", "objects", map(cleaner.custom, bodies), len(bodies))
    bundle.add_list("events.json", "Events", map(cleaner.custom, found.events), len(found.events))
    for name, log in found.logs.items():
        bundle.add_log(cleaner.hidden(name), "log", cleaner.text(log))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _write(path: Path, raw: bytes) -> None:
    """Write a file that only its owner may read, and that was not there.

    Raises:
        Usage: it is there, or cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
    except FileExistsError as error:
        raise Usage(f"{path} is there already: name another file with -f.") from error
    except (OSError, ValueError) as error:
        raise Usage(f"{path} cannot be written: {error}") from error


def _tell(told: Mapping[str, Any]) -> None:
    from infomaniak_operator.plugin.terminal import plain  # noqa: PLC0415 - rich is asked for here alone

    lines = [f"{told['file']} is written. Read it before you send it. Inside:"]
    lines += [f"  {each['name']}  ({each['what']})" for each in told["files"]]
    if told["leftOut"]:
        lines += ["Left out:", *(f"  {each}" for each in told["leftOut"])]
    sys.stdout.write("".join(f"{plain(each)}\n" for each in lines))


SUPPORT_BUNDLE = Command(
    "support-bundle",
    "what support needs to know, in one file without secrets",
    add_arguments,
    run,
    "Exit codes: 0 it is written, 1 it is written and something was left out, 3 the command itself failed.",
)
