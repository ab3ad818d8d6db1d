from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from vitnas.arch.schema import Architecture
from vitnas.quality.health import check_health
from vitnas.space.files import load_architecture

SICK = '''
import torch
from torch import nn

from vitnas.arch.features import Features


class Sick(nn.Module):
    """A block with one illness."""

    def __init__(self, inputs: Features, width: int, *, illness: str = "none") -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 1)
        self.illness = illness

    def forward(self, x):
        y = self.conv(x)
        if self.illness == "nan":
            return y * float("nan")
        if self.illness == "constant":
            return y * 0 + 1
        if self.illness == "cut":
            return y.detach() + x
        if self.illness == "huge":
            return y * 1e5
        if self.illness == "steep":
            return x + (y - y.detach()) * 1e6
        if self.illness == "crash":
            raise RuntimeError("no kernel for this")
        return x + y
'''


@pytest.fixture
def ill(tmp_path, monkeypatch):
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "sick.py").write_text(SICK)
    monkeypatch.chdir(tmp_path)

    def make(illness: str) -> Architecture:
        blocks = [{"op": "conv_ffn", "repeat": 2, "expansion": 2}, {"op": "sick", "illness": illness}]
        return Architecture.from_dict(
            {
                "name": illness,
                "input": {"channels": 3, "resolution_px": 32},
                "classes": 10,
                "stem": {"op": "conv_stem"},
                "stages": [{"width": 16, "blocks": blocks}],
                "head": {"op": "pooled_classifier"},
            }
        )

    return make


@pytest.mark.parametrize("name", ["efficientformer:s0", "efficientformer_v1:l1"])
def test_published_networks_are_healthy(name):
    architecture = load_architecture(name)
    health = check_health(dataclasses.replace(architecture, resolution_px=96))
    assert (health.verdict, health.reasons) == ("ok", ())
    assert health.loss == pytest.approx(math.log(1000), abs=0.2)
    paths = [block.path for block in health.blocks]
    blocks = sum(len(stage.blocks()) for stage in architecture.stages)
    downs = sum(stage.down is not None for stage in architecture.stages)
    assert len(paths) == len(set(paths)) == blocks + downs + 2
    assert paths[0] == "stem"
    assert paths[-1] == "head"
    assert all(block.activation_rms > 0 and block.gradient_norm > 0 for block in health.blocks)
    assert health.resolution_px == 96


def test_a_sound_block_of_the_users_own(ill):
    assert check_health(ill("none")).verdict == "ok"


@pytest.mark.parametrize(
    ("illness", "verdict", "word"),
    [
        ("nan", "broken", "not finite"),
        ("constant", "suspicious", "constant"),
        ("cut", "suspicious", "gradient is zero"),
        ("huge", "suspicious", "exploding"),
        ("steep", "suspicious", "exploding: its gradient"),
    ],
)
def test_illnesses_are_found_where_they_are(ill, illness, verdict, word):
    health = check_health(ill(illness))
    assert health.verdict == verdict
    assert any(reason.startswith("stages.0.blocks[2]: ") and word in reason for reason in health.reasons)


def test_what_cannot_run_is_a_verdict(ill):
    health = check_health(ill("crash"))
    assert health.verdict == "broken"
    (reason,) = health.reasons
    assert reason.startswith("it cannot run: stages.0.blocks[2]: operator 'sick'")
    assert reason.endswith("RuntimeError: no kernel for this")
    assert health.blocks == ()
    odd = dataclasses.replace(ill("none"), resolution_px=33)
    assert "33" in check_health(odd).reasons[0]


@pytest.mark.parametrize("illness", ["none", "nan", "crash"])
def test_json(ill, illness):
    health = check_health(ill(illness))
    plain = json.loads(json.dumps(health.to_dict(), allow_nan=False))
    assert plain["verdict"] == health.verdict
    assert (plain["loss"] is None) == (illness != "none")
    assert len(plain["blocks"]) == len(health.blocks)


def test_the_seed_decides_and_nobody_elses_does(ill):
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first, again, other = (check_health(ill("none"), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(2), expected)
    assert first.loss == again.loss != other.loss
    assert first.blocks == again.blocks
