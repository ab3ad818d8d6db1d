"""The rows of the shipped fitted profiles from published tables: ``hardware_profiles/NAME.csv``.

    python benchmarks/profile_rows.py --data FOLDER [--out hardware_profiles]

FOLDER holds ``aihub.csv`` (Qualcomm AI Hub's published results, one row a cell) and ``timm_benchmarks.csv``
(timm's ``results/benchmark-infer-*.csv``, one after the other, with a column ``file``). What cannot be
rebuilt as the source ran it is left out, and the reason printed. `fit_profiles.py` fits the rows.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from vitnas.errors import VitnasError
from vitnas.hardware.published.published_networks import network_trace

Row = dict[str, str]
COLUMNS = (
    "model",
    "timm_name_if_any",
    "resolution",
    "batch",
    "device",
    "runtime",
    "latency_ms",
    "family",
    "regime",
    "read_from",
    "resolution_basis",
    "source",
)

AIHUB_SOURCE = "github.com/quic/ai-hub-models@52c080d performance results of {}"
TIMM_SOURCE = "github.com/huggingface/pytorch-image-models@aa4b585 results/{}"

# Float models: Qualcomm's QNN FAQ (docs.qualcomm.com, 80-62010-1) says that its NPU runs in FP16 what is not
# quantized, so the profiles are of float16. Left out: QCS8450 (its rows carry no fit: 27 %), SA7255P (its
# cells repeat QCS8275's), SA8775P (seven networks take four times as long in TensorFlow Lite as in QNN).
AIHUB_DEVICES = {  # profile -> device there, runtime there (tflite holds one classifier more than qnn_dlc)
    "galaxy_s24": ("Samsung Galaxy S24", "tflite"),
    "galaxy_s25": ("Samsung Galaxy S25", "tflite"),
    "snapdragon_8_elite_gen5": ("Snapdragon 8 Elite Gen 5 QRD", "tflite"),
    "snapdragon_x_elite": ("Snapdragon X Elite CRD", "qnn_dlc"),
    "qcs8275": ("QCS8275 (Proxy)", "tflite"),
    "qcs8550": ("QCS8550 (Proxy)", "tflite"),
    "iq9075": ("Dragonwing IQ-9075 EVK", "tflite"),
    "sa8295p": ("SA8295P ADP", "tflite"),
}
AIHUB_NETWORKS = {  # model there -> network, family
    "beit": ("beit_base_patch16_224", "ViT"),
    "convnext_base": ("torchvision:convnext_base", "ConvNeXt"),
    "convnext_tiny": ("torchvision:convnext_tiny", "ConvNeXt"),
    "densenet121": ("torchvision:densenet121", "DenseNet"),
    "dla102x": ("dla102x", "DLA"),
    "efficientformer": ("efficientformer_l1", "EfficientFormer"),
    "efficientnet_b0": ("torchvision:efficientnet_b0", "EfficientNet"),
    "efficientnet_b4": ("torchvision:efficientnet_b4", "EfficientNet"),
    "efficientnet_v2_s": ("torchvision:efficientnet_v2_s", "EfficientNet"),
    "efficientvit_b2_cls": ("efficientvit_b2", "EfficientViT"),
    "efficientvit_l2_cls": ("efficientvit_l2", "EfficientViT"),
    "googlenet": ("torchvision:googlenet", "Inception"),
    "inception_v3": ("torchvision:inception_v3", "Inception"),
    "levit": ("levit_128s", "LeViT"),
    "mnasnet05": ("torchvision:mnasnet0_5", "MobileNet"),
    "mobile_vit": ("mobilevit_s", "MobileViT"),
    "mobilenet_v2": ("torchvision:mobilenet_v2", "MobileNet"),
    "mobilenet_v3_large": ("torchvision:mobilenet_v3_large", "MobileNet"),
    "mobilenet_v3_small": ("torchvision:mobilenet_v3_small", "MobileNet"),
    "nasnet": ("nasnetalarge", "NASNet"),
    "regnet": ("torchvision:regnet_x_3_2gf", "RegNet"),
    "regnet_y_800mf": ("torchvision:regnet_y_800mf", "RegNet"),
    "resnet18": ("torchvision:resnet18", "ResNet"),
    "resnet50": ("torchvision:resnet50", "ResNet"),
    "resnet101": ("torchvision:resnet101", "ResNet"),
    "resnext50": ("torchvision:resnext50_32x4d", "ResNet"),
    "resnext101": ("torchvision:resnext101_32x8d", "ResNet"),
    "shufflenet_v2": ("torchvision:shufflenet_v2_x0_5", "ShuffleNetV2"),
    "squeezenet1_1": ("torchvision:squeezenet1_1", "SqueezeNet"),
    "vit": ("torchvision:vit_b_16", "ViT"),
    "wideresnet50": ("torchvision:wide_resnet50_2", "ResNet"),
}
AIHUB_SKIPPED = {
    "gpunet": "neither timm nor torchvision has it",
    "internimage": "neither timm nor torchvision has it",
    "sequencer2d": "recurrent: unrolled to some 17,000 calls, of which no vision transformer has one",
}
# The table states the size that the weights were trained for; AI Hub's code runs both as ImagenetClassifier,
# whose input is 224 px, and so say the latencies: at 224 px the family's held-out error halves.
AIHUB_RESOLUTIONS_PX = {"efficientnet_b4": "224", "efficientnet_v2_s": "224"}
MORE_PARAMS_M = {"beit": 5.59}  # AI Hub counts the bias tables (12 x 12 x 197 x 197) that the export unfolds

TIMM_DEVICES = {"rtx4090": "1024", "i7_12700h": "1", "i9_10940x": "1"}  # profile and device there -> batch


def aihub_rows(table: list[Row], device: str, runtime: str) -> Iterator[Row]:
    """Float classifiers, all layers on the NPU."""
    for cell in table:
        wanted = ("Image Classification", "float", device, runtime, "NPU", cell["layers_total"])
        found = ("use_case", "precision", "device", "runtime", "unit", "npu")
        model = cell["model_id"]
        if tuple(cell[key] for key in found) != wanted or model in AIHUB_SKIPPED:
            continue
        if model not in AIHUB_NETWORKS:
            print(f"{device}: {model} has no network here")
            continue
        network, family = AIHUB_NETWORKS[model]
        stated_px = cell["input_resolution"].split("x")[-1]
        resolution_px = AIHUB_RESOLUTIONS_PX.get(model, stated_px)
        params_m = network_trace(network, int(resolution_px)).params / 1e6 + MORE_PARAMS_M.get(model, 0)
        stated = float(cell["params_m"] or params_m)
        if abs(params_m - stated) > 0.01 * stated + 0.01:
            print(f"{device}: {model} has {stated} M parameters, {network} {params_m:.2f} M; left out")
            continue
        yield {
            "model": model,
            "timm_name_if_any": network,
            "resolution": resolution_px,
            "batch": "1",
            "device": device,
            "runtime": runtime,
            "latency_ms": cell["latency_ms"],
            "family": family,
            "regime": "float, all layers on the NPU",
            "read_from": "table",
            "resolution_basis": "stated" if resolution_px == stated_px else "model-code",
            "source": AIHUB_SOURCE.format(model),
        }


def timm_networks(table: list[Row]) -> list[tuple[str, int]]:
    """Networks that all devices ran, spread over MACs: about the root of a module's number of each module.

    Of entries that differ in their weights only, the first counts.
    """
    from timm.models import list_models, list_modules

    on: dict[tuple[str, int], set[str]] = {}
    first: dict[tuple[str, int], Row] = {}
    for cell in table:
        if TIMM_DEVICES.get(cell["device"]) == cell["batch"]:
            key = (cell["model"].split(".")[0], int(cell["img_size"]))
            on.setdefault(key, set()).add(cell["device"])
            first.setdefault(key, cell)
    chosen = []
    for module in list_modules():
        names = set(list_models(module=module))
        alike: dict[tuple[str, ...], tuple[str, int]] = {}
        for key, devices in on.items():
            if key[0] in names and len(devices) == len(TIMM_DEVICES) and not key[0].startswith("test_"):
                figures = tuple(first[key][name] for name in ("img_size", "params_m", "gmacs", "macts"))
                alike.setdefault(figures, key)
        by_macs = sorted(alike.values(), key=lambda key: (float(first[key]["gmacs"]), key))
        chosen += _spread([key for key in by_macs if _is_as_it_ran(key, first[key])])
    return chosen


def _spread(networks: list[tuple[str, int]]) -> list[tuple[str, int]]:
    number = math.ceil(math.sqrt(len(networks)))
    if number < 2:
        return networks
    return [networks[round(i * (len(networks) - 1) / (number - 1))] for i in range(number)]


def _is_as_it_ran(key: tuple[str, int], cell: Row) -> bool:
    """Whether our network has the figures that the benchmark printed: it ran some with unmerged branches."""
    try:
        trace = network_trace(*key)
    except VitnasError as problem:
        print(problem)
        return False
    ours = {"params_m": trace.params / 1e6, "macts": trace.activations / 1e6, "gmacs": trace.macs / 1e9}
    for name, value in ours.items():
        tolerance = 0.08 if name == "gmacs" else 0.02  # the benchmark's MACs count pooling and norms too
        if abs(value - float(cell[name])) > tolerance * float(cell[name]) + 0.01:
            print(f"{key[0]} at {key[1]} px: {name} {value:.3g}, there {cell[name]}; left out")
            return False
    return True


def timm_rows(table: list[Row], device: str, networks: list[tuple[str, int]]) -> Iterator[Row]:
    """Rows of one device; the family is timm's module."""
    from timm.models import list_models, list_modules

    module_of = {name: module for module in list_modules() for name in list_models(module=module)}
    wanted = set(networks)
    for cell in table:
        key = (cell["model"].split(".")[0], int(cell["img_size"]))
        if (cell["device"], cell["batch"]) != (device, TIMM_DEVICES[device]) or key not in wanted:
            continue
        wanted.discard(key)  # further weights of the same network are no further evidence
        is_compiled = "dynamo" in cell["file"]
        yield {
            "model": cell["model"],
            "timm_name_if_any": key[0],
            "resolution": cell["img_size"],
            "batch": cell["batch"],
            "device": device,
            "runtime": "PyTorch 2.4, torch.compile" if is_compiled else "PyTorch 2.4, eager",
            "latency_ms": f"{1000 / float(cell['samples_per_sec']):.5g}",
            "family": module_of[key[0]],
            "regime": "compiled" if is_compiled else "eager",
            "read_from": "table",
            "resolution_basis": "stated",
            "source": TIMM_SOURCE.format(cell["file"]),
        }


def _read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {path}: {len(rows)} rows")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("hardware_profiles"))
    options = parser.parse_args()
    aihub = _read(options.data / "aihub.csv")
    for model, reason in AIHUB_SKIPPED.items():
        print(f"AI Hub: {model} is left out: {reason}")
    for name, (device, runtime) in AIHUB_DEVICES.items():
        _write(options.out / f"{name}.csv", list(aihub_rows(aihub, device, runtime)))
    timm = _read(options.data / "timm_benchmarks.csv")
    networks = timm_networks(timm)
    for name in TIMM_DEVICES:
        _write(options.out / f"{name}.csv", list(timm_rows(timm, name, networks)))


if __name__ == "__main__":
    main()
