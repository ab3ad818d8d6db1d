"""A brief training: AdamW, cosine, warm-up, a checkpoint after each epoch; repeatable on a CPU."""

from __future__ import annotations

import dataclasses
import io
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidInput
from vitnas.store.disk import atomic_write_parts, reported

if TYPE_CHECKING:
    from vitnas.quality.data.decoded import Decoded

RECIPE = {
    "learning_rate": 1e-3,
    "learning_rate_batch": 1024,
    "weight_decay": 0.025,
    "warmup_epochs": 5,
    "drop_path_rate": 0.0,
}
LABEL_SMOOTHING = 0.1
CHECKPOINT = "checkpoint.pt"
LAYOUT = torch.channels_last  # of maps: convolutions of 3x3 and 1x1 take half to two thirds of the time


@dataclass(frozen=True)
class BriefSettings:
    """How long and how to train.

    Attributes:
        epochs: the schedule is made for.
        batch: images a step.
        images: of an epoch, drawn anew for each; None for all.
        learning_rate: at the recipe's batch, scaled linearly to this one; None for the recipe's.
        seed: of weights, order and augmentation.
        device: "cpu", "cuda" or "cuda:1".
        threads: of a training on a CPU; another number gives other last digits.
    """

    epochs: int
    batch: int = 128
    learning_rate: float | None = None
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    images: int | None = None


class NotFinite(ArithmeticError):
    """A training whose loss is no number any more."""


def recipe_of_training(recipe: Mapping[str, Any]) -> tuple[dict[str, float], tuple[str, ...]]:
    """The settings of a recipe that a brief training follows, and the names of those that it does not.

    Raises:
        InvalidInput: one of them is no number.
    """
    settings: dict[str, float] = dict(RECIPE)
    for name in RECIPE:
        value = recipe.get(name, RECIPE[name])
        least_excluded = name in ("learning_rate", "learning_rate_batch")
        wrong = isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
        if wrong or value < 0 or (least_excluded and value == 0):
            raise InvalidInput(
                f"recipe.{name}: expected a number{' above 0' * least_excluded}, got {value!r}"
            )
        settings[name] = value
    same = {"optimizer": "adamw", "schedule": "cosine"}
    known = {*RECIPE, "epochs", "batch"}
    ignored = [name for name, value in recipe.items() if name not in known and same.get(name) != value]
    return settings, tuple(ignored)


def train_briefly(
    architecture: Architecture,
    data: Decoded,
    settings: BriefSettings,
    recipe: Mapping[str, Any],
    folder: Path | None = None,
    report: Callable[[int, float], None] = lambda epoch, accuracy: None,
) -> list[float]:
    """Train a network with fresh weights; go on from the folder's checkpoint if there is one.

    Args:
        architecture: at the resolution of the images; its head gets as many classes as they have.
        data: to train on, and to validate with.
        settings: how.
        recipe: of the architecture's space; see `recipe_of_training`.
        folder: for a checkpoint after each epoch; None keeps none.
        report: called with each epoch's number (from 1) and validation accuracy (%) once its checkpoint is
            written; first with those of the checkpoint. It may raise to end the training.

    Returns:
        validation accuracy (%) after each epoch.

    Raises:
        NotFinite: the loss is infinite or no number; says when.
        RunError: a checkpoint cannot be written.
        InvalidArchitecture: the network cannot be built at this resolution.
    """
    if settings.device == "cpu":
        torch.set_num_threads(settings.threads)
    training = _Training(architecture, data, settings, recipe)
    file = folder / CHECKPOINT if folder is not None else None
    if file is not None:
        training.load(file)
    for epoch, accuracy in enumerate(training.accuracies, start=1):
        report(epoch, accuracy)
    while len(training.accuracies) < settings.epochs:
        training.run_epoch()
        if file is not None:
            training.save(file)
        report(len(training.accuracies), training.accuracies[-1])
    return training.accuracies


def step_seconds(
    architecture: Architecture,
    data: Decoded,
    settings: BriefSettings,
    recipe: Mapping[str, Any],
    steps: int = 3,
) -> float:
    """What a step takes here and now, as an estimate."""
    torch.set_num_threads(settings.threads)
    training = _Training(architecture, data, settings, recipe)
    return training.time_steps(steps)


class _Training:
    """A network on its way; everything in an epoch follows from the seed and the epoch's number."""

    def __init__(
        self,
        architecture: Architecture,
        data: Decoded,
        settings: BriefSettings,
        recipe: Mapping[str, Any],
    ) -> None:
        used, _ = recipe_of_training(recipe)
        self.data = data
        self.settings = settings
        self.device = torch.device(settings.device)
        images = min(settings.images or len(data.train_labels), len(data.train_labels))
        self.steps = max(images // settings.batch, 1)  # an epoch leaves the last few out
        self.rate = (settings.learning_rate or used["learning_rate"]) * settings.batch
        self.rate /= used["learning_rate_batch"]
        self.warmup = min(used["warmup_epochs"] * self.steps, settings.epochs * self.steps // 10)
        self.accuracies: list[float] = []
        torch.manual_seed(settings.seed)
        closed = dataclasses.replace(architecture, classes=data.classes)
        model = build(closed, drop_path_rate=used["drop_path_rate"])
        model.set_distilled_training(model.distilled)  # the second one would learn from a teacher
        self.model = model.to(self.device, memory_format=LAYOUT)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(model.parameter_groups(used["weight_decay"]), lr=self.rate)
        shape = (1, -1, 1, 1)
        self.mean = torch.from_numpy(data.mean).reshape(shape).to(self.device)
        self.spread = torch.from_numpy(data.spread).reshape(shape).to(self.device)

    def run_epoch(self) -> None:
        """The epoch's training images once, then the validation accuracy."""
        epoch, s = len(self.accuracies), self.settings
        torch.manual_seed(s.seed * 100_003 + epoch + 1)
        order = torch.randperm(len(self.data.train_labels))
        self.model.train()
        for k in range(self.steps):
            x, y = self._batch(order[k * s.batch : (k + 1) * s.batch].numpy())
            self._step(_augmented(x), y, epoch * self.steps + k)
        self.accuracies.append(self._accuracy())

    def time_steps(self, steps: int) -> float:
        """Mean seconds of a step, after a first one."""
        numbers = np.arange(min(self.settings.batch, len(self.data.train_labels)))
        self.model.train()
        started = 0.0
        for step in range(-1, steps):
            if step == 0:
                started = time.perf_counter()
            x, y = self._batch(numbers)
            self._step(_augmented(x), y, max(step, 0))
        return (time.perf_counter() - started) / steps

    def _step(self, x: Tensor, y: Tensor, step: int) -> None:
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / (self.steps * self.settings.epochs))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * min((step + 1) / (self.warmup + 1), cosine)
        out = self.model(x)
        heads = out if isinstance(out, tuple) else (out,)
        loss = torch.stack(
            [F.cross_entropy(head, y, label_smoothing=LABEL_SMOOTHING) for head in heads]
        ).mean()
        value = loss.item()
        if not math.isfinite(value):
            epoch, k = divmod(step, self.steps)
            raise NotFinite(f"the loss is {value} in step {k + 1} of epoch {epoch + 1}")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _batch(self, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Training images with mean 0 and deviation 1 (B, C, H, W), and labels (B,)."""
        numbers = np.sort(numbers)  # files are read forwards
        x = torch.from_numpy(self.data.train[numbers])
        y = torch.from_numpy(self.data.train_labels[numbers])
        return self._normalised(x), y.to(self.device)

    def _normalised(self, x: Tensor) -> Tensor:
        x = (x.to(self.device).float() - self.mean) / self.spread
        return x.contiguous(memory_format=LAYOUT)

    @torch.no_grad()
    def _accuracy(self) -> float:
        """Per cent of right answers on the validation images."""
        right = 0
        self.model.eval()
        for x, y in _slices(self.data, max(self.settings.batch, 256)):
            right += int((self.model(self._normalised(x)).argmax(1) == y.to(self.device)).sum())
        return 100 * right / len(self.data.validation_labels)

    def save(self, file: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        encoded = io.BytesIO()
        parts = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**parts, "accuracies": self.accuracies}, encoded)
        with reported(file, "write"):
            file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_parts(file, [encoded.getbuffer()])

    def load(self, file: Path) -> None:
        """Go on from a checkpoint, without pickled code; where nothing readable is, the training begins."""
        try:
            state = torch.load(file, map_location=self.device, weights_only=True)
        except Exception:  # a broken file fails in many ways
            return
        if not isinstance(state, dict):
            return
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except ValueError:  # an older version's, which let other parameters decay
            return
        self.model.load_state_dict(state["model"])
        self.accuracies = list(state["accuracies"])


def _augmented(x: Tensor) -> Tensor:
    """Images (B, C, H, W) shifted by up to an eighth of the shorter side, half of them flipped."""
    height, width = x.shape[-2:]
    pad = min(height, width) // 8
    dy, dx = torch.randint(0, 2 * pad + 1, (2,)).tolist()
    x = F.pad(x, (pad,) * 4)[..., dy : dy + height, dx : dx + width]
    flip = (torch.rand(len(x), 1, 1, 1) < 0.5).to(x.device)
    return torch.where(flip, x.flip(-1), x).contiguous(memory_format=LAYOUT)


def _slices(data: Decoded, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The validation images and their labels, in order."""
    for start in range(0, len(data.validation_labels), batch):
        numbers = slice(start, start + batch)
        labels = torch.from_numpy(data.validation_labels[numbers])
        yield torch.from_numpy(np.array(data.validation[numbers])), labels
