"""The seven published EfficientFormers against timm's implementation of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.cost.trace import trace
from vitnas.errors import InvalidData, UnknownName
from vitnas.export.weights import load_timm_weights
from vitnas.space.files import load_architecture
from vitnas.testing.fvcore_macs import fvcore_macs

timm = pytest.importorskip("timm")

PUBLISHED = {
    "efficientformer:s0": "efficientformerv2_s0",
    "efficientformer:s1": "efficientformerv2_s1",
    "efficientformer:s2": "efficientformerv2_s2",
    "efficientformer:l": "efficientformerv2_l",
    "efficientformer_v1:l1": "efficientformer_l1",
    "efficientformer_v1:l3": "efficientformer_l3",
    "efficientformer_v1:l7": "efficientformer_l7",
}
PARAMS_M = {"s0": 3.60, "s1": 6.19, "s2": 12.71, "l": 26.32, "l1": 12.29, "l3": 31.41, "l7": 82.23}
S0, L1 = "efficientformer:s0", "efficientformer_v1:l1"


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def at(
    name: str, *, resolution_px: int = 224, classes: int = 1000, channels: int = 3, **head: bool
) -> Architecture:
    """A published network at another resolution or with other ends."""
    published = load_architecture(name)
    changed = {"resolution_px": resolution_px, "classes": classes, "in_channels": channels}
    head_block = type(published.head)(published.head.op, {**published.head.args, **head})
    return Architecture(**{**vars(published), **changed, "head": head_block})


def images(count: int, side_px: int = 224, channels: int = 3) -> Tensor:
    """Noise of another colour and strength in each image, so that images differ in every statistic."""
    one = torch.randn(count, channels, side_px, side_px)
    return one * torch.rand(count, channels, 1, 1) + torch.randn(count, channels, 1, 1)


def randomised(model: nn.Module, side_px: int = 224, channels: int = 3) -> nn.Module:
    """Give every parameter a value that shows in the output, and each batch norm a batch's statistics."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("gamma") or (name.endswith("weight") and value.ndim == 1):  # layer scale, norms
                value.uniform_(0.5, 1.5)
            elif name.endswith("attention_biases"):
                value.normal_(0, 1.0)
            elif name.endswith("bias"):
                value.normal_(0, 0.2)
            else:
                value.normal_(0, value[0].numel() ** -0.5)
        norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
        model.train()(images(4 if side_px > 100 else 16, side_px, channels))
        for norm in norms:  # a channel that four images happen to agree in must not blow up another image
            norm.running_var.clamp_(min=float(norm.running_var.mean()))
    return model.eval()


def params(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def difference(ours: nn.Module, theirs: nn.Module, side_px: int = 224, channels: int = 3) -> float:
    """Largest difference of the outputs, which are themselves of the order of 1 and differ between images."""
    batch = images(2, side_px, channels)
    with torch.no_grad():
        mine, reference = ours.eval()(batch), theirs.eval()(batch)
    assert 0.1 < reference.std() < 10
    assert (reference[0] - reference[1]).std() > 0.05
    return float((mine - reference).abs().max())


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_timms_and_macs_fvcores(name: str) -> None:
    architecture = load_architecture(name)
    with torch.device("meta"):
        ours, theirs = build(architecture), timm.create_model(PUBLISHED[name])
    facts = architecture.metadata["metrics"]
    assert params(ours) == params(theirs) == facts["params"]
    assert round(params(ours) / 1e6, 2) == PARAMS_M[name.partition(":")[2]]
    assert trace(ours, (1, 3, 224, 224)).macs == trace(theirs, (1, 3, 224, 224)).macs == facts["macs"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_output_is_timms_with_its_weights(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name]))
    ours = build(load_architecture(name))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs) < 1e-4


@pytest.mark.parametrize("name", [S0, L1])
def test_every_parameter_matters_for_that_output(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name]))
    ours = build(load_architecture(name))
    load_timm_weights(ours, theirs)
    (ours.eval()(images(2)) * torch.randn(1000)).sum().backward()
    # What is added to all keys of a query alike vanishes in the softmax.
    shifts = re.compile(r"attention\.(k\.bias|k\.norm\.bias|k\.conv\.bias|talking_head1\.bias)$")
    unfelt = [key for key, p in ours.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-4]
    assert [key for key in unfelt if not shifts.search(key)] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_macs_equal_fvcores_by_operator(name: str) -> None:
    ours = build(load_architecture(name))
    counted = fvcore_macs(ours, (1, 3, 224, 224))
    if name in (S0, L1):
        assert counted == fvcore_macs(timm.create_model(PUBLISHED[name]), (1, 3, 224, 224))
    assert sum(counted.values()) == trace(ours, (1, 3, 224, 224)).macs


@pytest.mark.parametrize("side_px", [32, 64, 160, 192, 256, 288, 384])
def test_v2_at_other_resolutions(side_px: int) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[S0], img_size=side_px), side_px)
    ours = build(at(S0, resolution_px=side_px))
    load_timm_weights(ours, theirs)
    assert params(ours) == params(theirs)
    assert difference(ours, theirs, side_px) < 1e-4


@pytest.mark.parametrize("side_px", [32, 160, 256])
def test_v1_at_other_resolutions(side_px: int) -> None:
    """timm's v1 model is fixed to 224 px, its attention is not: give it one for the map that it gets."""
    from timm.models.efficientformer import Attention

    theirs = timm.create_model(PUBLISHED[L1])
    for block in theirs.stages[3].blocks:
        if hasattr(block, "norm1"):
            block.token_mixer = Attention(448, resolution=side_px // 32)
    randomised(theirs, side_px)
    ours = build(at(L1, resolution_px=side_px))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs, side_px) < 1e-4


@pytest.mark.parametrize("name", [S0, L1])
def test_other_classes_and_channels(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name], num_classes=7, in_chans=4), channels=4)
    ours = build(at(name, classes=7, channels=4))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs, channels=4) < 1e-4


@pytest.mark.parametrize("name", [S0, L1])
def test_two_classifiers_become_one_without_a_change_of_output(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name]))
    ours = build(at(name, distilled=False))
    load_timm_weights(ours, theirs)
    assert difference(ours, theirs) < 1e-4
    assert params(theirs) - params(ours) == sum(p.numel() for p in theirs.head_dist.parameters())


@pytest.mark.parametrize("name", [S0, L1])
def test_training_outputs_both_classifiers(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name]))
    theirs.set_distilled_training(True)
    ours = build(load_architecture(name))
    load_timm_weights(ours, theirs)
    ours.set_distilled_training()
    batch = images(4)
    for mine, reference in zip(ours.train()(batch), theirs.train()(batch), strict=True):
        assert float((mine - reference).detach().abs().max()) < 1e-3  # batch statistics amplify rounding


@pytest.mark.parametrize("name", [S0, L1])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_timms_weights(name: str, suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    theirs = randomised(timm.create_model(PUBLISHED[name]))
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"model": theirs.state_dict()}, path)
    else:
        save_file({key: value.contiguous() for key, value in theirs.state_dict().items()}, path)
    ours = build(load_architecture(name))
    load_timm_weights(ours, path if suffix == ".pth" else str(path))
    assert difference(ours, theirs) < 1e-4


def test_a_timm_model_name_and_our_own_state_dict() -> None:
    ours, again = build(load_architecture(S0)), build(load_architecture(S0))
    load_timm_weights(ours, PUBLISHED[S0], pretrained=False)
    load_timm_weights(again, ours.state_dict())
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in ours.state_dict().items())


def tables(model: Network) -> list[Tensor]:
    return [value for key, value in model.named_parameters() if key.endswith("bias.table")]


@pytest.mark.parametrize("name", [S0, L1])
def test_bias_tables_are_resized(name: str) -> None:
    theirs = randomised(timm.create_model(PUBLISHED[name]))
    same, larger, back = build(at(name)), build(at(name, resolution_px=416)), build(at(name))
    load_timm_weights(same, theirs)
    load_timm_weights(larger, theirs)
    assert tables(larger)[0].shape == (8, 13**2)
    for before, after in zip(tables(same), tables(larger), strict=True):
        assert torch.allclose(before[:, 0], after[:, 0])  # no offset
        assert torch.allclose(before[:, -1], after[:, -1])  # the largest
        assert after.min() >= before.min() - 1e-6
        assert after.max() <= before.max() + 1e-6
    load_timm_weights(back, larger.state_dict())  # 13 offsets hold each of the 7, at every second place
    small = [t for t in zip(tables(same), tables(back), strict=True) if t[0].shape[1] == 49]
    assert all(torch.allclose(before, after, atol=1e-5) for before, after in small)
    assert small


def test_another_number_of_classes_keeps_the_classifiers_with_a_warning() -> None:
    ours = build(at(S0, classes=10))
    head = {key: value.clone() for key, value in ours.state_dict().items() if key.startswith("head.head")}
    theirs = randomised(timm.create_model(PUBLISHED[S0]))
    with pytest.warns(UserWarning, match="1000 classes and the network 10"):
        load_timm_weights(ours, theirs)
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in head.items())
    assert torch.equal(
        ours.state_dict()["stem.conv1.conv.weight"], theirs.state_dict()["stem.conv1.conv.weight"]
    )


@pytest.mark.parametrize(
    ("network", "model", "said"),
    [
        (S0, "efficientformerv2_s1", r"unexpected: stages\.0\.blocks\.2\.\S+, .* and \d+ more"),
        ("efficientformer:s1", "efficientformerv2_s0", r"missing: stages\.0\.blocks\.2\..* and \d+ more"),
        (S0, "efficientformer_l1", "another architecture"),
    ],
)
def test_weights_of_another_architecture_name_the_keys(network: str, model: str, said: str) -> None:
    ours = build(load_architecture(network))
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    with pytest.raises(InvalidData, match=said):
        load_timm_weights(ours, timm.create_model(model))
    assert all(torch.equal(value, before[key]) for key, value in ours.state_dict().items())


def test_other_input_channels_are_named() -> None:
    with pytest.raises(
        InvalidData, match=r"another shape: stem\.conv1\.conv\.weight \(16, 4, 3, 3\) instead of"
    ):
        load_timm_weights(build(at(S0, channels=1)), timm.create_model(PUBLISHED[S0], in_chans=4))


@pytest.mark.parametrize("content", [b"", b"no weights", None])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_files_that_hold_no_weights(content: bytes | None, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidData, match="weights"):
        load_timm_weights(build(at(S0, resolution_px=32)), path)


def test_a_misspelt_model_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'efficientformerv2_s0'"):
        load_timm_weights(build(at(S0, resolution_px=32)), "efficientformer_v2_s0")
