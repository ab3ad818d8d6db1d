"""Everything vitnas raises on purpose. The command line prints the message as one line and exits with 2.

A message names a setting as the keyword that it is in Python, in backticks: "`trials`: expected at least 1".
The command line shows its option in that place.

VitnasError
├── InvalidInput (ValueError)      something that the user gave is wrong
│   ├── UnknownName                a name that nothing answers to; suggests the close match
│   ├── Untrusted                  code by its path in a document that the user has not trusted
│   ├── InvalidSpace               a search-space file
│   ├── InvalidArchitecture        an architecture file, or arguments that no operator can be built with
│   ├── InvalidBudget              a budget with a wrong unit, sign or contradiction
│   ├── InvalidProfile             a hardware profile
│   └── InvalidData                a CSV or weights file
├── PluginError                    a plug-in that raises, cannot be imported or breaks its kind's contract
├── StaleCosts                     costs that are not those of the network that is built
├── NothingFeasible                no architecture of the space meets the budgets
├── MissingExtra (ImportError)     an optional dependency; names the extra to install
├── ClusterError                   workers that cannot be used: processes, or a Ray cluster
├── StorageError                   a database that a study is written to
└── RunError                       a run folder
    ├── RunLocked                  another process writes to it
    └── RunCorrupt                 its files contradict each other
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vitnas.plain import printable


class VitnasError(Exception):
    """Base class; the message is one line that says what is wrong, where, and what to do."""

    def __str__(self) -> str:
        """The message, whose parts may come from files, as a terminal may be shown it."""
        return printable(super().__str__())


class InvalidInput(VitnasError, ValueError):
    """Something that the user gave is wrong."""


class UnknownName(InvalidInput):
    """A name that nothing answers to."""


class Untrusted(InvalidInput):
    """A document names code by its path, and the user has not said that it is trusted."""


class InvalidSpace(InvalidInput):
    """A search-space file that does not say a space."""


class InvalidArchitecture(InvalidInput):
    """An architecture that cannot be built."""


class InvalidBudget(InvalidInput):
    """A budget that cannot be read or met in principle."""


class InvalidProfile(InvalidInput):
    """A hardware profile that cannot price."""


class InvalidData(InvalidInput):
    """A data or weights file that does not hold what it should."""


class PluginError(VitnasError):
    """A plug-in that raises, cannot be imported or breaks its kind's contract.

    The message names the plug-in, its file and line, and what it was given; what it raised is the cause.
    """

    def at(self, place: str) -> PluginError:
        """The same error with the place in a network in front of it, to be raised from its cause."""
        return PluginError(f"{place}: {self}")


class StaleCosts(VitnasError):
    """Costs, kept or stated in a file, are not those of the network that is built."""


class NothingFeasible(VitnasError):
    """No architecture of the space meets the budgets."""


class MissingExtra(VitnasError, ImportError):
    """An optional dependency is not installed."""


class ClusterError(VitnasError):
    """Workers that cannot be used: processes that do not start, or a Ray cluster."""


class StorageError(VitnasError):
    """A database that no study can be written to."""


class RunError(VitnasError):
    """A run folder that cannot be used."""


class RunLocked(RunError):
    """Another process writes to this run folder."""


class RunCorrupt(RunError):
    """Files of a run folder contradict each other."""


def unknown(kind: str, name: str, options: Iterable[str], *, where: str = "") -> UnknownName:
    """Build the error for a name that is not among ``options``, with the closest one suggested."""
    return UnknownName(_unknown_message(kind, name, options, where))


def _unknown_message(kind: str, name: str, options: Iterable[str], where: str) -> str:
    known = sorted(str(option) for option in options)
    part = name.lower().strip()
    close = [o for o in known if part and part in re.split(r"[-_.:]", o.lower())]
    close = close or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    listed = ", ".join(known) if known else "none"
    prefix = f"{where}: " if where else ""
    return f"{prefix}unknown {kind} '{name}'{hint} (known: {listed})"


def go_on(run: str | Path) -> str:
    """How to go on with a run, for a message: a call, which the command line shows as a command."""
    return f"`vitnas.load_run({str(run)!r}).resume()`"


def import_extra(package: str, extra: str) -> Any:
    """Import an optional package.

    Raises:
        MissingExtra: it is not installed; names the extra.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise missing_extra(package, extra) from None


def missing_extra(package: str, extra: str) -> MissingExtra:
    """Build the error for an optional package that is not installed."""
    return MissingExtra(f"this needs the package '{package}': {install(extra)}")


def install(extra: str) -> str:
    """The command that brings the packages of an extra."""
    return f"pip install 'vitnas[{extra}]' (in a checkout: pip install '.[{extra}]')"


def describe(error: BaseException) -> str:
    """An exception as one line: its type and what it says."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
