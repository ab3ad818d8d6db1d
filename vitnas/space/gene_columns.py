"""What a space's file says of the columns of tables: which genes they hold, and which rows are its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vitnas.errors import InvalidSpace, _unknown_message
from vitnas.space.space import Space

KEYS = ("genes", "where", "group")
_BLOCK = re.compile(r"\[\d+\]$")


@dataclass(frozen=True)
class GeneColumn:
    """What a column holds: one gene, the genes of a segment's blocks, or a list of genes.

    Attributes:
        genes: their positions.
        blocks: a single value holds for all of them, a list has one for each block that is there.
    """

    name: str
    genes: tuple[int, ...]
    blocks: bool


class Columns:
    """The key ``columns`` of a space's file, checked.

    Attributes:
        named: columns of genes by name.
        where: the value that rows of this space have in some columns.
        group: the column of groups; "" without one.

    Raises:
        InvalidSpace: an unknown key or gene.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._single = {gene.name for gene in space.genes}
        self._positions: dict[str, list[int]] = {}
        for k, gene in enumerate(space.genes):
            self._positions.setdefault(gene.name, []).append(k)
            if base_name(gene.name) != gene.name:
                self._positions.setdefault(base_name(gene.name), []).append(k)
        place = f"{space.name}: columns"
        declared = space.document.get("columns") or {}
        genes = _mapping(declared, place, KEYS).get("genes") or {}
        self.named = {
            str(c): self._read(str(c), g, place) for c, g in _mapping(genes, f"{place}.genes").items()
        }
        where = _mapping(declared.get("where") or {}, f"{place}.where")
        self.where = {str(column): str(value) for column, value in where.items()}
        self.group = declared.get("group", "")
        if not isinstance(self.group, str):
            raise InvalidSpace(f"{place}.group: expected a text, got {self.group!r:.60}")

    def _read(self, column: str, genes: object, place: str) -> GeneColumn:
        listed = genes if isinstance(genes, list) else [genes]
        for gene in listed:
            if str(gene) not in self._positions:
                raise InvalidSpace(
                    _unknown_message("gene", str(gene), self._positions, f"{place}.genes.{column}")
                )
        if isinstance(genes, list):
            return GeneColumn(column, tuple(self._positions[str(g)][0] for g in genes), blocks=False)
        return self._own(column, str(genes))

    def _own(self, column: str, gene: str) -> GeneColumn:
        return GeneColumn(column, tuple(self._positions[gene]), blocks=gene not in self._single)

    def of(self, header: list[str]) -> list[GeneColumn]:
        """The columns of a table that hold genes: those that the file names, and those named like genes."""
        own = {c: self._own(c, c) for c in header if c in self._positions}
        return [{**own, **self.named}[c] for c in header if c in own or c in self.named]

    def missing(self, columns: list[GeneColumn]) -> list[str]:
        """Names of columns that would be needed beside ``columns``."""
        decided = {gene for column in columns for gene in column.genes}
        genes = self.space.genes
        names = {k: column.name for column in self.named.values() for k in column.genes}
        left = [k for k, gene in enumerate(genes) if k not in decided and len(gene.choices) > 1]
        return list(dict.fromkeys(names.get(k, base_name(genes[k].name)) for k in left))


def base_name(gene: str) -> str:
    """The name of a segment's argument, without the block's number."""
    return _BLOCK.sub("", gene)


def _mapping(raw: object, place: str, known: tuple[str, ...] = ()) -> Mapping[str, object]:
    if not isinstance(raw, Mapping):
        raise InvalidSpace(f"{place}: expected keys and values, got {raw!r:.60}")
    for key in raw:
        if known and key not in known:
            raise InvalidSpace(_unknown_message("key", str(key), known, place))
    return raw
