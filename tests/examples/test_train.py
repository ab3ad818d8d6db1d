"""The example as people run it, but in this process, which has torch already."""

from __future__ import annotations

import io
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import vitnas

Image = pytest.importorskip("PIL.Image")

SCRIPT = Path(__file__).parents[2] / "examples" / "train.py"
TINY = """
name: tiny
input: {channels: 3, resolution_px: 32}
classes: 1000
stem: {op: conv_stem}
stages: [{width: 16, blocks: [{op: conv_ffn, expansion: 2}]}]
head: {op: pooled_classifier, distilled: true}
recipe: {learning_rate: 0.02, learning_rate_batch: 16, weight_decay: 0.01, drop_path_rate: 0.1}
"""


def picture(label: int, number: int, side: int) -> bytes:
    """A noisy image whose brightness tells its class."""
    rng = np.random.default_rng(number)
    pixels = np.clip(rng.normal(60 + 140 * label, 30, (side, side, 3)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def npz(folder: Path) -> Path:
    data: dict[str, Any] = {"classes": np.array(["dark", "bright"])}
    for name, count in (("train", 80), ("test", 10)):
        files = [picture(k % 2, k, 32) for k in range(count)]
        data[f"jpeg_{name}"] = np.frombuffer(b"".join(files), np.uint8)
        data[f"offset_{name}"] = np.cumsum([0, *map(len, files)])
        data[f"y_{name}"] = np.array([k % 2 for k in range(count)], np.uint8)
    np.savez(folder / "images.npz", **data)
    return folder / "images.npz"


@pytest.fixture
def train(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., list[str]]]:
    """Runs the script on the tiny network; returns its lines."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["train.py", "tiny.yaml", "--batch", "16", *arguments])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    yield run
    torch.set_num_threads(threads)


def test_it_learns_resumes_exactly_and_writes_weights_that_load(
    train: Callable[..., list[str]], npz: Path
) -> None:
    data = ("--data", npz.name, "--epochs", "6")
    said = train(*data, "--out", "whole", "--test")
    assert said[-2:] == ["step 24/24  validation 100.00 %", "test 100.00 %"]

    train(*data, "--out", "parts", "--steps", "6")
    said = train(*data, "--out", "parts")
    assert said[0].startswith("step 8/24")  # it went on within the second epoch
    whole, parts = (load_file(npz.parent / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)

    model = vitnas.create_model(npz.parent / "tiny.yaml", num_classes=2, distilled=True)
    vitnas.load_timm_weights(model, npz.parent / "whole" / "weights.safetensors")
    assert len(model.train()(torch.randn(2, 3, 32, 32))) == 2  # it trained as any other, with two heads


def test_coarse_tokens_first_and_all_of_them_in_the_end(train: Callable[..., list[str]], npz: Path) -> None:
    data = ("--data", npz.name, "--epochs", "6", "--tokens", "0.5:2")
    said = train(*data, "--out", "whole")
    assert said[0].startswith("tokens: stride x2 until 50 %, then all; ")
    assert "% of full tokens" in said[0]
    assert said[1] == "step 0/24  tokens: stride x2"
    assert "step 12/24  tokens: stride x1" in said
    for steps in (6, 16, 24):  # stopped within each phase
        train(*data, "--out", "parts", "--steps", str(steps))
    whole, parts = (load_file(npz.parent / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


@pytest.mark.parametrize("splits", [(("train", 8), ("val", 2)), ((".", 10),)], ids=["splits", "bare"])
def test_a_folder_of_images_at_another_resolution(
    splits: tuple[tuple[str, int], ...], train: Callable[..., list[str]], folder: Path
) -> None:
    for split, count in splits:
        for label, name in enumerate(("dark", "light")):
            place = folder / "images" / split / name
            place.mkdir(parents=True)
            for k in range(count):
                (place / f"{k}.jpg").write_bytes(picture(label, k, 50))
    said = train("--data", "images", "--resolution-px", "64", "--epochs", "8")
    assert said[-1].startswith("step 8/8  validation")
    saved = torch.load(folder / "trained" / "checkpoint.pt", weights_only=True)
    assert saved["step"] == 8
    assert saved["model"]["head.head.weight"].shape[0] == 2
