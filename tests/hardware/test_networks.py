from __future__ import annotations

import sys

import pytest

from vitnas.errors import InvalidArchitecture, MissingExtra, UnknownName
from vitnas.hardware.published.published_networks import network_trace

pytest.importorskip("timm")
pytest.importorskip("torchvision")


@pytest.mark.parametrize(
    ("name", "params", "gmacs"),
    [  # as torchvision's documentation prints them: parameters, GFLOPS (multiply-accumulates)
        ("resnet18", 11_689_512, 1.81),
        ("mobilenet_v2", 3_504_872, 0.30),
        ("convnext_tiny", 28_589_128, 4.46),
        ("vit_b_16", 86_567_656, 17.56),
        ("squeezenet1_1", 1_235_496, 0.35),
        ("googlenet", 6_624_904, 1.50),  # without the heads that only train
    ],
)
def test_torchvisions_networks_have_their_published_figures(name: str, params: int, gmacs: float) -> None:
    trace = network_trace(f"torchvision:{name}", 224)
    assert trace.params == params
    assert trace.macs / 1e9 == pytest.approx(gmacs, abs=0.006)
    assert trace.output_shape == (1, 1000)


def test_the_same_network_of_both_libraries_does_the_same_work() -> None:
    ours, theirs = network_trace("torchvision:resnet50", 224), network_trace("resnet50", 224)
    assert (ours.params, ours.macs, ours.activations) == (theirs.params, theirs.macs, theirs.activations)


def test_resolution_defaults_to_that_of_the_weights() -> None:
    assert network_trace("torchvision:efficientnet_v2_s") == network_trace(
        "torchvision:efficientnet_v2_s", 384
    )
    assert network_trace("torchvision:vit_b_16", 384).macs > 2.5 * network_trace("torchvision:vit_b_16").macs


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision:resnet5O", "unknown torchvision model 'resnet5O'; did you mean 'resnet50'?"),
        ("torchvision:fasterrcnn_resnet50_fpn", "unknown torchvision model 'fasterrcnn_resnet50_fpn'"),
        ("resnet5O", "unknown timm model 'resnet5O'; did you mean 'resnet50'?"),
    ],
)
def test_unknown_networks(name: str, message: str) -> None:
    with pytest.raises(UnknownName) as caught:
        network_trace(name)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300  # close matches, not the whole list


def test_a_resolution_that_does_not_run() -> None:
    with pytest.raises(InvalidArchitecture, match="torchvision's 'vit_b_16' cannot be traced at 225 px"):
        network_trace("torchvision:vit_b_16", 225)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingExtra, match=r"'torchvision': pip install 'vitnas\[timm\]'"):
        network_trace("torchvision:alexnet", 224)
