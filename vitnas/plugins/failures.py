"""Whatever goes wrong in a plug-in, as one error that names the plug-in, its file and the line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vitnas.errors import PluginError, VitnasError, describe
from vitnas.plugins.places import plugin_file, shown, stem_of

imported: dict[Path, tuple[str, str]] = {}  # file of a plug-in that is not ours -> its kind and name


@contextmanager
def running(kind: str, name: str, doing: str | Callable[[], str]) -> Iterator[None]:
    """Turn whatever the code of a plug-in raises into one error; errors of vitnas pass.

    Args:
        kind: of the plug-in.
        name: of the plug-in, or its file.
        doing: what fails, such as "cannot be imported".

    Raises:
        PluginError: from the exception.
    """
    try:
        yield
    except VitnasError:
        raise
    except (Exception, SystemExit) as problem:  # a script that is no plug-in may exit when it is imported
        failed = doing if isinstance(doing, str) else doing()
        raise defect(kind, name, f"{failed}: {describe(problem)}", problem) from problem


def defect(kind: str, name: str, problem: str, cause: BaseException | None = None) -> PluginError:
    """The error that says what is wrong with a plug-in, at the line of its file that raised ``cause``."""
    return _defect(kind, name, plugin_file(kind, name), problem, cause)


def _defect(
    kind: str, name: str, path: Path | None, problem: str, cause: BaseException | None
) -> PluginError:
    line = _line(path, cause) if path is not None else None
    place = f" ({shown(path)}{f':{line}' if line else ''})" if path is not None else ""
    return PluginError(f"{kind} '{stem_of(name)}'{place} {problem}")


def nonsense(plugin: object, problem: str) -> PluginError:
    """The error that says what an object of a plug-in's class gives wrongly."""
    cls = type(plugin)
    return PluginError(f"{cls.__name__} ({shown(Path(inspect.getfile(cls)))}) {problem}")


@contextmanager
def blaming() -> Iterator[None]:
    """Turn an exception that came out of any plug-in that is not ours into one error.

    Raises:
        PluginError: from the exception.
    """
    try:
        yield
    except VitnasError:
        raise
    except Exception as problem:
        path = _culprit(problem)
        if path is None:
            raise
        raise _defect(*imported[path], path, f"fails: {describe(problem)}", problem) from problem


def where(problem: BaseException) -> str:
    """`` (./proxies/mine.py:7)`` for an exception that came out of a plug-in, else nothing."""
    path = _culprit(problem)
    return f" ({shown(path)}:{_line(path, problem)})" if path is not None else ""


def _culprit(problem: BaseException) -> Path | None:
    """The plug-in that an exception passed through."""
    return next((path for path in imported if _line(path, problem) is not None), None)


def _line(path: Path, cause: BaseException | None) -> int | None:
    """The last line of a file that an exception passed through, or the one that is no Python."""
    files = {str(path), os.path.abspath(path), str(path.resolve())}
    if isinstance(cause, SyntaxError) and cause.filename in files:
        return cause.lineno
    trace, line = cause.__traceback__ if cause else None, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
