"""Finding spaces and architectures by name, path or ``space:reference``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from vitnas import plugins
from vitnas.arch.schema import Architecture, read_architecture
from vitnas.arch.yaml_io import Source, read_yaml
from vitnas.errors import InvalidInput, InvalidSpace, UnknownName, unknown
from vitnas.space.gene_columns import Columns
from vitnas.space.space import Space


def load_space(source: str | Path | Mapping[str, Any], *, trust: bool | None = None) -> Space:
    """A space by name (the user's ``./search_spaces`` first), from a file, or from a document.

    An architecture file is a space with one point.

    Args:
        source: a name, file or document.
        trust: whether operators that it names by their paths may be imported; None for what the call around
            this one says.

    Raises:
        Untrusted: the document names code by its path, and is not trusted.
        UnknownName: no such space; suggests the closest one.
        InvalidSpace: the document is wrong; names file, line, key path and the valid options.
    """
    if trust is not None:
        with plugins.trusting(trust):
            return load_space(source)
    if isinstance(source, Mapping):
        space = Space.read(Source(dict(source)))
    else:
        space = Space.read(read_yaml(plugins.find_data("search_spaces", str(source)), InvalidSpace))
    Columns(space)  # whatever tables will need of the file
    return space


def recipe_of(space: Space) -> dict[str, Any]:
    """The space's training recipe."""
    return dict(space.template.notes.get("recipe") or {})


class HasArchitecture(Protocol):
    """What has an architecture, such as a member of a front."""

    @property
    def architecture(self) -> Architecture:
        """The network."""
        ...


ArchitectureSource = str | os.PathLike[str] | Architecture | HasArchitecture


def load_architecture(source: ArchitectureSource, *, trust: bool | None = None) -> Architecture:
    """An architecture from whatever names one: every function that takes a network takes these.

    Args:
        source: a file, a published network such as ``efficientformer:s0``, a member of a front or family, or
            the architecture itself.
        trust: as in :func:`load_space`.

    Raises:
        Untrusted: the file names code by its path, and is not trusted.
        UnknownName: no such file, space or reference.
        InvalidArchitecture: the file is wrong.
        InvalidInput: ``source`` is none of these.
    """
    if trust is not None:
        with plugins.trusting(trust):
            return load_architecture(source)
    if isinstance(source, Architecture):
        plugins.ask(*source.operators)
        return source
    if isinstance(source, str | os.PathLike):
        return _named(os.fspath(source))
    held = getattr(source, "architecture", None)
    if isinstance(held, Architecture):
        return held
    raise InvalidInput(
        "expected an architecture, its file, a published network (SPACE:NAME) or a member of a front, "
        f"got {type(source).__name__}"
    )


def _named(text: str) -> Architecture:
    if Path(text).suffix in {".yaml", ".yml"}:
        if not Path(text).is_file():
            raise UnknownName(f"no such architecture file: '{text}'")
        return read_architecture(text)
    if ":" not in text:
        problem = f"'{text}' is neither an architecture file (.yaml) nor a published network (SPACE:NAME)"
        raise UnknownName(problem)
    space_name, _, reference = text.partition(":")
    space = load_space(space_name)
    if reference not in space.references:
        raise unknown("published network", reference, space.references, where=space_name)
    return space.references[reference].architecture
