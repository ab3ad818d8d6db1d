"""What every runtime must hold on the machine of the tests; those that are not installed are skipped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitnas import plugins
from vitnas.arch.build import build_op
from vitnas.arch.features import Features
from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import MissingExtra
from vitnas.hardware.measure.runtime import CannotConvert

RUNTIMES = sorted(plugins.list_plugins("runtime"))
TOLERANCE = {"float32": 1e-3, "float16": 2e-2}  # of the largest output
BLOCKS = [("conv_ffn", Features(16, 7)), ("attention_mlp", Features(32, 4, tokens=True))]


class Broken(nn.Module):
    def forward(self, x):
        raise NotImplementedError("no such operator\nand a long story")


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request):
    try:
        return plugins.load_plugin("runtime", request.param)(1)
    except MissingExtra as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module", params=BLOCKS, ids=[op for op, _ in BLOCKS])
def case(request):
    op, features = request.param
    torch.manual_seed(0)
    module = build_op(op, features, features.channels, {}).eval()
    example = torch.randn(features.shape(2))
    with torch.no_grad():
        return module, example, module(example)


def test_says_what_it_measures(runtime):
    said = runtime.conditions()
    assert said.device and said.runtime and said.os and said.compute_units
    assert said.dtype in BYTES_OF_DTYPE
    assert said.threads == (1 if said.compute_units == "CPU" else 0)
    assert isinstance(runtime.eager, bool)


@pytest.mark.parametrize("name", RUNTIMES)
def test_has_a_line_of_help(name):
    assert plugins.list_plugins("runtime")[name]


def test_computes_what_the_module_computes_and_times_every_call(runtime, case):
    module, example, expected = case
    timed = runtime.prepare(module, example)
    error = (timed.outputs() - expected).abs().max() / expected.abs().max()
    assert error < TOLERANCE[runtime.conditions().dtype]
    times = timed.times_ms(7)
    assert len(times) == 7 and all(ms > 0 for ms in times)
    assert not timed.outputs().requires_grad


def test_two_modules_live_side_by_side(runtime):
    example = torch.randn(1, 8)
    first, second = (runtime.prepare(nn.Hardtanh(-k, k), 100 * example) for k in (1.0, 2.0))
    for k, timed in ((1.0, first), (2.0, second), (1.0, first)):
        assert timed.outputs().abs().max() == k


def test_what_cannot_be_run_is_said_in_one_line(runtime):
    with pytest.raises(CannotConvert) as caught:
        runtime.prepare(Broken(), torch.randn(1, 8))
    assert "no such operator" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_leaves_the_threads_of_pytorch_alone(runtime, case):
    module, example, _ = case
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        runtime.prepare(module, example).times_ms(1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
