"""Strategies, one file each, and what a strategy's file needs."""

from __future__ import annotations

from vitnas.searching.archive import Archive, SeenKeys, first_of_each
from vitnas.searching.pareto import crowding, ranks
from vitnas.searching.problem import Batch, Problem
from vitnas.searching.rounds import State
from vitnas.searching.strategy import Option, Strategy, failed, restore_rng, rng_state
from vitnas.searching.variation import Moves, is_ordered
from vitnas.space.activity import Genomes

__all__ = [
    "Archive",
    "Batch",
    "Genomes",
    "Moves",
    "Option",
    "Problem",
    "SeenKeys",
    "State",
    "Strategy",
    "crowding",
    "failed",
    "first_of_each",
    "is_ordered",
    "ranks",
    "restore_rng",
    "rng_state",
]
