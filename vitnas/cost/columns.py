"""Costs of many networks: a column for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.figures import figure_of

Plain = dict[str, float | int | None]  # figure -> value of one network; None: unknown


@dataclass(frozen=True)
class Costs:
    """Costs of n candidates.

    Attributes:
        columns: figure -> values (n,), under the names of `priced.Figures`: counts of one image,
            times (``latency_ms`` is nan without a device that holds it), and what depends on the call (with
            float32 without a device).
    """

    columns: Mapping[str, NDArray[np.float64]]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def rows(self, index: Any) -> Costs:
        """The costs of some candidates."""
        return Costs({name: values[index] for name, values in self.columns.items()})

    def row(self, position: int) -> Plain:
        """One candidate's costs as plain numbers; a time that is unknown is None."""
        return self.rows(slice(position, position + 1)).plain()[0]

    def plain(self) -> list[Plain]:
        """``row`` of each candidate."""
        return plain_rows(self.columns)


def plain_rows(columns: Mapping[str, NDArray[np.float64]]) -> list[Plain]:
    """Columns (n,) as a row for each network: times as floats (None if unknown), the rest whole."""
    plain: list[list[float | int | None]] = [
        np.rint(values).astype(np.int64).tolist()
        if figure_of(name).whole
        else [None if value != value else value for value in values.tolist()]
        for name, values in columns.items()
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]
