"""The command ``vitnas``: names every subcommand, imports the one that is asked for.

A subcommand is a module of this package with a function of its name, or with a ``typer.Typer`` called
``app`` where it has subcommands of its own. ``COMMANDS`` is all that ``vitnas --help`` reads, so that it
needs neither torch nor numpy.
"""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import typer
import typer.core
import typer.main

from vitnas.cli._common import say
from vitnas.cli._option import OnceCommand, with_trust
from vitnas.cli._plain_text import print_plainly
from vitnas.cli._settings import in_options, learn
from vitnas.errors import VitnasError
from vitnas.plain import printable
from vitnas.plugins import blaming

INTERRUPTED = 130  # what a shell reports for Ctrl-C
FAILED = 2
PACKAGE_FOLDER = Path(__file__).parents[1]
UsageError: Any = typer.BadParameter.__bases__[0]  # of the click that typer brings, or that is installed
_format_warning = warnings.formatwarning


class Command(NamedTuple):
    """Where a subcommand is, and its line in the list."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "search": Command("search", "search", "Find the best networks of a space for a device and budgets."),
    "score": Command("score", "score", "Price and score architectures."),
    "label": Command("label", "label", "Ask for labels of some architectures, or add labels to a run."),
    "scale": Command("scale", "scale", "Scale one network into a family: S, M, L."),
    "runs": Command("runs", "app", "Runs: list them, repair one, look at what its score asks for."),
    "study": Command("study", "study", "Write a run as an Optuna study, for optuna-dashboard."),
    "law": Command("law", "app", "Say what accuracy to expect, by published networks."),
    "doctor": Command("doctor", "doctor", "Say whether searches can run here and on a cluster."),
    "export": Command("export", "export", "Write a network as a file that other programs load."),
    "spaces": Command("spaces", "app", "Search spaces: list them, show one, open one around a network."),
    "devices": Command("lists", "devices", "List the devices that latencies are known for."),
    "proxies": Command("proxies", "app", "Training-free scores: list them, hold them against accuracies."),
    "qualities": Command("lists", "qualities", "List what a search can maximise."),
    "strategies": Command("lists", "strategies", "List the search strategies."),
    "check": Command("check", "check", "Check your own plug-ins by the contract of their kind."),
    "new": Command("new", "new", "Write a commented, working file of your own to begin with."),
    "profile": Command("profile", "app", "Make a device, or check one against measured latencies."),
}


class LazyGroup(typer.core.TyperGroup):
    """Lists its commands from ``COMMANDS``, loads one when it runs, and turns known errors into one line."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Name, loaded command and remaining arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As always; what is wrong is one line.

        Raises:
            typer.Exit: 2 for an option that there is not.
        """
        try:
            rest: list[str] = super().parse_args(ctx, args)
            return rest
        except UsageError as problem:
            raise _misused(problem) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            typer.Exit: 2 for what the user or the file system did wrong, 130 for Ctrl-C.
        """
        try:
            with blaming():
                return super().invoke(ctx)
        except VitnasError as problem:
            raise _failed(problem, ctx) from None
        except UsageError as problem:
            raise _misused(problem) from None
        except BrokenPipeError:
            raise  # the reader of our output has gone: click ends quietly
        except OSError as problem:
            place = f"{problem.filename}: " if problem.filename else ""
            raise _exit(f"error: {place}{problem.strerror or problem}", FAILED) from None
        except KeyboardInterrupt as problem:
            raise _exit(in_options(str(problem)) or "interrupted", INTERRUPTED) from None


def _failed(error: VitnasError, ctx: Any) -> typer.Exit:
    """The exit for an error; the traceback stands before its line with ``--debug``."""
    is_debug = bool(ctx.params.get("debug"))
    if is_debug:
        say("".join(traceback.format_exception(error)), err=True, nl=False)
    hint = "; the traceback: vitnas --debug ..." if error.__cause__ and not is_debug else ""
    return _exit(f"error: {in_options(str(error))}{hint}", FAILED)


def _misused(error: Any) -> Exception:
    """The exit for a command that is typed wrong; ``vitnas`` alone still shows the help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return error  # type: ignore[no-any-return]
    text = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx else "vitnas"
    return _exit(f"error: {text[:1].lower()}{text[1:]} (see {path} --help)", FAILED)


def _exit(message: str, code: int) -> typer.Exit:
    say(" ".join(message.split("\n")), err=True)
    return typer.Exit(code)


def load(name: str) -> Any:
    """Import a subcommand; returns it as a click command."""
    entry = COMMANDS[name]
    found = getattr(importlib.import_module(f"vitnas.cli.{entry.module}"), entry.attribute)
    # options stand in panels for people, and in a plain list in a pipe
    holder = _typer(rich_markup_mode="markdown" if sys.stdout.isatty() else None)
    holder.callback()(_no_options)  # keeps the holder a group even with one command
    if isinstance(found, typer.Typer):
        for inner in found.registered_commands:
            inner.cls = OnceCommand
            if inner.callback is not None:
                inner.callback = with_trust(inner.callback)
        holder.add_typer(found, name=name)
    else:
        holder.command(name, cls=OnceCommand)(with_trust(found))
    group: Any = typer.main.get_command(holder)
    learn(group.commands[name])
    return group.commands[name]


def _typer(**settings: Any) -> typer.Typer:
    return typer.Typer(**{"add_completion": False, "pretty_exceptions_enable": False} | settings)


def _no_options() -> None:
    """Nothing stands between ``vitnas`` and a subcommand."""


def _show_version(wanted: bool) -> None:
    if wanted:
        from vitnas import __version__

        say(f"vitnas {__version__}")
        raise typer.Exit


def _vitnas(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", envvar="VITNAS_DEBUG", help="Print the traceback of an error as well."
    ),
) -> None:
    """Find vision transformers for a device and a budget, as files that your training code loads."""


def command() -> Any:
    """The whole command line as a click command."""
    # plain: its help is drawn at once, and errors of usage have no frames
    app = _typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, add_completion=True)
    app.callback()(_vitnas)
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.help)(
            _no_options
        )  # a line in the list; `resolve_command` loads the rest
    return typer.main.get_command(app)


def _one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Our own warnings without the place in the code, which says nothing to who reads a terminal."""
    if Path(filename).is_relative_to(PACKAGE_FOLDER):
        return printable(f"warning: {in_options(str(message))}\n")
    return printable(_format_warning(message, category, filename, lineno, line))


def main(arguments: list[str] | None = None) -> None:
    """Entry point; exits with 0, 2 (wrong input, one line on stderr) or 130 (Ctrl-C)."""
    warnings.formatwarning = _one_line
    print_plainly()
    command().main(args=sys.argv[1:] if arguments is None else arguments, prog_name="vitnas")


if __name__ == "__main__":
    main()
