"""``vitnas spaces``: list search spaces, show one, open one around a network."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas import plugins
from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import Json
from vitnas.errors import InvalidInput, InvalidSpace
from vitnas.formats.path_name import as_name
from vitnas.plain import printable
from vitnas.units import for_json, shortened

if TYPE_CHECKING:
    from vitnas.space.space import Reference, Space

app = typer.Typer(help="Search spaces: list them, show one, open one around a network.")


@app.callback(invoke_without_command=True)
def spaces(context: typer.Context, as_json: Json = False) -> None:
    """Search spaces: list them, show one, open one around a network."""
    if context.invoked_subcommand:
        return
    found = [_entry(name, path) for name, path in plugins.list_data("search_spaces").items()]
    if as_json:
        _common.print_json(found)
        return
    rows = [
        (entry["name"], entry["problem"] or entry["description"], " ".join(entry["references"]))
        for entry in found
    ]
    _common.print_table(("space", "what it is", "published networks"), rows)


def _entry(name: str, path: Path) -> dict[str, Any]:
    """The headings of a space's file; nothing is built, so that the list is quick."""
    from vitnas.arch.yaml_io import read_yaml

    entry: dict[str, Any] = {"name": name, "file": path, "description": "", "references": [], "problem": None}
    try:
        document = read_yaml(path, InvalidSpace).data
        entry["description"] = str(document.get("description", ""))
        entry["references"] = list(document.get("references") or {})
    except InvalidInput as problem:
        entry["problem"] = str(problem)
    except AttributeError:
        entry["problem"] = f"{path}: holds no space"
    return entry


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A space, or its file.")],
    as_json: Json = False,
) -> None:
    """Show the size, genes and published networks of a space."""
    from vitnas.space.files import load_space

    space = load_space(name)
    if as_json:
        _common.print_json(_document(space))
        return
    say(textwrap.fill(f"{space.name}: {space.description}", _common.width()))
    say(_extent(space) + "\n")
    _common.print_table(("where", "operator", "gene", "genes", "choices"), _gene_rows(space), right={"genes"})
    if space.references:
        say("\npublished networks, with their sources' figures:")
        _print_references(list(space.references.values()))


def _document(space: Space) -> dict[str, Any]:
    return {
        "name": space.name,
        "description": space.description,
        "size": for_json(space.size),
        "hash": space.hash,
        "genes": [{"name": gene.name, "choices": gene.choices} for gene in space.genes],
        "references": {
            name: {"id": reference.architecture.id, **reference.facts}
            for name, reference in space.references.items()
        },
    }


def _extent(space: Space) -> str:
    size = f"{space.size:,}" if space.size < 10**9 else shortened(space.size)
    genes = len(space.genes)
    return f"{size} architecture{'s' * (size != '1')}, {genes} gene{'s' * (genes != 1)}"


def _gene_rows(space: Space) -> list[tuple[str, str, str, str, str]]:
    """Place, operator, name, number of genes and choices; the genes of a segment's blocks are one row."""
    operators = _operators(space)
    grouped: dict[tuple[str, tuple[Any, ...]], int] = {}
    for gene in space.genes:
        key = (re.sub(r"\[\d+\]$", "", gene.name), gene.choices)
        grouped[key] = grouped.get(key, 0) + 1
    rows = []
    for (name, choices), number in grouped.items():
        place, _, gene_name = name.rpartition(".")
        rows.append((place, operators.get(place, ""), gene_name, str(number), _choices(choices)))
    return rows


def _operators(space: Space) -> dict[str, str]:
    """Operator by key path; an open one is left out, its gene's row names the choices."""
    template = space.template
    parts = {"stem": template.stem, "head": template.head}
    for index, stage in enumerate(template.stages):
        if stage.down:
            parts[f"stages.{index}.down"] = stage.down
        parts |= {segment.path: segment.blocks[0] for segment in stage.segments if segment.blocks}
    return {path: part.op for path, part in parts.items() if isinstance(part.op, str)}


def _choices(choices: tuple[Any, ...]) -> str:
    """Evenly spaced numbers as first, second ... last; else all of them."""
    numbers = [c for c in choices if isinstance(c, int | float) and not isinstance(c, bool)]
    steps = {round(b - a, 9) for a, b in itertools.pairwise(numbers)}
    if len(numbers) == len(choices) > 4 and len(steps) == 1:
        return f"{choices[0]}, {choices[1]} ... {choices[-1]}"
    return ", ".join(str(choice) for choice in choices)


def _print_references(references: list[Reference]) -> None:
    devices = sorted({device for r in references for device in r.facts.get("latency_ms") or {}})
    headers = ("network", "params", "MACs", "top-1 %", *(f"{device} ms" for device in devices))
    rows = [
        (
            reference.architecture.name,
            _scaled(reference.facts.get("params"), 1e6, "M"),
            _scaled(reference.facts.get("macs"), 1e9, "G"),
            str(reference.facts.get("top1", "-")),
            *(str((reference.facts.get("latency_ms") or {}).get(device, "-")) for device in devices),
        )
        for reference in references
    ]
    _common.print_table(headers, rows, right=set(headers[1:]))


def _scaled(figure: Any, unit: float, letter: str) -> str:
    return f"{float(figure) / unit:.2f} {letter}" if isinstance(figure, int | float) else "-"


@app.command("open")
def open_space(
    file: Annotated[str, typer.Argument(help="An architecture's file, or a published network (SPACE:NAME).")],
    space: Annotated[
        str | None, typer.Option(help="Space that the network is of; its name tells it if this is left out.")
    ] = None,
    radius: Annotated[int, typer.Option(min=0, help="How many choices to keep on either side.")] = 1,
    out: Annotated[Path | None, typer.Option(help="File to write; stdout if left out.")] = None,
) -> None:
    """Open a search space around a network: every gene keeps the choices near the network's."""
    from vitnas.arch.yaml_io import dump_yaml
    from vitnas.space.files import load_architecture, load_space
    from vitnas.store.disk import atomic_write_text

    architecture = load_architecture(file)
    origin = load_space(space or _space_of(architecture.name))
    if architecture.resolution_px not in origin.resolutions_px:  # found with search --resolution-px
        origin = origin.at_resolution(architecture.resolution_px)
    document = origin.around(architecture, radius)
    document["name"] = as_name(out.stem) if out else f"{origin.name}_around_{architecture.id}"
    document["description"] = f"{origin.name} within {radius} of {architecture.name}"
    opened = load_space(document)
    for section in ("vars", "recipe"):  # these stay one key a line
        if section in document:
            document[section] = {key: _compact(value) for key, value in document[section].items()}
    text = dump_yaml({k: v if k in ("vars", "recipe") else _compact(v) for k, v in document.items()})
    if out is None:
        if printable(text) != text:
            raise InvalidInput(f"{file}: its texts hold control characters; write the space with `out`")
        say(text, nl=False)
        return
    atomic_write_text(out, text)
    say(f"wrote {out}: {_extent(opened)}")


def _compact(value: Any) -> Any:
    """Whatever holds no list of mappings goes on one line, as people write it."""
    from vitnas.arch.yaml_io import FlowDict

    if isinstance(value, Mapping):
        inner = {key: _compact(item) for key, item in value.items()}
        return inner if any(isinstance(item, list) for item in inner.values()) else FlowDict(inner)
    if isinstance(value, list) and not any(isinstance(item, Mapping) for item in value):
        return tuple(value)
    return [_compact(item) for item in value] if isinstance(value, list) else value


def _space_of(name: str) -> str:
    """``efficientformer`` of ``efficientformer:s0`` or ``efficientformer-0123456789ab``."""
    known = plugins.list_data("search_spaces")
    for candidate in (name.partition(":")[0], name.rpartition("-")[0]):
        if candidate in known:
            return candidate
    raise InvalidInput(f"'{name}' does not tell its space: name it with --space (known: {', '.join(known)})")
