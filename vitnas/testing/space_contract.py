"""What every search space must hold."""

from __future__ import annotations

from functools import cached_property
from unittest import SkipTest

import numpy as np
import torch

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.cost.pricer import price_architecture
from vitnas.cost.table import CostTable
from vitnas.formats.resolution import Resolution
from vitnas.models import create_model
from vitnas.space.files import load_architecture, load_space
from vitnas.space.space import Space


class SpaceContract:
    """Every architecture of a space can be built, priced and found again; its published networks lie in it.

    Attributes:
        space: name or file.
        resolution_px: side of the images of `test_another_number_of_classes`; None for the space's own.
        samples: architectures that are tried.
    """

    space: str
    resolution_px: Resolution | None = None
    samples: int = 3

    @cached_property
    def loaded(self) -> Space:
        """The space."""
        return load_space(self.space)

    def test_can_be_loaded(self) -> None:
        """Its file says a space."""
        assert isinstance(self.loaded, Space)

    def test_says_what_it_is(self) -> None:
        """The list prints its name and a line about it."""
        space = self.loaded
        assert self.space in (space.name, f"{space.name}.yaml") or self.space.endswith(
            f"/{space.name}.yaml"
        ), f"its name is '{space.name}', but its file has another: nobody finds SPACE:NETWORK by its name"
        assert space.description, "it has no description"
        assert "\n" not in space.description, "its description is more than a line"

    def test_leaves_something_open(self) -> None:
        """A space without a choice is an architecture."""
        assert self.loaded.size > 1, "it holds one architecture: nothing in it is a choice or a range"

    def test_every_choice_can_be_built_and_priced(self) -> None:
        """Every block that can stand in any place, with all its arguments."""
        table = CostTable.cached(self.loaded)
        costs = table.price(self.loaded.sample(1000, np.random.default_rng(0)))
        assert (costs["params"] > 0).all(), "some of its networks have no parameters"

    def test_samples_build_and_round_trip(self) -> None:
        """A genome becomes an architecture, a file, and the same genome again."""
        space = self.loaded
        for genome in space.sample(self.samples, np.random.default_rng(0)):
            architecture = space.decode(genome)
            assert (space.encode(architecture) == genome).all(), f"{genome.tolist()} is encoded as another"
            assert Architecture.from_dict(architecture.to_dict()).id == architecture.id
            with torch.device("meta"):
                build(architecture)

    def test_choices_go_from_small_to_large(self) -> None:
        """Strategies step to the next choice of a gene."""
        for gene in self.loaded.genes:
            numbers = [c for c in gene.choices if isinstance(c, int | float)]
            in_order = len(numbers) < len(gene.choices) or numbers == sorted(numbers)
            assert in_order, f"the choices of '{gene.name}' are {numbers}: list them from small to large"

    def test_extreme_architectures_build(self) -> None:
        """The first choices of all genes give a smaller network than the last ones."""
        space = self.loaded
        last = (space.cardinalities - 1).astype(np.uint8)
        lowest, highest = space.canonical(np.stack([np.zeros_like(last), last]))
        small, large = (price_architecture(space.decode(g))["params"] for g in (lowest, highest))
        problem = f"the first choices of all genes give {small} parameters, the last ones {large}"
        assert small is not None and large is not None and small < large, problem

    def test_published_networks_are_what_their_sources_say(self) -> None:
        """A published network has a source, and the parameters that it gives."""
        if not self.loaded.references:
            raise SkipTest("it has no published networks ('references')")
        for name, reference in self.loaded.references.items():
            again = load_architecture(f"{self.loaded.name}:{name}")
            assert again.id == reference.architecture.id, (
                f"{name} is another network when it is loaded by name"
            )
            assert reference.facts.get("source"), f"{name} has no 'source'"
            params = price_architecture(reference.architecture)["params"]
            published = reference.facts.get("params", params)
            assert params == published, f"{name} has {params} parameters, its source says {published}"

    def test_another_number_of_classes(self) -> None:
        """Networks can be built for other data: classes, image channels, resolution."""
        space = self.loaded
        architecture = space.decode(space.sample(1, np.random.default_rng(1))[0])
        architecture = architecture.at_resolution(self.resolution_px or architecture.resolution_px)
        model = create_model(architecture, num_classes=7, in_channels=1).eval()
        with torch.no_grad():
            shape = tuple(model(torch.randn(2, 1, *architecture.image.map_px)).shape)
        assert shape == (2, 7), f"for 7 classes and 2 images it gives {shape}"
