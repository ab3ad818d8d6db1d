"""Finding spaces and architectures by name, path or ``space:reference``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from vitnas import plugins
from vitnas.arch.schema import Architecture, read_architecture
from vitnas.arch.template import parse_template
from vitnas.arch.yaml_io import Source, read_yaml
from vitnas.errors import InvalidInput, InvalidSpace, UnknownName, unknown
from vitnas.space.space import Reference, Space


def load_space(source: str | Path | Mapping[str, Any]) -> Space:
    """A space by name (the user's ``./search_spaces`` first), from a file, or from a document.

    An architecture file is a space with one point.

    Raises:
        UnknownName: no such space; suggests the closest one.
        InvalidSpace: the document is wrong; names file, line, key path and the valid options.
    """
    if isinstance(source, Mapping):
        return parse_space(Source(dict(source)))
    return parse_space(read_yaml(plugins.find_data("search_spaces", str(source)), InvalidSpace))


def parse_space(source: Source) -> Space:
    """Check a document and resolve its references."""
    template = parse_template(source, InvalidSpace)
    space = Space(template, source.data)
    references = template.notes.get("references") or {}
    if not isinstance(references, Mapping):
        source.fail(InvalidSpace, "references", "expected names and what is known of each")
    for name, raw in references.items():
        path = f"references.{name}"
        if not isinstance(raw, Mapping) or not isinstance(raw.get("genes"), Mapping):
            source.fail(InvalidSpace, path, "expected 'genes' and facts such as params, top1 and source")
        try:
            genome = space.genome_of(raw["genes"])
        except InvalidSpace as problem:
            source.fail(InvalidSpace, f"{path}.genes", str(problem))
        facts = {key: value for key, value in raw.items() if key not in ("genes", "recipe")}
        notes = {"source": str(facts.get("source", "")), "recipe": recipe_of(space, raw), "metrics": facts}
        closed = space.decode(genome, {key: value for key, value in notes.items() if value})
        named = Architecture(**{**vars(closed), "name": f"{space.name}:{name}"})
        space.references[str(name)] = Reference(str(name), genome, named, facts)
    return space


def recipe_of(space: Space, reference: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The space's training recipe, with a reference's own settings in front of it."""
    recipe = dict(space.template.notes.get("recipe") or {})
    recipe.update((reference or {}).get("recipe") or {})
    return recipe


class HasArchitecture(Protocol):
    """What has an architecture, such as a member of a front."""

    @property
    def architecture(self) -> Architecture:
        """The network."""
        ...


ArchitectureSource = str | os.PathLike[str] | Architecture | HasArchitecture


def load_architecture(source: ArchitectureSource) -> Architecture:
    """An architecture from whatever names one: every function that takes a network takes these.

    Args:
        source: a file, a published network such as ``efficientformer:s0``, a member of a front or family, or
            the architecture itself.

    Raises:
        UnknownName: no such file, space or reference.
        InvalidArchitecture: the file is wrong.
        InvalidInput: ``source`` is none of these.
    """
    if isinstance(source, Architecture):
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
