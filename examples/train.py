"""Train a network that vitnas found, in plain PyTorch: copy this file and change what you like.

    python examples/train.py best.yaml --data cifar10_jpeg.npz --resolution-px 64 --epochs 30
    python examples/train.py efficientformer:s0 --data FOLDER --batch 256 --epochs 300

FOLDER holds CLASS/*.jpg, or train/CLASS/*.jpg, val/CLASS/*.jpg and perhaps test/CLASS/*.jpg; the npz file
JPEGs end to end (jpeg_train, offset_train, y_train, ...), the last 5,000 of them for validation. Learning
rate, weight decay, warm-up, stochastic depth and progressive tokens come from the file's `recipe`. The same
--out goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch import Tensor, nn

import vitnas

VALIDATION = 5000
RECIPE = {"learning_rate": 1e-3, "learning_rate_batch": 1024, "weight_decay": 0.025, "warmup_epochs": 5}
Split = tuple[list[Any], Tensor]  # paths or bytes of image files, labels (N,)


def from_npz(path: str) -> tuple[dict[str, Split], int]:
    """Splits of a file of JPEGs, and the number of classes."""
    data, splits = np.load(path), {}
    for name in ("train", "test"):
        files = [f.tobytes() for f in np.split(data[f"jpeg_{name}"], data[f"offset_{name}"][1:-1])]
        splits[name] = files, torch.from_numpy(data[f"y_{name}"]).long()
    files, labels = splits["train"]
    first = len(labels) - min(VALIDATION, len(labels) // 10)
    splits |= {"train": (files[:first], labels[:first]), "val": (files[first:], labels[first:])}
    return splits, len(data["classes"])


def from_folder(path: str) -> tuple[dict[str, Split], int]:
    """Splits of an image folder, and the number of classes; without train/ a tenth is held out."""
    root = Path(path)
    top = root / "train" if (root / "train").is_dir() else root
    classes = sorted(f.name for f in top.iterdir() if f.is_dir())

    def split(folder: Path) -> Split:
        found = [(file, k) for k, c in enumerate(classes) for file in sorted(Path(folder, c).glob("*.*"))]
        return [file for file, _ in found], torch.tensor([k for _, k in found])

    if top != root:
        return {name: split(root / name) for name in ("train", "val", "test")}, len(classes)
    files, labels = split(root)
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(0))
    parts = {"val": order[: len(files) // 10], "train": order[len(files) // 10 :]}
    return {n: ([files[i] for i in part.tolist()], labels[part]) for n, part in parts.items()}, len(classes)


class Batches:
    """Square images of a split, (B, 3, side, side), with mean 0 and deviation 1 or so."""

    def __init__(self, split: Split, side_px: int, device: str) -> None:
        self.files, self.labels = split
        self.side_px, self.device, self.pool = side_px, device, ThreadPoolExecutor()

    def _pixels(self, i: int) -> Tensor:
        file = self.files[i]
        image = Image.open(io.BytesIO(file) if isinstance(file, bytes) else file).convert("RGB")
        square = ImageOps.fit(image, (self.side_px, self.side_px), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(square)).permute(2, 0, 1)

    def read(self, numbers: Tensor, *, augment: bool = False) -> tuple[Tensor, Tensor]:
        """Images and labels (B,); to augment is to shift by up to an eighth and to flip half of them."""
        pixels = torch.stack(list(self.pool.map(self._pixels, numbers.tolist())))
        x = (pixels.to(self.device).float() - 120) / 64
        if augment:
            pad, side = self.side_px // 8, self.side_px
            dy, dx = torch.randint(0, 2 * pad + 1, (2,)).tolist()
            x = F.pad(x, (pad,) * 4)[..., dy : dy + side, dx : dx + side]
            x = torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x.flip(-1), x)
        return x, self.labels[numbers].to(self.device)


@torch.no_grad()
def accuracy(model: nn.Module, batches: Batches, batch: int) -> float:
    """Per cent of right answers."""
    right = 0
    for numbers in torch.split(torch.arange(len(batches.labels)), batch):
        x, y = batches.read(numbers)
        right += int((model.eval()(x).argmax(1) == y).sum())
    return 100 * right / len(batches.labels)


def train(
    model: vitnas.Network,
    tokens: vitnas.ProgressiveTokens,
    splits: dict[str, Split],
    recipe: dict[str, Any],
    o: argparse.Namespace,
) -> None:
    """Up to ``o.steps`` steps; writes weights and a checkpoint after each epoch and at the end."""
    rate = (o.learning_rate or recipe["learning_rate"]) * o.batch / recipe["learning_rate_batch"]
    optimizer = torch.optim.AdamW(model.parameter_groups(recipe["weight_decay"]), rate)
    images, val = (Batches(splits[name], o.resolution_px, o.device) for name in ("train", "val"))
    each = max(len(images.labels) // o.batch, 1)
    total, step, checkpoint = o.epochs * each, 0, o.out / "checkpoint.pt"
    warmup, last = min(recipe["warmup_epochs"] * each, total // 10), min(o.steps, total)
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=o.device, weights_only=True)
        tokens.update(model, saved["progress"], optimizer)  # the tables have the sizes that were saved
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    while step < last:
        epoch, k = divmod(step, each)
        progress = step / total
        if tokens.update(model, progress, optimizer):
            print(f"step {step}/{total}  tokens: stride x{tokens.schedule.phase_at(progress).stride}")
        torch.manual_seed(o.seed + epoch)  # a resumed run draws what an uninterrupted one would have drawn
        order = torch.randperm(len(images.labels))
        torch.manual_seed(o.seed + step)
        x, y = images.read(order[k * o.batch : (k + 1) * o.batch], augment=True)
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / total)
        for group in optimizer.param_groups:
            group["lr"] = rate * min((step + 1) / (warmup + 1), cosine)
        loss = F.cross_entropy(model.train()(x), y, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        if step == total:
            tokens.update(model, 1.0, optimizer)  # what is kept in the end takes all tokens
        if step % 50 == 0:
            print(f"step {step}/{total}  loss {loss.item():.3f}", flush=True)
        if step % each == 0 or step == last:
            print(f"step {step}/{total}  validation {accuracy(model, val, o.batch):.2f} %", flush=True)
            weights = model.state_dict()
            save_file(weights, o.out / "weights.safetensors")
            saved = {"model": weights, "optimizer": optimizer.state_dict(), "step": step}
            torch.save(saved | {"progress": progress if step < total else 1.0}, checkpoint)


def main() -> None:
    """Read the command line, build the network, train it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("file", help="an architecture's file, or a published network (SPACE:NAME)")
    add("--data", required=True, help="npz file or folder")
    add("--resolution-px", type=int, help="a multiple of 32 [default: the file's]")
    add("--epochs", type=int, default=30)
    add("--batch", type=int, default=128)
    add("--learning-rate", type=float, help="at the recipe's batch [default: the recipe's]")
    add("--tokens", help="progressive, as UNTIL:STRIDE,...: 0.3:4,0.6:2; or none [default: the recipe's]")
    add("--steps", type=int, default=10**9, help="stop after so many steps in all")
    add("--out", type=Path, default=Path("trained"), help="folder of weights and checkpoint")
    add("--seed", type=int, default=0)
    add("--test", action="store_true", help="measure on the test split: once, at the very end")
    o = parser.parse_args()
    o.device = "cuda" if torch.cuda.is_available() else "cpu"
    splits, classes = (from_npz if o.data.endswith(".npz") else from_folder)(o.data)
    plan = vitnas.load_architecture(o.file)
    o.resolution_px = o.resolution_px or plan.resolution_px
    recipe = RECIPE | plan.metadata.get("recipe", {})
    torch.manual_seed(o.seed)
    plan = dataclasses.replace(plan, classes=classes, resolution_px=o.resolution_px)
    schedule = vitnas.TokenSchedule.from_recipe(recipe)
    schedule = vitnas.TokenSchedule.parse(o.tokens) if o.tokens else schedule
    tokens = vitnas.ProgressiveTokens(plan, schedule)
    if schedule.phases:
        print(schedule.describe(plan), flush=True)
    model = vitnas.create_model(plan, drop_path_rate=recipe.get("drop_path_rate", 0.0))
    o.out.mkdir(parents=True, exist_ok=True)
    train(model.to(o.device), tokens, splits, recipe, o)
    if o.test:
        print(f"test {accuracy(model, Batches(splits['test'], o.resolution_px, o.device), o.batch):.2f} %")


if __name__ == "__main__":
    main()
