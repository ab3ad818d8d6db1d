"""Signals of a network that need images but no labels: short self-supervised trainings and their features."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.quality.measure import run_proxies
from vitnas.quality.proxies.expressivity import Expressivity, spectral_entropy
from vitnas.quality.proxies.feature_entropy import FeatureEntropy
from vitnas.quality.proxies.naswot import Naswot
from vitnas.quality.proxies.swap import Swap
from vitnas.quality.proxies.token_entropy import TokenEntropy
from vitnas.quality.proxies.trainability import as_map

PROXIES = {
    "token_entropy": TokenEntropy,
    "feature_entropy": FeatureEntropy,
    "expressivity": Expressivity,
    "naswot": Naswot,
    "swap": Swap,
}
INIT = "init"
HELD_OUT = 32  # images that no step sees
TEMPERATURE = 0.2  # of the contrastive loss


@dataclass(frozen=True)
class Budget:
    """How long and on what every network trains.

    Attributes:
        side_px: of the images; patches keep their size, so a small side means few tokens.
        steps: of each task.
        batch: images a step.
        rate: of Adam, constant.
    """

    side_px: int
    steps: int
    batch: int
    rate: float


def measure_signals(
    architecture: Architecture, images: Tensor, tasks: list[str], budget: Budget, seed: int
) -> dict[str, float]:
    """Signals of one network, oriented so that higher should be better.

    Args:
        architecture: at the budget's resolution.
        images: (N, C, H, W); the last ``HELD_OUT`` are only looked at.
        tasks: names in ``TASKS``, each of which trains a network of its own from the same weights, and
            "init": the untrained network.
        budget: steps and sizes.
        seed: of weights, order of the images, masks and heads: the same for every network.
    """
    seen, held = images[:-HELD_OUT], images[-HELD_OUT:]
    found: dict[str, float] = {}
    for task in tasks:
        torch.manual_seed(seed)
        network = build(architecture).train()
        if task == INIT:
            found |= {f"{INIT}.{name}": value for name, value in statistics(network, held).items()}
            proxies = {name: proxy() for name, proxy in PROXIES.items()}
            scores = run_proxies(network, proxies, held, torch.zeros(len(held)).long()).scores
            found |= {f"real.{name}": value for name, value in scores.items()}
            continue
        losses, after = train(network, TASKS[task], seen, held, budget, seed)
        last = max(1, len(losses) // 5)
        found[f"{task}.last"] = -sum(losses[-last:]) / last
        found[f"{task}.area"] = -sum(losses) / len(losses)
        found[f"{task}.drop"] = losses[0] - sum(losses[-last:]) / last
        found[f"{task}.held_out"] = -after
        found |= {f"{task}.{name}": value for name, value in statistics(network, held).items()}
    return found


class Learner:
    """A network with the linear layers that its task puts on the features.

    Attributes:
        side: places along a side of the last stage's features.
    """

    def __init__(self, network: Network, images: Tensor) -> None:
        self.network = network
        self.heads: dict[int, nn.Linear] = {}
        with torch.no_grad():
            self.side = places(network, images[:1]).shape[1]

    def head(self, features: Tensor, outputs: int) -> Tensor:
        """(..., C) to (..., outputs) by a linear layer, made when first asked for."""
        if outputs not in self.heads:
            self.heads[outputs] = nn.Linear(features.shape[-1], outputs)
        y: Tensor = self.heads[outputs](features)
        return y

    def parameters(self) -> list[nn.Parameter]:
        """Of the network and the heads."""
        heads = [parameter for head in self.heads.values() for parameter in head.parameters()]
        return [*self.network.parameters(), *heads]


Task = Callable[[Learner, Tensor], Tensor]


def train(
    network: Network, task: Task, seen: Tensor, held: Tensor, budget: Budget, seed: int
) -> tuple[list[float], float]:
    """Losses of the steps, and the loss of held-out images after them."""
    learner = Learner(network, seen)
    torch.manual_seed(seed + 1)
    with torch.no_grad():
        task(learner, seen[:2])  # makes the heads
    optimizer = torch.optim.Adam(learner.parameters(), lr=budget.rate)
    torch.manual_seed(seed + 2)
    order = torch.cat(
        [torch.randperm(len(seen)) for _ in range(budget.steps * budget.batch // len(seen) + 1)]
    )
    losses = []
    for step in range(budget.steps):
        batch = seen[order[step * budget.batch : (step + 1) * budget.batch]]
        torch.manual_seed(seed + 3 + step)  # what is drawn is the same for all networks
        loss = task(learner, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    torch.manual_seed(seed)
    with torch.no_grad():
        after = float(task(learner, held))
    return losses, after


def places(network: Network, images: Tensor) -> Tensor:
    """Normalised features (B, g, g, C) of the last stage, without extra tokens."""
    features = as_map(network.forward_features(images)).permute(0, 2, 3, 1)
    return F.layer_norm(features, features.shape[-1:])


def cells(images: Tensor, side: int) -> Tensor:
    """Cut (B, C, H, W) into side x side cells: (B, side * side, C * h * w)."""
    size = images.shape[-1] // side
    return F.unfold(images, size, stride=size).transpose(1, 2)


def joined(parts: Tensor, images: Tensor, side: int) -> Tensor:
    """Undo ``cells``."""
    size = images.shape[-1] // side
    return F.fold(parts.transpose(1, 2), images.shape[-2:], size, stride=size)


def rotation(learner: Learner, images: Tensor) -> Tensor:
    """Which of four rotations (Gidaris et al., arXiv 1803.07728)."""
    turns = torch.randint(4, (len(images),))
    turned = torch.stack([image.rot90(int(k), (1, 2)) for image, k in zip(images, turns, strict=True)])
    pooled = places(learner.network, turned).mean(dim=(1, 2))
    return F.cross_entropy(learner.head(pooled, 4), turns)


def jigsaw(learner: Learner, images: Tensor) -> Tensor:
    """From which place in the image each cell was taken (Noroozi and Favaro, arXiv 1603.09246)."""
    side = learner.side
    order = torch.stack([torch.randperm(side * side) for _ in images])  # (B, places)
    parts = cells(images, side)
    shuffled = parts.gather(1, order[..., None].expand_as(parts))
    features = places(learner.network, joined(shuffled, images, side)).flatten(1, 2)
    return F.cross_entropy(learner.head(features, side * side).flatten(0, 1), order.flatten())


def masked(learner: Learner, images: Tensor) -> Tensor:
    """Pixels of half of the cells from the others (He et al., arXiv 2111.06377, without its decoder)."""
    side = learner.side
    parts = cells(images, side)
    hidden = torch.rand(parts.shape[:2]) < 0.5
    features = places(learner.network, joined(parts.masked_fill(hidden[..., None], 0), images, side)).flatten(
        1, 2
    )
    guessed = learner.head(features, parts.shape[-1])
    return F.mse_loss(guessed[hidden], parts[hidden])


def denoising(learner: Learner, images: Tensor) -> Tensor:
    """Clean pixels from noisy ones, noise as large as the image."""
    side = learner.side
    features = places(learner.network, images + torch.randn_like(images)).flatten(1, 2)
    clean = cells(images, side)
    return F.mse_loss(learner.head(features, clean.shape[-1]), clean)


def views(learner: Learner, images: Tensor) -> Tensor:
    """Which two views are of one image (SimCLR, Chen et al., arXiv 2002.05709, a linear projection)."""
    both = torch.cat([augmented(images), augmented(images)])
    pooled = places(learner.network, both).mean(dim=(1, 2))
    z = F.normalize(learner.head(pooled, 64), dim=-1)
    likeness = (z @ z.T / TEMPERATURE).masked_fill(torch.eye(len(z), dtype=torch.bool), -math.inf)
    partner = torch.arange(len(z)).roll(len(images))
    return F.cross_entropy(likeness, partner)


TASKS: dict[str, Task] = {
    "rotation": rotation,
    "jigsaw": jigsaw,
    "masked": masked,
    "denoising": denoising,
    "views": views,
}


def augmented(images: Tensor) -> Tensor:
    """A random crop of three quarters of the side, mirrored or not, contrast and brightness changed."""
    side = images.shape[-1]
    size = side * 3 // 4
    made = []
    for image in images:
        y, x = (int(k) for k in torch.randint(side - size + 1, (2,)))
        crop = image[:, y : y + size, x : x + size]
        if torch.rand(()) < 0.5:
            crop = crop.flip(2)
        contrast, brightness = torch.rand(2)
        made.append(crop * (0.6 + 0.8 * contrast) + (brightness - 0.5))
    return F.interpolate(torch.stack(made), size=(side, side), mode="bilinear")


@torch.no_grad()
def statistics(network: Network, images: Tensor) -> dict[str, float]:
    """What features say of images: their spread over directions, and whether views of one image are alike."""
    torch.manual_seed(0)
    first, second = places(network, images), places(network, augmented(images))
    one, two = (F.normalize(f.mean(dim=(1, 2)) - f.mean(dim=(0, 1, 2)), dim=-1) for f in (first, second))
    likeness = one @ two.T
    n = len(images)
    same = likeness.diagonal().mean()
    others = (likeness.sum() - likeness.diagonal().sum()) / (n * (n - 1))
    pixels = F.adaptive_avg_pool2d(images, first.shape[1]).flatten(1)
    return {
        "image_rank": spectral_entropy(first.mean(dim=(1, 2))),
        "token_rank": spectral_entropy(first.flatten(0, 2)),
        "views_alike": float(same - others),
        "from_pixels": -cka(pixels, first.mean(dim=(1, 2))),
    }


def cka(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment of (n, p) and (n, q) (Kornblith et al., arXiv 1905.00414)."""
    a, b = (x.double() - x.double().mean(dim=0) for x in (a, b))
    return float((a.T @ b).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm()))
