"""L-SWAG against its definition, one image at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vitnas.arch.network import Network, Stage
from vitnas.quality.proxies._passes import loss_of, run_proxies
from vitnas.quality.proxies.l_swag import LSwag, inverse_deviation


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Conv2d(4, 6, 1), nn.GELU(), nn.Conv2d(6, 4, 3, padding=1)

    def forward(self, x):
        return x + self.fc2(self.act(self.fc1(x)))


@pytest.fixture
def setting():
    torch.manual_seed(0)
    stages = [Stage(None, [Block(), Block()]), Stage(nn.Conv2d(4, 4, 2), [Block()])]
    head = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(4 * 9, 3))
    network = Network(nn.Conv2d(3, 4, 2, stride=2), stages, head)
    return network, torch.randn(5, 3, 8, 8), torch.randint(3, (5,))


def naive(network, images, labels, chosen):
    """Sum of logarithms over the chosen blocks, times the number of different rows of bits."""
    blocks = [block for stage in network.stages for block in stage.blocks][chosen]
    total, codes = 0.0, []
    for block in blocks:
        block.act.register_forward_pre_hook(lambda module, inputs: codes[-1].append(inputs[0] > 0))
    sizes: list[list[np.ndarray]] = [[] for _ in blocks]
    for image, label in zip(images, labels, strict=True):
        codes.append([])
        network.zero_grad()
        loss_of(network(image[None]), label[None]).backward()
        for kept, block in zip(sizes, blocks, strict=True):
            weights = (block.fc1.weight, block.fc2.weight)
            kept.append(np.concatenate([w.grad.abs().double().numpy().ravel() for w in weights]))
    for kept in sizes:
        spread = np.stack(kept).std(axis=0)
        total += math.log((1 / spread[spread > 0]).sum())
    bits = np.stack([torch.cat([code.flatten() for code in image]).numpy() for image in codes])
    return total * len({tuple(unit) for unit in bits.T})


@pytest.mark.parametrize(("start", "end", "chosen"), [(0.0, 1.0, slice(3)), (0.3, 0.7, slice(1, 2))])
def test_l_swag(setting, start, end, chosen):
    class Ranged(LSwag):
        pass

    Ranged.start, Ranged.end = start, end
    outcome = run_proxies(setting[0], {"it": Ranged()}, *setting[1:])
    assert outcome.scores["it"] == pytest.approx(naive(*setting, chosen), rel=1e-3)


def test_parts_of_layers_change_nothing(setting):
    class RowByRow(LSwag):
        part_elements = 1

    whole = run_proxies(setting[0], {"it": LSwag()}, *setting[1:]).scores["it"]
    parts = run_proxies(setting[0], {"it": RowByRow()}, *setting[1:]).scores["it"]
    assert parts == pytest.approx(whole, rel=1e-5)


def test_weights_whose_gradients_do_not_change_are_left_out():
    gradients = torch.randn(6, 50, 200)
    gradients[:, 3] = 0.5
    gradients[:, 4] = 0
    spread = gradients.double().abs().numpy().std(axis=0)
    expected = (1 / np.delete(spread, [3, 4], axis=0)).sum()
    assert inverse_deviation(gradients) == pytest.approx(expected, rel=1e-3)


def test_a_network_without_blocks():
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    outcome = run_proxies(network, {"it": LSwag()}, torch.randn(3, 3, 4, 4), torch.tensor([0, 1, 2]))
    assert "no blocks" in outcome.failures["it"]
