"""``vitnas.price`` and ``vitnas.score``: what networks cost on devices, and what proxies say of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from vitnas import plugins
from vitnas.api import inputs
from vitnas.api.inputs import Reader, read_all
from vitnas.api.keywords import (
    RUN_READERS,
    WORKER_READERS,
    WORKERS,
    Names,
    Path,
    Size,
    WorkerKeywords,
    workers_of,
)
from vitnas.api.signature import with_keywords
from vitnas.api.watching import watching
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidInput, missing_extra
from vitnas.law.expectation import NAME as EXPECTED
from vitnas.report.notebook.html import to_html, to_text
from vitnas.report.terminal.score_tables import score_tables
from vitnas.space.files import load_architecture

if TYPE_CHECKING:
    from pandas import DataFrame

Figure = float | int | None
ABOUT = (
    "name",
    "id",
    "scores",
    "failures",
    "device",
    "targets",
    "latency_band",
    "exceeds",
    "batch",
    "out_of_domain",
    EXPECTED,
)


class ScoreKeywords(WorkerKeywords, total=False):
    """All of ``vitnas.score`` but the networks."""

    target: Names | None
    batch: int | None
    resolution_px: Size | None
    proxies: Names | None
    seed: int | None
    repeats: int | None
    proxy_resolution_px: Size | None
    proxy_batch: int | None
    images: Path | None
    device: str | None


SCORE_READERS: dict[str, Reader] = {
    **WORKER_READERS,
    **{name: RUN_READERS[name] for name in ("target", "batch", "seed", "images", "device")},
    **dict.fromkeys(("resolution_px", "proxy_resolution_px"), inputs.resolution),
    **dict.fromkeys(("repeats", "proxy_batch"), inputs.whole),
    "proxies": inputs.names,
}
PRICE_READERS: dict[str, Reader] = {
    "device": inputs.joined,
    "batch": inputs.whole,
    "resolution_px": inputs.resolution,
}


class Price(Mapping[str, Figure]):
    """What one network costs: ``price["params"]``, ``price.latency_ms``; several devices have a name each,
    ``price["latency_ms@iphone12"]``.

    Args:
        row: as ``vitnas.scoring.score`` gives it.

    Attributes:
        name, id: of the network.
        origin: the devices, where their figures come from, and how wrong they are; empty without a device.
        band: relative error of a time on the only device; None if unknown.
        exceeds: the devices' own limits that the network does not keep.
        out_of_domain: why its times are guesses, where no fit has seen its resolution.
        expected_top1: value, low and high in per cent, see `vitnas.law.expectation`; None without a claim.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.name: str = row["name"]
        self.id: str = row["id"]
        self.origin: str = row.get("device", "")
        self.band: float | None = row.get("latency_band")
        self.exceeds: tuple[str, ...] = tuple(row.get("exceeds", ()))
        self.out_of_domain: tuple[str, ...] = tuple(row.get("out_of_domain", ()))
        self.expected_top1: Mapping[str, Any] | None = row.get(EXPECTED)
        self._figures: dict[str, Figure] = {k: v for k, v in row.items() if k not in ABOUT}

    def __getitem__(self, figure: str) -> Figure:
        return self._figures[figure]

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    def __getattr__(self, figure: str) -> Figure:
        figures: dict[str, Figure] = self.__dict__.get("_figures", {})
        if figure not in figures:
            raise AttributeError(f"no figure '{figure}' (there are {', '.join(figures)})")
        return figures[figure]

    def __repr__(self) -> str:
        return to_text(score_tables([self.row]))

    def _repr_html_(self) -> str:
        return to_html(score_tables([self.row]))


class Scores(Sequence[Mapping[str, Any]]):
    """What networks cost and score, a row each: ``scores[0]["scores"]["naswot"]``.

    Args:
        rows: as ``vitnas score --json`` prints them.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = list(rows)

    def __getitem__(self, at: Any) -> Any:
        return Scores(self.rows[at]) if isinstance(at, slice) else self.rows[at]

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> DataFrame:
        """A table with a row for each network: costs, then a column for each proxy.

        Raises:
            MissingExtra: pandas is not installed; names the extra.
        """
        try:
            import pandas
        except ImportError:
            raise missing_extra("pandas", "notebook") from None
        plain = [{k: v for k, v in row.items() if isinstance(v, str | int | float)} for row in self.rows]
        return pandas.DataFrame([a | b["scores"] for a, b in zip(plain, self.rows, strict=True)])

    def __repr__(self) -> str:
        return to_text(score_tables(self.rows))

    def _repr_html_(self) -> str:
        return to_html(score_tables(self.rows))


def price(
    network: Any,
    device: Names | None = None,
    *,
    batch: int | None = None,
    resolution_px: Size | None = None,
    trust: bool = False,
) -> Price:
    """What a network costs: parameters, MACs, activations, memory, and latency on devices.

    ``vitnas.price("efficientformer:s0", "iphone12").latency_ms``

    Args:
        network: as in :func:`vitnas.load_architecture`.
        device: a name of :func:`vitnas.list_devices`, a profile file, or several; None for none.
        batch: images in a call; None for what each device was measured with.
        resolution_px: side of the images, or (height, width), in place of the network's own.
        trust: whether code that the network's file names by its path may be imported.

    Raises:
        InvalidInput: a value is wrong, or a device cannot answer for batch or resolution.
    """
    from vitnas.scoring import score as score_networks

    given = {"device": device, "batch": batch, "resolution_px": resolution_px}
    values = read_all(PRICE_READERS, given, of="price")
    with plugins.trusting(trust):
        found = [load_architecture(network)]
        return Price(score_networks(found, target=values.pop("device", None), **values)[0])


@with_keywords(ScoreKeywords)
def score(networks: Any, **settings: Unpack[ScoreKeywords]) -> Scores:
    """Price and score networks; every keyword is an option of the command.

    ``vitnas.score(["efficientformer:s0", run.front[3]], proxies=["naswot"])``

    Args:
        networks: a list, or one; each as in :func:`vitnas.load_architecture`.
        target, batch, resolution_px: devices; images in a call; side of the images, or (height, width).
        proxies: of :func:`vitnas.list_proxies`.
        seed, repeats, proxy_resolution_px, proxy_batch, images, device: how they are computed.
        workers, ray, cpus_per_worker, gpus_per_worker, candidate_timeout: who computes; a network that cannot
            be scored is then a row with its ``failures``, and the others go on.
        trust, progress: as in :func:`vitnas.search`.

    Raises:
        InvalidInput: a keyword, network or device is wrong; one line names it.
    """
    from vitnas.scoring import score as score_networks

    values = read_all(SCORE_READERS, settings, of="score")
    values.pop("trust", None)
    if any(name in values for name in WORKERS):
        values["workers"] = workers_of(values)
    for name in WORKERS[1:]:
        values.pop(name, None)
    found = [load_architecture(network) for network in _each(networks)]
    with watching(values.pop("progress", None)) as watch:
        return Scores(score_networks(found, listener=watch, **values))


def _each(networks: Any) -> list[Any]:
    """One network or several."""
    if isinstance(networks, str | os.PathLike | Architecture) or hasattr(networks, "architecture"):
        return [networks]
    if not isinstance(networks, Iterable):
        inputs.fail("networks", "a network or a list of them", networks)
    found = list(networks)
    if not found:
        raise InvalidInput("`networks`: name at least one")
    return found
