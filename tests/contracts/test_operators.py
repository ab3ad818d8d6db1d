"""What every operator must hold, built in or not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vitnas import plugins
from vitnas.arch.build import build_op, output_features
from vitnas.arch.features import Features
from vitnas.arch.operators import arguments, takes_drop_path
from vitnas.cost.trace import trace
from vitnas.errors import InvalidArchitecture

OPERATORS = sorted(plugins.list_plugins("operator"))
CHANNELS, SIDE = 32, 14


def cases(op):
    """Feature maps and tokens of one width, at two sizes, and an image; an operator may refuse some."""
    for side in (SIDE, 8):
        for tokens in (False, True):
            yield Features(CHANNELS, side, tokens=tokens)
    yield Features(CHANNELS, 32)


def built(op, inputs, width=CHANNELS):
    try:
        return build_op(op, inputs, width, {}).eval()
    except InvalidArchitecture:
        return None


@pytest.fixture(params=OPERATORS)
def op(request):
    return request.param


def test_has_a_line_of_help_and_plain_arguments(op):
    assert plugins.list_plugins("operator")[op]
    for argument in arguments(op).values():
        assert argument.kind in (int, float, bool, str)


def test_works_on_some_input_and_says_no_clearly_otherwise(op):
    assert any(built(op, case) is not None for case in cases(op))


def test_output_is_what_meta_says(op):
    for case in cases(op):
        module = built(op, case)
        if module is None:
            continue
        with torch.no_grad():
            out = module(torch.randn(case.shape(2)))
        assert out.shape[0] == 2 and torch.isfinite(out).all()
        if out.ndim > 2:
            assert tuple(out.shape) == output_features(op, case, CHANNELS, ()).shape(2)


def test_tracing_leaves_the_module_alone(op):
    module = next(m for case in cases(op) if (m := built(op, case)) is not None)
    case = next(c for c in cases(op) if built(op, c) is not None)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    traced = trace(module, case.shape())
    assert traced.params == sum(p.numel() for p in module.parameters())
    assert all((before[name] == value).all() for name, value in module.state_dict().items())


def test_trains(op):
    case = next(c for c in cases(op) if built(op, c) is not None)
    module = build_op(op, case, CHANNELS, {}).train()
    out = module(torch.randn(case.shape(4)))
    total = sum(o.square().sum() for o in out) if isinstance(out, tuple) else out.square().sum()
    total.backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


def test_a_leading_slice_of_each_parameter_is_a_smaller_operator(op):
    """Shapes of a narrower operator fit inside the wider one's, axis by axis, under the same names."""
    case = next(c for c in cases(op) if built(op, c) is not None)
    wide = built(op, case)
    narrow_case = Features(CHANNELS // 2, case.side_px, case.tokens)
    narrow = built(op, narrow_case, CHANNELS // 2)
    assert wide is not None and narrow is not None
    shapes = {name: p.shape for name, p in wide.named_parameters()}
    for name, parameter in narrow.named_parameters():
        assert all(a <= b for a, b in zip(parameter.shape, shapes[name], strict=True)), name


def test_stochastic_depth_is_off_in_eval(op):
    if not takes_drop_path(op):
        pytest.skip("has no residual branch")
    case = next(c for c in cases(op) if built(op, c) is not None)
    torch.manual_seed(0)
    module = build_op(op, case, CHANNELS, {}, drop_path=0.9).eval()
    x = torch.randn(case.shape(2))
    with torch.no_grad():
        assert torch.equal(module(x), module(x))


def test_activations_are_modules(op):
    case = next(c for c in cases(op) if built(op, c) is not None)
    module = built(op, case)
    if any(
        isinstance(m, nn.Conv2d | nn.Linear) and name.endswith("fc1") for name, m in module.named_modules()
    ):
        assert any(isinstance(m, nn.GELU | nn.ReLU | nn.SiLU | nn.Hardswish) for m in module.modules())
