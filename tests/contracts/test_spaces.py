"""Our spaces keep the contract of `vitnas.testing`, and leave room around published networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vitnas import plugins
from vitnas.space.files import load_space
from vitnas.testing import SpaceContract

SPACES = sorted(plugins.list_data("search_spaces"))


class TestSpaces(SpaceContract):
    resolution_px = 96

    @pytest.fixture(autouse=True, params=SPACES)
    def _each(self, request: Any) -> None:
        self.space = request.param


@pytest.mark.parametrize("name", SPACES)
def test_published_networks_are_inside_with_room(name: str) -> None:
    space = load_space(name)
    if space.references:
        genomes = np.array([r.genome for r in space.references.values()])
        widths = [k for k, gene in enumerate(space.genes) if gene.name.endswith("width")]
        low, high = genomes[:, widths].min(axis=0), genomes[:, widths].max(axis=0)
        assert (low > 0).all(), "room below the narrowest published network"
        assert (high < space.cardinalities[widths] - 1).all(), "and above the widest"
