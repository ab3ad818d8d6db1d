"""Coarse tokens first: the network that remains, its weights, its optimizer, its cost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import vitnas
from vitnas.cost.pricer import price_architecture
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.training.schedule import Phase, TokenSchedule, coarse
from vitnas.training.tokens import ProgressiveTokens

HALF = TokenSchedule.parse("0.5:2")


def small(name: str, resolution_px: int = 64, classes: int = 5) -> vitnas.Architecture:
    if ":" in name:
        plan = vitnas.load_architecture(name)
    else:
        space = vitnas.load_space(name)
        plan = space.decode(np.zeros(len(space.genes), np.uint8))
    return dataclasses.replace(plan, resolution_px=resolution_px, classes=classes, metadata={})


@pytest.fixture(params=["efficientformer:s0", "efficientformer_v1:l1", "vit:deit_tiny", "asvit:seed", "pit"])
def plan(request: pytest.FixtureRequest) -> vitnas.Architecture:
    return small(request.param)


def disturbed(model: torch.nn.Module) -> torch.nn.Module:
    """Every parameter away from its start, so that a table of zeros cannot hide a mistake."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def test_coarse_tokens_are_the_smaller_network_on_every_second_pixel(plan):
    model = disturbed(vitnas.create_model(plan)).eval()
    tokens = ProgressiveTokens(plan, HALF)
    assert tokens.update(model, 0.0)
    other = vitnas.create_model(plan, resolution_px=32).eval()
    other.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(images), other(images[..., ::2, ::2]))


def test_weights_carry_over_at_each_switch(plan):
    model = disturbed(vitnas.create_model(plan)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        full = model(images)
    tokens = ProgressiveTokens(plan, TokenSchedule.parse("0.3:4,0.6:2" if "vit" in plan.name else "0.6:2"))
    assert tokens.update(model, 0.0)
    assert not tokens.update(model, 0.1), "nothing to do twice"
    tokens.update(model, 0.5)
    assert tokens.update(model, 0.6)
    after = model.state_dict()
    assert {name: value.shape for name, value in after.items()} == {n: v.shape for n, v in before.items()}
    for name, value in before.items():
        if not name.endswith(("bias.table", "positions")):
            assert torch.equal(after[name], value), name
    with torch.no_grad():
        again = model(images)
    assert torch.corrcoef(torch.stack([full.flatten(), again.flatten()]))[0, 1] > 0.9


def test_the_optimizer_goes_on(plan):
    model = vitnas.create_model(plan)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    tokens = ProgressiveTokens(plan, HALF)
    images, labels = torch.randn(4, 3, 64, 64), torch.tensor([0, 1, 2, 3])

    def step() -> None:
        out = model.train()(images)
        heads = out if isinstance(out, tuple) else (out,)
        loss = sum(torch.nn.functional.cross_entropy(head, labels) for head in heads)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for progress in (0.0, 0.2, 0.5, 0.7):
        tokens.update(model, progress, optimizer)
        step()
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert known == {id(p) for p in model.parameters()}
    for name, parameter in model.named_parameters():
        steps = int(optimizer.state[parameter]["step"])
        assert steps == (2 if name.endswith(("bias.table", "positions")) else 4), name


def test_what_the_caller_changed_stays():
    plan = small("vit:deit_tiny")
    model = vitnas.create_model(plan, drop_path_rate=0.3)
    model.head.head = torch.nn.Linear(192, 17)
    model.stem.proj.weight.requires_grad_(False)
    rates = [m.rate if hasattr(m, "rate") else m.p for m in model.modules() if type(m).__name__ == "DropPath"]
    tokens = ProgressiveTokens(plan, HALF)
    tokens.update(model, 0.0)
    assert model(torch.randn(2, 3, 64, 64)).shape == (2, 17)
    assert not model.stem.proj.weight.requires_grad
    assert rates == [
        m.rate if hasattr(m, "rate") else m.p for m in model.modules() if type(m).__name__ == "DropPath"
    ]


def test_the_random_state_stays():
    plan = small("vit:deit_tiny")
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    ProgressiveTokens(plan, HALF)
    assert torch.equal(torch.rand(3), expected)


def test_cost_is_the_mean_over_the_phases():
    plan = small("efficientformer:s0", 224)
    schedule = TokenSchedule.from_recipe({"tokens": [{"until": 0.25, "stride": 2}]})
    full, half = (price_architecture(coarse(plan, k))["macs"] for k in (1, 2))
    assert schedule.macs(plan) == pytest.approx(0.25 * half + 0.75 * full)
    assert f"{100 * schedule.macs(plan) / full:.0f} % of full tokens" in schedule.describe(plan)
    assert TokenSchedule().macs(plan) == full


def test_a_schedule_round_trips_through_a_recipe():
    schedule = TokenSchedule.parse("0.3:4, 0.6:2:1")
    assert schedule.phases == (Phase(0.3, 4, 4), Phase(0.6, 2, 1))
    assert TokenSchedule.from_recipe({"tokens": [dataclasses.asdict(p) for p in schedule.phases]}) == schedule
    assert [schedule.phase_at(p).stride for p in (0, 0.3, 0.59, 0.6, 1)] == [4, 2, 2, 1, 1]
    assert TokenSchedule.parse("none") == TokenSchedule.from_recipe({}) == TokenSchedule()


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"tokens": "0.3:2"}, r"recipe\.tokens: expected .* got '0\.3:2'"),
        ({"tokens": [3]}, r"recipe\.tokens\[0\]: expected keys"),
        ({"tokens": [{"until": 0, "stride": 2}]}, r"tokens\[0\]\.until: .* got 0"),
        ({"tokens": [{"until": 0.3, "stride": 0}]}, r"tokens\[0\]\.stride: .* got 0"),
        ({"tokens": [{"until": 0.3, "step": 2}]}, r"unknown key 'step'"),
        (
            {"tokens": [{"until": 0.3, "stride": 4}, {"until": 0.2, "stride": 2}]},
            r"0\.2 does not come after 0\.3",
        ),
    ],
)
def test_bad_schedules_are_named(recipe, said):
    with pytest.raises(InvalidInput, match=said):
        TokenSchedule.from_recipe(recipe)


def test_a_bad_option_is_named():
    with pytest.raises(InvalidInput, match=r"UNTIL:STRIDE"):
        TokenSchedule.parse("0.3")
    with pytest.raises(InvalidInput, match=r"stride: expected a whole number .* got 'a'"):
        TokenSchedule.parse("0.3:a")


def test_strides_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="64 px is no multiple of stride x3"):
        ProgressiveTokens(small("vit:deit_tiny"), TokenSchedule.parse("0.3:3"))
    with pytest.raises(InvalidArchitecture, match=r"stride x2 and dilation 4 .* make the dilation equal"):
        ProgressiveTokens(small("vit:deit_tiny"), TokenSchedule.parse("0.3:2:4"))
    with pytest.raises(InvalidArchitecture, match="patch_embed"):
        ProgressiveTokens(small("vit:deit_tiny"), TokenSchedule.parse("0.3:8"))
