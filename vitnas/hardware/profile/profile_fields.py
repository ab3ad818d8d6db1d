"""What a device's file says: ``hardware_profiles/NAME.yaml``, with everything that its figures depend on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vitnas.arch.yaml_io import FlowDict, dump_yaml
from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.figures import FIGURES
from vitnas.formats.resolution import Resolution, as_scalar
from vitnas.hardware.roofline.priors import HARDWARE
from vitnas.hardware.roofline.roofline import COEFFICIENTS
from vitnas.store.disk import atomic_write_text

FORMAT = 1
KINDS = {
    "fitted": "prices of kernels, fitted to latencies of whole networks",
    "measured": "a table of blocks that vitnas measured",
    "imported": "a table of blocks that somebody measured with a kit",
    "limits": "no prices, only limits",
}
METRICS = {
    "latency": "milliseconds a call of `batch` images",
    "throughput": "images a second in batches of `batch`; priced as milliseconds an image",
    "none": "no time at all",
}
_NOT_NEGATIVE, _COUNT = {"least": 0}, {"least": 1}  # rules of fields, see `reader.ProfileReader`


def limited_costs() -> list[str]:
    """Figures that a device can limit: all that are no times."""
    return [figure.key for figure in FIGURES.values() if not figure.is_time]


@dataclass(frozen=True)
class Conditions:
    """What a latency of this profile is a latency of; ``threads`` is 0 where it means nothing."""

    device: str
    runtime: str
    os: str
    compute_units: str
    dtype: str = field(metadata={"among": BYTES_OF_DTYPE})
    batch: int = field(metadata=_COUNT)
    date: str
    threads: int = field(default=0, metadata=_NOT_NEGATIVE)


@dataclass(frozen=True)
class Rows:
    """The latencies of whole networks that a profile was fitted to."""

    file: str
    number: int = field(metadata=_NOT_NEGATIVE)
    networks: int = field(metadata=_NOT_NEGATIVE)
    families: int = field(metadata=_NOT_NEGATIVE)


@dataclass(frozen=True)
class TableSummary:
    """The measured blocks of a profile; the blocks themselves stand in a CSV beside it.

    Attributes:
        file: name of the CSV, in the profile's folder.
        spaces: names of the spaces that it covers.
        blocks: how many were measured.
        copies: how many copies of a block were chained in one file, where input and output are alike.
        runs: timed runs of each block, at least.
        empty_ms: a call that does nothing; subtracted from every block.
        median_iqr: median over the blocks of IQR / median.
        drift: IQR / median of the reference block over the whole session.
        seconds: how long it took.
        digest: of the table's figures, see `block_table.table_digest`; empty in files of before.
    """

    file: str
    spaces: tuple[str, ...]
    blocks: int = field(metadata=_COUNT)
    copies: int = field(metadata=_COUNT)
    runs: int = field(metadata=_COUNT)
    empty_ms: float = field(metadata=_NOT_NEGATIVE)
    median_iqr: float
    drift: float
    seconds: float
    digest: str = ""


@dataclass(frozen=True)
class Calibration:
    """From the sum of blocks to whole networks: ``base_ms + scale * sum``, from some networks."""

    base_ms: float = field(metadata=_NOT_NEGATIVE)
    scale: float = field(metadata={"least": 1e-9})
    networks: int = field(metadata=_NOT_NEGATIVE)


@dataclass(frozen=True)
class Prediction:
    """Prices of blocks that the table lacks: the roofline of ``coefficients`` times a factor an operator.

    Attributes:
        factors: operator -> median of measured / roofline over its blocks; 1 for the others.
        error: mean relative error on blocks left out, of operators that the table has (10 folds).
        unseen_error: the same on the blocks of an operator of which none was seen.
    """

    factors: Mapping[str, float] = field(metadata=_NOT_NEGATIVE)
    error: float
    unseen_error: float


@dataclass(frozen=True)
class Error:
    """How wrong a profile was on networks that it had not seen. Errors are relative: 0.1 is 10 %.

    Attributes:
        method: how it was found, e.g. ``leave one family out``.
        mape, median_error, p90, within_10, within_20, spearman, kendall: as in `metrics.ErrorSummary`.
        noise: mean difference between laboratories on the same network and device; nan if unknown.
        band: what stands behind the ``±`` of a prediction: the larger of mape and noise.
        interval_80: factors on a prediction between which 80 % of the truths lay.
        families: family -> (number of rows, mape).
        macs_only_mape: mape of ``base + rate * MACs`` by the same method; nan if nobody fitted it.
    """

    method: str
    mape: float
    median_error: float
    p90: float
    within_10: float
    within_20: float
    spearman: float
    kendall: float
    noise: float
    band: float
    interval_80: tuple[float, float]
    families: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    macs_only_mape: float = float("nan")


@dataclass(frozen=True)
class Domain:
    """What the fit has seen: outside it a prediction is a guess.

    Attributes:
        ranges: quantity -> (least, most) over the networks of the fit.
        calls: aten calls of theirs that move, pool or resize.
    """

    ranges: Mapping[str, tuple[float, float]]
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """A device's prices and where they come from.

    Attributes:
        name: full, versioned name.
        kind: one of ``KINDS``.
        metric: one of ``METRICS``.
        hardware: class of `priors.HARDWARE` whose prior the fit took; empty where none was.
        coefficients: of `roofline.COEFFICIENTS`; of a table they predict the blocks that it lacks.
        resolution_px: least and most of the images that it was made with, by their pixels; (0, 0) is any.
        limits: cost -> most; budgets by default.
    """

    name: str
    kind: str = field(metadata={"among": KINDS})
    description: str
    source: str
    conditions: Conditions
    coefficients: Mapping[str, float] = field(metadata={"keys": lambda: COEFFICIENTS, "least": 0})
    resolution_px: tuple[Resolution, Resolution] = field(metadata={"resolutions": True})
    metric: str = field(default="latency", metadata={"among": METRICS})
    hardware: str = field(default="", metadata={"among": HARDWARE})
    rows: Rows | None = None
    table: TableSummary | None = None
    calibration: Calibration | None = None
    prediction: Prediction | None = None
    error: Error | None = None
    domain: Domain | None = None
    limits: Mapping[str, float] = field(
        default_factory=dict, metadata={"keys": limited_costs, "quantities": True, "least": 1}
    )


SECTIONS = ("rows", "table", "calibration", "prediction", "error", "domain", "limits")  # may be left out


def save_profile(profile: Profile, path: str | Path) -> None:
    """Write the YAML file."""
    data = {"format": FORMAT, **_plain(asdict(profile))}
    data["resolution_px"] = tuple(map(as_scalar, profile.resolution_px))
    for section in (*SECTIONS, "hardware"):
        if not data[section]:
            del data[section]
    if profile.error is not None and math.isnan(profile.error.macs_only_mape):
        del data["error"]["macs_only_mape"]
    for section, name in (("error", "families"), ("domain", "ranges")):
        if name in data.get(section, {}):
            data[section][name] = {key: tuple(pair) for key, pair in data[section][name].items()}
    if not data.get("table", {}).get("digest", True):
        del data["table"]["digest"]
    for section in ("rows", "calibration"):
        if section in data:
            data[section] = FlowDict(data[section])
    atomic_write_text(path, dump_yaml(data))


def _plain(value: Any) -> Any:
    """Floats to five significant digits: people read profiles, and no figure in one is better than that."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value
