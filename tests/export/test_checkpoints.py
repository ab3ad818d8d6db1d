"""Checkpoints as training tools write them: wrappers, prefixes, containers, suffixes, averages."""

from __future__ import annotations

import argparse
import datetime
import enum
import pathlib
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from vitnas.arch.build import build
from vitnas.arch.network import Network
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidData
from vitnas.export.weights import load_timm_weights, load_weights

TINY: dict[str, Any] = {
    "name": "tiny",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 5,
    "stem": {"op": "conv_stem"},
    "stages": [
        {"width": 8, "blocks": [{"op": "attention_ffn", "expansion": 2, "heads": 2, "key_dim": 4}]},
    ],
    "head": {"op": "pooled_classifier", "distilled": True},
}
State = dict[str, Tensor]


def tiny(**changes: Any) -> Network:
    """A network with weights that show."""
    network = build(Architecture.from_dict({**TINY, **changes})).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def trained() -> Network:
    return tiny()


def same(loaded: Network, trained: Network) -> bool:
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        return torch.equal(loaded(images), trained(images))


def quietly(source: Any) -> Network:
    loaded = tiny()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_timm_weights(loaded, source)
    return loaded


class Namespaced(dict):  # type: ignore[type-arg]
    """A mapping class of somebody's configuration package."""


class Level(enum.Enum):
    HIGH = 1


class Tool:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return exec, (f"open({str(self.marker)!r}, 'w').close()",)


class Lightning(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.net = network


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


WRAPPED: dict[str, Callable[[Network], Any]] = {
    "compiled": lambda m: torch.compile(m, backend="eager").state_dict(),
    "averaged": lambda m: AveragedModel(m).state_dict(),
    "averaged of compiled": lambda m: AveragedModel(torch.compile(m, backend="eager")).state_dict(),
    "parallel": lambda m: prefixed(m.state_dict(), "module."),
    "all of them": lambda m: prefixed(m.state_dict(), "module._orig_mod.module._fsdp_wrapped_module."),
    "fsdp inside": lambda m: {
        k.replace("blocks.0.", "blocks.0._checkpoint_wrapped_module."): v for k, v in m.state_dict().items()
    },
    "lightning": lambda m: {
        "state_dict": Lightning(m).state_dict(),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        "hyper_parameters": {"lr": 0.1},
        "pytorch-lightning_version": "2.5",
    },
    "deepspeed": lambda m: {"module": m.state_dict(), "optimizer": {"state": {}}, "lr_scheduler": None},
    "nested": lambda m: {"checkpoint": {"model": {"state_dict": prefixed(m.state_dict(), "backbone.")}}},
    "timm": lambda m: {
        "epoch": 3, "arch": "x", "state_dict": m.state_dict(), "metric": 71.2, "version": 2,
        "optimizer": torch.optim.AdamW(m.parameters()).state_dict(),
    },
    "module": lambda m: m,
    "compiled module": lambda m: torch.compile(m, backend="eager"),
    "ordered": lambda m: OrderedDict(model_state_dict=m.state_dict()),
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_what_training_tools_put_around_weights_is_taken_off(
    wrapping: str, trained: Network, tmp_path: Path
) -> None:
    wrapped = WRAPPED[wrapping](trained)
    assert same(quietly(wrapped), trained)
    if not isinstance(wrapped, nn.Module):
        torch.save(wrapped, tmp_path / "c.pth")
        assert same(quietly(tmp_path / "c.pth"), trained)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".ckpt", ".tar", ".pth.tar", ".safetensors", ""])
@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
def test_the_container_is_told_by_its_content(
    container: str, suffix: str, trained: Network, tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    if container == "safetensors":
        save_file(trained.state_dict(), path)
    else:
        legacy = container == "legacy"
        torch.save({"model": trained.state_dict()}, path, _use_new_zipfile_serialization=not legacy)
    assert same(quietly(str(path)), trained)


def test_a_folder_of_a_trainer(trained: Network, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="a folder without weights"):
        load_timm_weights(tiny(), tmp_path)
    save_file(trained.state_dict(), tmp_path / "model.safetensors")
    assert same(quietly(tmp_path), trained)


@pytest.mark.parametrize("zipped", [True, False])
def test_objects_beside_the_weights_are_neither_loaded_nor_executed(
    zipped: bool, trained: Network, tmp_path: Path
) -> None:
    beside = {
        "args": argparse.Namespace(lr=0.1, path=pathlib.Path("x"), inner=argparse.Namespace(a=1)),
        "config": Namespaced(model=Namespaced(name="tiny")),
        "best": np.float64(3.5),
        "history": np.arange(3),
        "when": datetime.datetime(2026, 1, 1),
        "level": Level.HIGH,
        "tool": Tool(tmp_path / "executed"),
    }
    path = tmp_path / "c.pth"
    torch.save({"state_dict": trained.state_dict(), **beside}, path, _use_new_zipfile_serialization=zipped)
    assert same(quietly(path), trained)
    assert not (tmp_path / "executed").exists()


def test_a_pickled_module_gives_its_weights(trained: Network, tmp_path: Path) -> None:
    torch.save({"epoch": 1, "model": trained}, tmp_path / "whole.pt")
    assert same(quietly(tmp_path / "whole.pt"), trained)


def test_an_average_is_preferred_and_said(trained: Network) -> None:
    loaded, other = tiny(), tiny()
    for name in ("model_ema", "state_dict_ema", "ema_model"):
        checkpoint = {"model": other.state_dict(), name: prefixed(trained.state_dict(), "module.")}
        with pytest.warns(UserWarning, match=f"'{name}' is loaded, not model"):
            load_timm_weights(loaded, checkpoint)
        assert same(loaded, trained)


def test_of_two_networks_none_is_guessed(trained: Network) -> None:
    both = {**prefixed(trained.state_dict(), "student."), **prefixed(tiny().state_dict(), "teacher.")}
    with pytest.raises(InvalidData, match=r"several such networks \(student, teacher\)"):
        load_timm_weights(tiny(), {"state_dict": both} and both)


def test_what_stands_beside_a_prefix_is_said(trained: Network) -> None:
    state = {**prefixed(trained.state_dict(), "net."), "criterion.weight": torch.ones(3)}
    loaded = tiny()
    assert load_weights(loaded, state) == ("the state dict: left out what is not in 'net': criterion.weight",)
    assert same(loaded, trained)


def test_unknown_names_stay_an_error(trained: Network) -> None:
    before = trained.state_dict()
    for wrong in (
        {**before, "extra.weight": torch.ones(2)},
        {"state_dict": {"layer1.weight": torch.ones(2)}},
    ):
        with pytest.raises(InvalidData, match=r"unexpected: (extra|layer1)\.weight"):
            load_timm_weights(tiny(), wrong)
    for empty in ({}, {"model": {}}, {"optimizer": {"a": torch.ones(1)}}):
        with pytest.raises(InvalidData, match="holds no state dict"):
            load_timm_weights(tiny(), empty)


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
def test_input_channels_are_adapted_as_timm_does(channels: int, trained: Network) -> None:
    manipulate = pytest.importorskip("timm.models._manipulate")
    loaded = tiny(input={"channels": channels, "resolution_px": 32})
    notes = load_weights(loaded, trained)
    assert notes == (f"Network: the first convolution's 3 input channels became {channels}",)
    key = "stem.conv1.conv.weight"
    expected = manipulate.adapt_input_conv(channels, trained.state_dict()[key])
    assert torch.allclose(loaded.state_dict()[key], expected)


@pytest.mark.parametrize(("given", "wanted"), [(10, 5), (0, 5), (5, 0)])
def test_another_number_of_classes_is_said_or_refused(given: int, wanted: int) -> None:
    source, loaded = tiny(classes=given), tiny(classes=wanted)
    head = [p.clone() for name, p in loaded.named_parameters() if name.startswith("head.head")]
    (note,) = load_weights(loaded, source)
    assert "classifier" in note
    kept = [p for name, p in loaded.named_parameters() if name.startswith("head.head")]
    assert all(torch.equal(a, b) for a, b in zip(head, kept, strict=True))
    if wanted:
        with pytest.raises(InvalidData, match=f"take `num_classes` {given}"):
            load_weights(loaded, source, keep_classifiers=False)


def test_weights_of_other_precision_are_said() -> None:
    source, loaded = tiny().double(), tiny()
    (note,) = load_weights(loaded, source)
    assert "64 bit" in note
    assert load_weights(loaded, tiny().half()) == ()
    whole = {key: value.to(torch.int8) for key, value in loaded.state_dict().items()}
    with pytest.raises(InvalidData, match="of another type: "):
        load_weights(loaded, whole)


def test_a_tensor_larger_than_its_data_is_refused(tmp_path: Path) -> None:
    """torch would enlarge the data to the size that the file says, which may be any."""
    storage = torch.ones(4).untyped_storage()
    path = tmp_path / "large.pth"
    for size, stride in (((10**13,), (1,)), ((2, 4), (4, 1)), ((-2,), (1,))):
        torch.save({"weight": _Claims(storage, size, stride)}, path)
        with pytest.raises(InvalidData, match=r"larger than the data|cannot be read"):
            load_weights(tiny(), path)


class _Claims:
    """Pickled as a tensor of any size."""

    def __init__(self, storage: Any, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
        self.arguments = (typed, 0, size, stride, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return torch._utils._rebuild_tensor_v2, self.arguments
