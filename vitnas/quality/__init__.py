"""What a search maximises; `Quality` is the base class of plug-ins."""

from __future__ import annotations

from vitnas.arch.schema import Architecture
from vitnas.cost.table import CostTable
from vitnas.quality.base import Details, FitContext, Quality, Record
from vitnas.space.activity import Genomes

__all__ = ["Architecture", "CostTable", "Details", "FitContext", "Genomes", "Quality", "Record"]
