"""``kubectl infomaniak``: the command line.

Exit codes: 0 Ready, 1 progressing, 2 failed, 3 the command itself failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from infomaniak_operator import __version__
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.plugin import cloud, report
from infomaniak_operator.plugin.cluster import Cluster, ClusterError
from infomaniak_operator.plugin.command import Call, Command, Surroundings, Usage, named, write_data
from infomaniak_operator.plugin.diff.command import DIFF
from infomaniak_operator.plugin.doctor.command import DOCTOR
from infomaniak_operator.plugin.graph.command import GRAPH
from infomaniak_operator.plugin.orphans.command import ORPHANS
from infomaniak_operator.plugin.preflight.command import PREFLIGHT
from infomaniak_operator.plugin.references import references
from infomaniak_operator.plugin.stack import Stack, State
from infomaniak_operator.plugin.support.command import SUPPORT_BUNDLE
from infomaniak_operator.reconcile.generic.outcomes import PAUSED, RECONCILE_AT, annotated

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

UNUSABLE = 3
"""The exit code where nothing can be said."""
_EVERY = 2.0
"""Seconds between two looks of ``--watch``."""
_EPILOG = (
    "Exit codes: 0 everything is Ready, 1 work is in progress, 2 something failed and needs you, "
    "3 the command itself failed."
)


COMMANDS: tuple[Command, ...] = (DIFF, PREFLIGHT, DOCTOR, GRAPH, ORPHANS, SUPPORT_BUNDLE)
"""The commands that have a module of their own, in the order of the help."""


def main(arguments: Sequence[str] | None = None, surroundings: Surroundings | None = None) -> int:
    """Run the command that the arguments name; returns the exit code."""
    found = surroundings or Surroundings(lambda: datetime.now(UTC), time.sleep, Cluster, cloud.connect)
    options = _parser().parse_args(arguments)
    own = {each.name: each for each in COMMANDS}.get(options.command)
    try:
        return own.run(_call(options, found)) if own else _Command(_call(options, found)).run()
    except (ClusterError, Usage) as error:
        return _failed(str(error))
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        return _failed("rich is not installed: pip install 'infomaniak-operator[kubectl]', or take -o json or -o yaml")
    except UnicodeEncodeError:
        return _failed("the output takes no UTF-8: set PYTHONIOENCODING=utf-8, or take -o json")
    except KeyboardInterrupt:
        return UNUSABLE


def _call(options: argparse.Namespace, surroundings: Surroundings) -> Call:
    server = surroundings.connect(options.kubeconfig, options.context)
    everywhere = getattr(options, "all_namespaces", False)
    return Call(options, server, None if everywhere else options.namespace or server.namespace, surroundings)


class _Command:
    def __init__(self, call: Call) -> None:
        self._options, self._server, self._namespace = call.options, call.server, call.namespace
        self._surroundings = call.surroundings
        self._references = references()

    def run(self) -> int:
        name = self._options.command
        if name in ("pause", "resume", "reconcile"):
            return self._annotate(name)
        if not getattr(self._options, "watch", False):
            return self._once()
        if self._options.output:
            raise Usage("--watch draws on a terminal: leave out --watch, or --output.")
        return self._watch()

    def _stack(self) -> Stack:
        return Stack(self._server.objects(self._namespace), self._references, self._surroundings.now())

    def _once(self) -> int:
        stack = self._stack()
        found = self._report(stack)
        if self._options.output:
            write_data(found, self._options.output)
        elif self._options.command == "why":
            from infomaniak_operator.plugin.terminal import plain  # noqa: PLC0415 - rich is asked for here alone

            sys.stdout.write(f"{plain(report.line(found))}\n")
        else:
            self._console().print(self._drawn(stack, found))
        return _state(found)

    def _watch(self) -> int:
        from rich.live import Live  # noqa: PLC0415 - rich is asked for here alone

        screen = self._console()
        with Live(console=screen, auto_refresh=False, screen=False) if screen.is_terminal else nullcontext() as live:
            before: report.Report | None = None
            while True:
                stack = self._stack()
                found = self._report(stack)
                if live is not None:
                    live.update(self._drawn(stack, found), refresh=True)
                elif found != before:  # into a file or a pipe goes what has changed
                    screen.print(self._drawn(stack, found))
                    sys.stdout.flush()
                    before = found
                if _state(found) is State.READY:
                    return State.READY
                self._surroundings.sleep(_EVERY)

    def _report(self, stack: Stack) -> report.Report:
        command = self._options.command
        if command == "tree":
            return report.tree(stack, self._told(stack))
        key = self._one(stack)
        if command == "why":
            return report.why(stack, key)
        found = stack.object(key)
        try:
            events, refused = self._server.events(found) if found else [], ""
        except ClusterError as error:  # who may not see Events may see the object
            events, refused = [], str(error)
        return report.status(stack, key, events, refused)

    def _told(self, stack: Stack) -> tuple[Key, ...]:
        """The objects of a tree: all, or those that hang together with one; and what is missing of them."""
        if self._options.object:
            if self._namespace is None:
                raise Usage("KIND/NAME is of one namespace: leave out --all-namespaces, or the object.")
            return stack.connected(self._one(stack))
        return tuple(sorted({each for key in stack.keys for each in (key, *stack.references(key))}))

    def _drawn(self, stack: Stack, found: report.Report) -> RenderableType:
        from infomaniak_operator.plugin import terminal  # noqa: PLC0415 - rich is asked for here alone

        where = f"in namespace {self._namespace}" if self._namespace else "in any namespace"
        if self._options.command == "tree":
            return terminal.tree(stack, found, where)
        return terminal.status(found, self._surroundings.now())

    def _console(self) -> Console:
        from infomaniak_operator.plugin import terminal  # noqa: PLC0415 - rich is asked for here alone

        return terminal.console(color=False if self._options.no_color else None)

    def _one(self, stack: Stack) -> Key:
        """The object that the words name: one that is there, or one that others miss.

        Raises:
            Usage: they name no kind, or nothing that anybody knows.
        """
        key = self._named()
        if stack.object(key) is None and not stack.dependents(key):
            raise Usage(f"{report.short(key)} does not exist in namespace {key.namespace}.")
        return key

    def _named(self) -> Key:
        return named(self._options.object, self._namespace)

    def _annotate(self, command: str) -> int:
        key = self._named()
        paused = annotated(self._server.object(key), PAUSED)
        now = self._surroundings.now().isoformat(timespec="microseconds")
        if command == "reconcile":
            self._server.annotate(key, RECONCILE_AT, now)
            said = "is paused: it is looked at once you resume it." if paused else "is to be looked at now."
        elif paused is (command == "pause"):
            said = "is paused already. Nothing was changed." if paused else "is not paused. Nothing was changed."
        else:
            self._server.annotate(key, PAUSED, None if paused else "true")
            said = "is not paused any more." if paused else "is paused. Nothing is changed for it until you resume it."
        sys.stdout.write(f"{report.short(key)} {said}\n")
        return State.READY


def _state(found: report.Report) -> State:
    """The state that a report tells of: the exit code."""
    return State[found["state"].upper()]


def _failed(message: str) -> int:
    """Say why; some of it may be in the words of others, or the name of their file."""
    sys.stderr.write(f"error: {''.join(each if each.isprintable() else ' ' for each in message)}\n")
    return UNUSABLE


class _Parser(argparse.ArgumentParser):
    """One whose usage errors have an exit code that is not that of something failed."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise SystemExit(_failed(message))


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    common.add_argument("--kubeconfig", metavar="FILE", help="the kubeconfig; without it, what kubectl takes")
    common.add_argument("--context", metavar="NAME", help="the context in it; without it, the current one")
    common.add_argument("-n", "--namespace", metavar="NAME", help="the namespace; without it, the context's")
    shown = _Parser(add_help=False)
    shown.add_argument("-o", "--output", choices=("json", "yaml"), help="write JSON or YAML for a script")
    shown.add_argument("--no-color", action="store_true", help="use no colors")
    watched = _Parser(add_help=False)
    watched.add_argument("-w", "--watch", action="store_true", help="look again every 2 seconds until all is Ready")
    parser = _Parser(
        prog="kubectl infomaniak",
        description="Show what is wrong with objects of network.infomaniak.cloud, and what to do.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    tree = commands.add_parser(
        "tree",
        parents=[common, shown, watched],
        epilog=_EPILOG,
        help="objects as they depend on each other, and what blocks them",
    )
    tree.add_argument("-A", "--all-namespaces", action="store_true", help="the objects of all namespaces")
    tree.add_argument("object", nargs="*", metavar="KIND/NAME", help="one object, with what it hangs together with")
    for name, parents, said in (
        ("why", [common, shown], "one line: what keeps an object from being Ready, in the end"),
        ("status", [common, shown, watched], "one object in full: conditions, listeners, members, Events"),
        ("pause", [common], "have the operator leave an object alone"),
        ("resume", [common], "have the operator mind a paused object again"),
        ("reconcile", [common], "have the operator look at an object now"),
    ):
        one = commands.add_parser(name, parents=parents, epilog=_EPILOG, help=said, description=said)
        one.usage = f"kubectl infomaniak {name} [options] KIND/NAME"
        one.add_argument("object", nargs="+", metavar="KIND/NAME", help="for example LoadBalancer/web, or ilb web")
    for each in COMMANDS:
        each.arguments(
            commands.add_parser(
                each.name, parents=[common, shown], epilog=each.exits or _EPILOG, help=each.help, description=each.help
            )
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
