"""What every operator must hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from unittest import SkipTest

import torch
from torch import Tensor, nn

from vitnas import plugins
from vitnas.arch.build import build_op, output_features
from vitnas.arch.features import Features
from vitnas.arch.operators import Scalar, arguments, takes_drop_path
from vitnas.cost.trace import trace
from vitnas.errors import InvalidArchitecture
from vitnas.testing._contract import Contract

ACTIVATIONS = (nn.GELU, nn.ReLU, nn.SiLU, nn.Hardswish)


class OperatorContract(Contract):
    """An operator is a module that is learned from: it runs without data, trains, and can be cut narrower.

    Attributes:
        operator: name or file.
        arguments: its arguments, where its defaults do not do.
        width: channels that come in, and that are asked for.
        inputs: what comes in; it may refuse some of them.
    """

    operator: str
    arguments: Mapping[str, Scalar] = {}
    width: int = 32
    inputs: Sequence[Features] = (
        Features(32, 14),
        Features(32, 14, tokens=True),
        Features(32, 14, tokens=True, extra_tokens=1),
        Features(32, 8),
        Features(32, 8, tokens=True),
        Features(3, 32),
    )

    def build(self, inputs: Features, width: int, *, drop_path: float = 0.0) -> nn.Module | None:
        """The operator in evaluation mode; None where it refuses what comes in."""
        try:
            return build_op(self.operator, inputs, width, self.arguments, drop_path=drop_path).eval()
        except InvalidArchitecture:
            return None

    def built(self) -> Iterator[tuple[Features, nn.Module]]:
        """What it accepts, with a module of the same seed for each."""
        for inputs in self.inputs:
            torch.manual_seed(0)
            module = self.build(inputs, self.width)
            if module is not None:
                yield inputs, module

    def first(self) -> tuple[Features, nn.Module]:
        """The first input that it accepts, and the module."""
        for found in self.built():
            return found
        refusals = []
        for inputs in self.inputs:
            try:
                build_op(self.operator, inputs, self.width, self.arguments)
            except InvalidArchitecture as problem:
                refusals.append(f"{_words(inputs)}: {problem}")
        raise AssertionError(f"it refuses all inputs: {'; '.join(refusals)}")

    def test_can_be_loaded(self) -> None:
        """Its file defines the class, and a space can set its arguments."""
        arguments(self.operator)

    def test_says_what_it_is(self) -> None:
        """The first line of its docstring."""
        assert plugins.load_plugin("operator", self.operator).__doc__, "its class has no docstring"

    def test_works_on_some_input(self) -> None:
        """It refuses others with `InvalidArchitecture`."""
        self.first()

    def test_gives_what_meta_says(self) -> None:
        """A real run has the shape of the run without data, and is finite."""
        for inputs, module in self.built():
            with torch.no_grad():
                out = module(torch.randn(inputs.shape(2)))
            assert isinstance(out, Tensor), f"on {_words(inputs)} it gives a {type(out).__name__}, no tensor"
            assert torch.isfinite(out).all(), f"on {_words(inputs)} its output is not finite"
            assert out.shape[0] == 2, f"on {_words(inputs)} it gives {tuple(out.shape)} for 2 images"
            if out.ndim > 2:
                said = output_features(
                    self.operator, inputs, self.width, tuple(sorted(self.arguments.items()))
                )
                problem = f"on {_words(inputs)} it gives {tuple(out.shape)}, but {said.shape(2)} on meta"
                assert tuple(out.shape) == said.shape(2), problem

    def test_images_do_not_touch_each_other(self) -> None:
        """In evaluation mode an image gives the same beside others: no axis is mistaken for the batch."""
        for inputs, module in self.built():
            x = torch.randn(inputs.shape(3))
            with torch.no_grad():
                together, alone = module(x), torch.cat([module(image[None]) for image in x])
            assert torch.allclose(together, alone, rtol=1e-3, atol=1e-4), (
                f"on {_words(inputs)} an image gives something else beside other images"
            )

    def test_tracing_leaves_the_module_alone(self) -> None:
        """Its cost is learned by running it; weights and state stay."""
        inputs, module = self.first()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        counted = trace(module, inputs.shape()).params
        assert counted == sum(p.numel() for p in module.parameters())
        for name, value in module.state_dict().items():
            assert torch.equal(before[name], value), f"'{name}' was changed by a forward pass in eval mode"

    def test_trains(self) -> None:
        """Every parameter gets a finite gradient."""
        inputs, module = self.first()
        out = module.train()(torch.randn(inputs.shape(4)))
        outs = out if isinstance(out, tuple) else (out,)
        sum((o.square().sum() for o in outs), torch.zeros(())).backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None, f"'{name}' gets no gradient: it is not used"
            assert torch.isfinite(parameter.grad).all(), f"the gradient of '{name}' is not finite"

    def test_made_on_meta_it_is_right_once_it_is_loaded(self) -> None:
        """``to_empty`` loses nothing that it computes with; what follows from sizes is an `ops.Indexed`."""
        inputs, module = self.first()
        with torch.device("meta"):
            remade = build_op(self.operator, inputs, self.width, self.arguments).eval()
        remade = remade.to_empty(device="cpu")
        remade.load_state_dict(module.state_dict())
        x = torch.randn(inputs.shape(2))
        with torch.no_grad():
            assert torch.equal(remade(x), module(x)), "made on meta and loaded, it gives other values"

    def test_a_leading_slice_of_each_parameter_is_a_smaller_operator(self) -> None:
        """A narrower operator has parameters of the same names, none longer on any axis."""
        inputs, wide = self.first()
        half = Features(inputs.channels // 2, inputs.side_px, inputs.tokens, inputs.extra_tokens)
        narrow = self.build(half, self.width // 2) or self.build(inputs, self.width // 2)
        assert narrow is not None, f"it cannot be built at half the width, {self.width // 2}"
        shapes = {name: p.shape for name, p in wide.named_parameters()}
        for name, p in narrow.named_parameters():
            assert name in shapes, f"'{name}' is there at half the width only"
            fits = len(p.shape) == len(shapes[name]) and all(map(int.__le__, p.shape, shapes[name]))
            assert fits, (
                f"'{name}' is {tuple(p.shape)} at half the width and {tuple(shapes[name])} at the whole"
            )

    def test_stochastic_depth_is_off_in_eval(self) -> None:
        """``drop_path`` acts in training alone."""
        if not takes_drop_path(self.operator):
            raise SkipTest("it has no residual branch that may be dropped")
        inputs, _ = self.first()
        module = self.build(inputs, self.width, drop_path=0.9)
        assert module is not None, "it cannot be built with drop_path=0.9"
        x = torch.randn(inputs.shape(2))
        with torch.no_grad():
            assert torch.equal(module(x), module(x)), "with drop_path it gives something else every time"

    def test_activations_are_modules(self) -> None:
        """Proxies find activations as modules beside an MLP's first layer, ``fc1``."""
        _, module = self.first()
        layers = [name for name, m in module.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        if not any(name.endswith("fc1") for name in layers):
            raise SkipTest("it has no MLP (a layer called 'fc1')")
        assert any(isinstance(m, ACTIVATIONS) for m in module.modules()), "no module is an activation"

    def test_exports(self) -> None:
        """`torch.export` takes it: nothing depends on the values of tensors."""
        inputs, module = self.first()
        x = torch.randn(inputs.shape(2))
        exported = torch.export.export(module, (x,)).module()
        with torch.no_grad():
            assert torch.allclose(exported(x), module(x), rtol=1e-3, atol=1e-4), (
                "exported, it gives other values"
            )


def _words(inputs: Features) -> str:
    return f"{'tokens' if inputs.tokens else 'a map'} {inputs.shape()}"
