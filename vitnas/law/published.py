"""Published networks: what their names say, their accuracy, and what they cost.

A name is timm's, ``ARCH.TAG``. Accuracies are of timm's table of results (Apache-2.0), GMACs and millions of
activations of its table of benchmarks; both are files beside this module.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitnas.errors import InvalidData
from vitnas.formats.csv_table import Row, read_csv

HERE = Path(__file__).parent
PRETRAINING = {  # the first that a tag names
    "web": ("clip", "laion", "openai", "webli", "datacomp", "m30m", "m38m", "siglip", "dfn"),
    "in21k": ("in22k", "in21k", "in12k", "jft", "goog"),
    "self": ("mae", "mim", "sam", "dino", "ssld"),
}
RESOLUTION = re.compile(r"(384|448|r\d+)$")
NEEDED = ("id", "img_size", "top1", "params_m")


@dataclass(frozen=True)
class Published:
    """One network with its accuracy on ImageNet-1k.

    Attributes:
        id: timm's name.
        top1: per cent.
        params_m, gmacs, macts: millions of parameters, 1e9 multiply-accumulates, millions of activations.
        resolution_px: side of the images.
        family, recipe: networks of one family, and of one way of training, share their deviations.
        pretraining: ``web``, ``in21k``, ``self`` or empty.
        is_distilled: from a teacher.
    """

    id: str
    top1: float
    params_m: float
    gmacs: float
    macts: float
    resolution_px: int
    family: str
    recipe: str
    pretraining: str
    is_distilled: bool

    @property
    def arch(self) -> str:
        """The name without the tag."""
        return self.id.partition(".")[0]


def family_of(arch: str) -> str:
    """The family that a name says."""
    words = arch.split("_")
    first = "levit" if words[0] == "levit" else words[0]
    if first == "vit":
        if any("relpos" in word for word in words):
            return "vit_relpos"
        return "vit_hybrid" if {"r26", "r50"} & set(words) or "resnet" in arch else "vit"
    if first == "efficientvit":
        return f"efficientvit_{words[1][0]}"
    if first in ("coat", "crossvit"):
        kind = {"coat": "lite", "crossvit": "dagger"}[first]
        return f"{first}_{kind}" if kind in words else first
    if first == "xcit":
        return f"xcit_{'p8' if 'p8' in words else 'p16'}"
    if first == "twins":
        return "_".join(words[:2])
    if first in ("maxvit", "coatnet") and {"rw", "rmlp"} & set(words):
        return f"{first}_rw"
    return first


def recipe_of(name: str) -> str:
    """How a network was trained: its tag without resolutions, so that these share it."""
    arch, _, tag = name.partition(".")
    tag = re.sub(r"\br\d+_", "", tag)
    tag = RESOLUTION.sub("", tag).rstrip("_")
    return tag + ("+dist" if "distilled" in arch else "")


def pretraining_of(tag: str) -> str:
    """On what a network was trained before ImageNet-1k; empty for nothing."""
    return next((kind for kind, words in PRETRAINING.items() if any(word in tag for word in words)), "")


def is_distilled(name: str) -> bool:
    """Whether a name says that the network had a teacher."""
    arch, _, tag = name.partition(".")
    return "dist" in tag or "ssld" in tag or "distilled" in arch


@functools.cache
def known_costs() -> dict[tuple[str, int], tuple[float, float]]:
    """(arch, side of the images) -> GMACs and millions of activations, as timm measured them."""
    rows = read_csv(HERE / "costs.csv", ("arch", "img_size", "gmacs", "macts")).rows
    return {(r["arch"], r.whole("img_size")): (r.number("gmacs"), r.number("macts")) for r in rows}


@functools.cache
def shipped_networks() -> tuple[Published, ...]:
    """The networks that come with vitnas."""
    return tuple(read_published()[0])


def read_published(path: str | Path = HERE / "published.csv") -> tuple[list[Published], list[str]]:
    """Networks of a table, and the ids whose costs nobody states.

    Args:
        path: a CSV with columns ``id``, ``img_size``, ``top1`` and ``params_m``; ``gmacs`` and ``macts``
            where timm's benchmarks do not know the network. Others are ignored.

    Raises:
        InvalidData: it cannot be read, an accuracy is no per cent, or no network of it can be used.
    """
    table = read_csv(path, NEEDED, whole_rows=False)
    found, unknown = [], []
    for row in table.rows:
        costs = _costs(row)
        if costs is None:
            unknown.append(row["id"])
        else:
            found.append(_published(row, costs))
    if not found:
        raise InvalidData(
            f"{path}: no network with known MACs and activations; give them in columns gmacs, macts"
        )
    return found, unknown


def _costs(row: Row) -> tuple[float, float] | None:
    if row["gmacs"] and row["macts"]:
        return row.number("gmacs"), row.number("macts")
    return known_costs().get((row["id"].partition(".")[0], row.whole("img_size")))


def _published(row: Row, costs: Sequence[float]) -> Published:
    name, top1 = row["id"], row.number("top1")
    arch, _, tag = name.partition(".")
    if not 0 < top1 < 100:
        row.fail("top1", f"expected per cent, above 0 and below 100, not {top1:g}")
    for column, value in (("params_m", row.number("params_m")), ("gmacs", costs[0]), ("macts", costs[1])):
        if value <= 0:
            row.fail(column, f"expected more than 0, not {value:g}")
    return Published(
        name, top1, row.number("params_m"), costs[0], costs[1], row.whole("img_size"),
        family_of(arch), recipe_of(name), pretraining_of(tag), is_distilled(name),
    )  # fmt: skip
