"""Memory of networks on a microcontroller."""

from __future__ import annotations

import dataclasses

import pytest

from vitnas.arch.schema import Architecture, Block, Segment, Stage
from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.cost.pricer import price_architecture
from vitnas.hardware.devices.mcu import MCUFORMER_LIMIT_BYTES, mcuformer_bytes, mcuformer_formula, memory_need
from vitnas.hardware.load_device import load_device
from vitnas.space.files import load_architecture

# KiB at 240 px and expansion 4, for rho of .40, .60, .80 and .95, as noted when MCUFormer's code was read:
# rounded to a tenth, then to a whole
TABLE = {
    (168, 16): (230, 252, 274, 290), (168, 20): (163, 185, 207, 224),
    (168, 24): (127, 149, 171, 188), (168, 32): (91, 113, 135, 152),
    (192, 16): (270, 298, 327, 349), (192, 20): (194, 222, 251, 273),
    (192, 24): (152, 181, 210, 232), (192, 32): (111, 140, 169, 191),
    (216, 16): (311, 348, 384, 412), (216, 20): (226, 262, 299, 326),
    (216, 24): (179, 216, 252, 280), (216, 32): (133, 170, 206, 234),
}  # fmt: skip
RHOS = (0.4, 0.6, 0.8, 0.95)


def plain(width: int, patch_px: int, expansion: float | tuple[float, ...] = 4, **block: int) -> Architecture:
    """A plain vision transformer of two blocks for images of 240 px."""
    segment = Segment("transformer_block", 2, {"expansion": expansion, **block})
    stem, head = Block("patch_embed", {"patch_px": patch_px}), Block("token_classifier")
    return Architecture("plain", 3, 240, 1000, stem, (Stage(width, (segment,)),), head)


@pytest.mark.parametrize(("width", "patch_px"), TABLE)
def test_mcuformers_check_gives_its_table(width: int, patch_px: int) -> None:
    formula = [
        mcuformer_formula(width=width, expansion=4, resolution_px=240, patch_px=patch_px, rho=rho)
        for rho in RHOS
    ]
    assert [value / 1024 for value in formula] == pytest.approx(TABLE[width, patch_px], abs=0.55)
    ours = [mcuformer_bytes(plain(width, patch_px), rho) for rho in RHOS]
    assert ours == [round(value) for value in formula]


def test_dense_is_a_rank_ratio_of_one_and_the_widest_mlp_counts() -> None:
    network = load_architecture("vit:deit_tiny")
    assert mcuformer_bytes(network) == 192 * (197 * 5 + 192 * 4) == 336_576 > MCUFORMER_LIMIT_BYTES
    assert mcuformer_bytes(plain(192, 16, (2, 4))) == mcuformer_bytes(plain(192, 16, (4, 2)))
    assert mcuformer_bytes(plain(192, 16, (2, 4))) == mcuformer_bytes(plain(192, 16))


def test_other_networks_have_no_such_figure() -> None:
    assert mcuformer_bytes(load_architecture("efficientformer:s0")) is None
    assert mcuformer_bytes(load_architecture("efficientformer_v1:l1")) is None
    mixed = plain(192, 16)
    segments = (*mixed.stages[0].segments, Segment("attention_mlp"))
    assert mcuformer_bytes(dataclasses.replace(mixed, stages=(Stage(192, segments),))) is None


@pytest.mark.parametrize("name", ["vit:deit_tiny", "efficientformer:s0", "efficientformer_v1:l1"])
def test_the_need_is_that_of_the_whole_network(name: str) -> None:
    network = load_architecture(name)
    need, price = memory_need(network), price_architecture(network)
    assert need.peak_elements * 4 == price["peak_bytes"]
    assert need.params == price["params"]


def test_the_peak_names_block_and_kernel() -> None:
    need = memory_need(load_architecture("vit:deit_tiny"))
    assert (need.block, need.op, need.blocks) == ("stages.0.blocks[0]", "transformer_block", 12)
    assert need.kernel is not None
    assert (need.kernel.kind, need.kernel.output_shape) == ("softmax", (1, 3, 197, 197))
    one_wide = memory_need(plain(192, 16, (1, 4.5), heads=1))  # the MLP, not attention
    assert (one_wide.block, one_wide.blocks) == ("stages.0.blocks[1]", 1)
    assert one_wide.kernel is not None
    assert one_wide.kernel.kind == "linear"


def test_the_image_counts_while_it_is_read() -> None:
    need = memory_need(plain(8, 60, heads=1, head_dim=8))
    assert need.block == "stem"
    assert need.peak_elements == 240 * 240 * 3 + 4 * 4 * 8  # 172,800 bytes of image and the patches


def test_the_microcontroller_has_a_limit_and_no_latency() -> None:
    device = load_device("stm32f746")
    assert (device.kind, device.metric, device.dtype, device.batch) == ("limits", "none", "int8", 1)
    assert dict(device.limits) == {"peak_bytes": 327_680}
    for word in ("image", "weights", "code", "stack", "scratch"):
        assert word in device.profile.description
    assert device.refusal(8, 96) == ""


def test_its_peak_is_priced_in_bytes_of_int8() -> None:
    device, network = load_device("stm32f746"), load_architecture("vit:deit_tiny")
    assert BYTES_OF_DTYPE["int8"] == 1
    assert price_architecture(network, device)["peak_bytes"] == memory_need(network).peak_elements == 308_502
