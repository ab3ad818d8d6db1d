"""How a command says what it takes: options that are defined once, and given once."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
import typer.core

from vitnas import plugins
from vitnas.cli._settings import option_of
from vitnas.errors import InvalidInput
from vitnas.formats.number_text import number_of, whole_of

READ_NO_DOCUMENTS = ("new", "doctor", "lists")  # modules of commands
TRUST_HELP = (
    "Import the code that files name by its path (op: ./x.py, plug-ins of a run); without it only names are."
)
Body = Callable[..., None]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class Option:
    """An option, or an argument if it is ``positional``.

    Attributes:
        name: of the setting: the keyword in Python.
        metavar: what stands for its value in the help; None for a switch.
        help: what it is.
        type: of its value.
        default: where it is not given; ``...`` for one that must be.
        flags: as they are typed; empty for ``--name``.
        panel: of the help.
        least: smallest value.
    """

    name: str
    metavar: str | None
    help: str
    type: Any = str | None
    default: Any = None
    flags: tuple[str, ...] = ()
    panel: str | None = None
    least: float | None = None
    positional: bool = False

    def but(self, **changes: Any) -> Option:
        """The same with something changed for one command."""
        return replace(self, **changes)

    @property
    def parameter(self) -> inspect.Parameter:
        """For a function's signature."""
        about: dict[str, Any] = {
            "help": self.help,
            "metavar": self.metavar,
            "min": self.least,
            "rich_help_panel": self.panel,
            "show_default": False,
        }
        flags = self.flags or (f"--{self.name.replace('_', '-')}",)
        info = typer.Argument(**about) if self.positional else typer.Option(*flags, **about)
        default = inspect.Parameter.empty if self.default is ... else self.default
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(self.name, kind, default=default, annotation=Annotated[self.type, info])


def switch(name: str, help: str, *flags: str, default: bool | None = False) -> Option:
    """An option without a value."""
    return Option(name, None, help, bool if default is False else bool | None, default, flags)


def panel(title: str, *options: Option) -> tuple[Option, ...]:
    """The options under a heading of the help."""
    return tuple(option.but(panel=title) for option in options)


def takes(*options: Option) -> Callable[[Body], Body]:
    """Give a command its options: it is called with the context and the values as keywords."""

    def give(body: Body) -> Body:
        @functools.wraps(body)
        def command(ctx: typer.Context, **given: Any) -> None:
            body(ctx, **given)

        context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *(option.parameter for option in options)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return give


def with_trust(body: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--trust``: without it nothing that documents name by a path is imported."""
    own = inspect.signature(body, eval_str=True)
    if body.__module__.rpartition(".")[2] in READ_NO_DOCUMENTS or "trust" in own.parameters:
        return body

    @functools.wraps(body)
    def command(*args: Any, trust: bool, **given: Any) -> Any:
        with plugins.trusting(trust):
            return body(*args, **given)

    parameters = [*own.parameters.values(), switch("trust", TRUST_HELP, "--trust").parameter]
    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


class OnceCommand(typer.core.TyperCommand):
    """A command that refuses an option that is given twice and has one value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As always.

        Raises:
            InvalidInput: an option is given twice, or a number is written as only Python writes it.
        """
        given, _, order = self.make_parser(ctx).parse_args(list(args))
        for parameter, times in Counter(order).items():
            plain_switch = getattr(parameter, "is_flag", False) and not parameter.secondary_opts
            if times > 1 and not (parameter.multiple or parameter.nargs != 1 or plain_switch):
                raise InvalidInput(f"{option_of(parameter)} is given twice")
            _check_number(parameter, given.get(parameter.name))
        rest: list[str] = super().parse_args(ctx, args)
        return rest


def _check_number(parameter: Any, text: Any) -> None:
    """Refuse what int() and float() take and people do not write: 1_0, nan, other alphabets' digits."""
    reads = {"int": whole_of, "integer": whole_of, "float": number_of}.get(_kind(parameter))
    if reads is None or not isinstance(text, str):
        return
    try:
        reads(text.strip())
    except ValueError as problem:
        raise InvalidInput(f"{option_of(parameter)}: {problem}") from None


def _kind(parameter: Any) -> str:
    """What an option takes; typer's own types have another attribute than click's, which it had before."""
    described = getattr(parameter, "type_descriptor", None)
    if described is not None:
        return str(getattr(described.annotation, "__name__", ""))
    return str(parameter.type.name).removesuffix(" range")
