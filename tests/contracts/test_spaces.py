"""What every space must hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.cost.pricer import price_architecture
from vitnas.space.files import load_architecture, load_space

SPACES = sorted(plugins.list_data("search_spaces"))


@pytest.fixture(scope="module", params=SPACES)
def space(request):
    return load_space(request.param)


def test_says_what_it_is(space):
    assert space.name in SPACES
    assert space.description and "\n" not in space.description
    assert space.size > 1


def test_samples_build_and_round_trip(space):
    for genome in space.sample(3, np.random.default_rng(0)):
        architecture = space.decode(genome)
        assert (space.encode(architecture) == genome).all()
        assert Architecture.from_dict(architecture.to_dict()).id == architecture.id
        with torch.device("meta"):
            build(architecture)


def test_extreme_architectures_build(space):
    lowest = space.canonical(np.zeros((1, len(space.genes)), np.uint8))[0]
    highest = space.canonical((space.cardinalities - 1).astype(np.uint8)[None])[0]
    assert (
        price_architecture(space.decode(lowest))["params"]
        < price_architecture(space.decode(highest))["params"]
    )


def test_published_networks_are_inside_with_room(space):
    for name, reference in space.references.items():
        assert load_architecture(f"{space.name}:{name}").id == reference.architecture.id
        assert reference.facts["source"]
        assert price_architecture(reference.architecture)["params"] == reference.facts["params"]
    if space.references:
        genomes = np.array([r.genome for r in space.references.values()])
        widths = [k for k, gene in enumerate(space.genes) if gene.name.endswith("width")]
        assert (genomes[:, widths].min(axis=0) > 0).all(), "room below the narrowest published network"
        assert (genomes[:, widths].max(axis=0) < space.cardinalities[widths] - 1).all(), (
            "and above the widest"
        )


def test_other_resolutions_classes_and_channels(space):
    import vitnas

    genome = space.sample(1, np.random.default_rng(1))[0]
    model = vitnas.create_model(space.decode(genome), num_classes=7, resolution_px=96, in_channels=1).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 1, 96, 96)).shape == (2, 7)
