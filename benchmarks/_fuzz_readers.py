"""Every reader of vitnas over a folder of good files, and how each file is made wrong."""

from __future__ import annotations

import functools
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import _fuzz_inputs as inputs
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from vitnas.api.family import Family
from vitnas.arch.schema import Architecture, read_architecture, save_architecture
from vitnas.events import Silent
from vitnas.export.weights import load_timm_weights
from vitnas.formats.pictures import decode_picture
from vitnas.hardware.kit.manifest import read_manifest
from vitnas.hardware.kit.results import read_results
from vitnas.hardware.load_device import load_device
from vitnas.hardware.published.compare_file import read_check
from vitnas.hardware.published.latency_rows import read_rows as read_latencies
from vitnas.models import create_model
from vitnas.quality.data.dataset import load_dataset
from vitnas.quality.data.decoded import try_out
from vitnas.quality.data.images import load_images
from vitnas.report.pages.proxy_results import read_check as read_scores
from vitnas.run.prepare import Setup, prepare
from vitnas.run.rating import kept_quality
from vitnas.run.read_labels import read_labels
from vitnas.run.read_result import read_result, read_whole_front
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space
from vitnas.store.folder import RunFolder
from vitnas.store.log import read_log
from vitnas.store.run_list import list_runs

Change = Callable[[random.Random], inputs.Input]
FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "runs_0_1_0"


@dataclass(frozen=True)
class Reader:
    """One way in.

    Attributes:
        name: of the reader.
        file: that is changed, in the working folder.
        change: makes a file, and says whether it is wrong by construction.
        read: what a user does with the file.
    """

    name: str
    file: Path
    change: Change
    read: Callable[[], object]


def readers(folder: Path) -> list[Reader]:
    """All readers, with good files in a folder that they may change."""
    shutil.copytree(FIXTURES / "capacity", folder / "run")
    shutil.copytree(FIXTURES / "measured" / "devices", folder / "devices")
    rooms = (_documents, _tables, _runs, _kept, _arrays, _weights)
    return [reader for room in rooms for reader in room(folder)]


def _changed(
    name: str, file: Path, change: Callable[[random.Random, str], inputs.Input], read: Callable[[], object]
) -> Reader:
    """A reader of texts."""
    good = file.read_text(encoding="utf-8")
    return Reader(name, file, lambda rng: change(rng, good), read)


def _bytes(good: bytes) -> Change:
    return lambda rng: inputs.damaged(rng, good)


def _documents(folder: Path) -> list[Reader]:
    space, network, device = folder / "space.yaml", folder / "net.yaml", folder / "devices" / "laptop.yaml"
    shutil.copy(FIXTURES / "capacity" / "space.yaml", space)
    save_architecture(_network(load_space(space)), network)

    def whole() -> object:
        found = load_space(space)
        return found.size, found.decode(found.sample(1, np.random.default_rng(0))[0]).id

    return [
        _changed("YAML: space", space, inputs.yaml_text, whole),
        _changed("YAML: network", network, inputs.yaml_text, lambda: read_architecture(network)),
        _changed("YAML: device", device, inputs.yaml_text, lambda: load_device(str(device))),
        Reader("YAML: bytes", space, _bytes(space.read_bytes()), whole),
    ]


def _network(space: object) -> Architecture:
    return space.decode(space.sample(1, np.random.default_rng(0))[0])  # type: ignore[attr-defined,no-any-return]


def _tables(folder: Path) -> list[Reader]:
    table, check = folder / "devices" / "laptop.csv", folder / "c.csv"
    results, truth = folder / "results.csv", folder / "truth.csv"
    labels, space = folder / "labels.csv", load_space(FIXTURES / "capacity" / "space.yaml")
    shutil.copy(FIXTURES / "capacity" / "new_labels.csv", labels)
    rows = "".join(f"b{k},{0.5 + k / 10},0.01,30\n" for k in range(12))
    results.write_text(f"id,latency_ms,iqr_ms,runs\n{rows}")
    rows = "".join(f"resnet18,224,{1 + k / 10},phone\n" for k in range(12))
    truth.write_text(f"timm_name_if_any,resolution,latency_ms,device\n{rows}")
    rows = "".join(f"n{k},f,224,{1 + k / 10},1.5\n" for k in range(12))
    check.write_text(f"network,family,resolution_px,true_ms,predicted_ms\n{rows}")
    laptop = str(folder / "devices" / "laptop.yaml")
    ways: list[tuple[str, Path, Callable[[], object]]] = [
        ("CSV: measured blocks", table, lambda: load_device(laptop)),
        ("CSV: held-out networks", check, lambda: read_check(check)),
        ("CSV: results of a kit", results, lambda: read_results(results)),
        ("CSV: latencies", truth, lambda: read_latencies(truth)),
        ("CSV: labels", labels, lambda: read_labels(labels, space)),
    ]
    return [_changed(name, file, inputs.csv_text, read) for name, file, read in ways]


def _runs(folder: Path) -> list[Reader]:
    run, checked, kit = folder / "run", folder / "accuracy.json", folder / "kit"
    shutil.copy(FIXTURES / "checked" / "accuracy.json", checked)
    kit.mkdir()
    (kit / "kit.json").write_text(json.dumps(_kit(), indent=1))

    def result() -> object:
        found, _ = read_result(run)
        front = read_whole_front(found)
        return list_runs(run), [member.architecture.id for member in found.front[:1]], front[:1]

    files = ("manifest.json", "front.json", "whole_front.json", "reference.json")
    log, state, listed = run / "evaluations.jsonl", run / "screen.npz", kit / "kit.json"
    return [
        *(_changed(f"JSON: {name}", run / name, inputs.json_text, result) for name in files),
        _changed("JSON: check of scores", checked, inputs.json_text, lambda: read_scores(checked)),
        _changed("JSON: kit", listed, inputs.json_text, lambda: read_manifest(kit)),
        Reader("log", log, _bytes(log.read_bytes()), lambda: read_log(log)),
        Reader("npz: state", state, _bytes(state.read_bytes()), RunFolder(run).load_state),
    ]


def _kept(folder: Path) -> list[Reader]:
    """What a run keeps of its qualities, and a family."""
    found = []
    for name in ("capacity", "fitted", "combined"):
        run = folder / "kept" / name
        shutil.copytree(FIXTURES / name, run)
        setup = prepare(SearchConfig.from_dict(RunFolder(run).open()), Silent(), run)
        read = functools.partial(_rated, setup, RunFolder(run))
        found.append(_changed(f"JSON: quality.json, {name}", run / "quality.json", inputs.json_text, read))
    sample = run / "reference_sample.json"
    found.append(_changed("JSON: reference_sample.json", sample, inputs.json_text, read))
    family = folder / "family"
    shutil.copytree(FIXTURES / "grown", family)
    return [
        *found,
        _changed("JSON: family.json", family / "family.json", inputs.json_text, lambda: _shown(family)),
    ]


def _rated(setup: Setup, run: RunFolder) -> object:
    """The scores of a few networks by the quality that a run has kept."""
    quality = kept_quality(setup, run)
    genomes = setup.pool[:3]
    return None if quality is None or quality.is_expensive else quality.rate(genomes, [{}] * len(genomes))


def _shown(family: Path) -> object:
    """A family as its owner sees it."""
    found = Family.load(family)
    return found.report(), found.to_dict(), found.missed


def _kit() -> dict[str, object]:
    probe = {"id": "a", "kind": "block", "name": "x", "file": "models/a.onnx", "copies": 1, "problem": ""}
    probes = [{**probe, "shape": [1, 3, 8, 8], "content": {"op": "conv_ffn"}}]
    kit = {"format": 1, "runtime": "onnx", "spaces": ["s.yaml"], "batch": 1, "resolution_px": None}
    more = {"copies": 4, "networks": 2, "blocks": None, "seed": 0, "dtype": "float32", "conditions": {}}
    return {**kit, **more, "probes": probes}


def _arrays(folder: Path) -> list[Reader]:
    file, rng = folder / "x.npz", np.random.default_rng(0)
    images, out = rng.integers(0, 255, (40, 8, 8, 3), np.uint8), io.BytesIO()
    np.savez(out, x_train=images, y_train=np.arange(40) % 2)

    def data() -> object:
        try_out(load_dataset(file), 3)
        return load_images(file).draw(2, 3, 8, 0)

    encoded = [io.BytesIO() for _ in range(6)]
    for stream, kind in zip(encoded, ("PNG", "JPEG", "WEBP", "BMP", "PPM", "TIFF"), strict=True):
        Image.fromarray(images[0]).save(stream, kind)
    picture = folder / "p.img"
    good = [stream.getvalue() for stream in encoded]
    return [
        Reader("npz: bytes", file, _bytes(out.getvalue()), data),
        Reader("npz: headers", file, _headers, data),
        Reader(
            "images",
            picture,
            lambda rng: inputs.damaged(rng, rng.choice(good)),
            lambda: decode_picture(picture.read_bytes(), "RGB", str(picture)),
        ),
    ]


def _headers(rng: random.Random) -> inputs.Input:
    """Arrays that announce another shape or type than they have."""
    out = io.BytesIO()
    shape = rng.choice(
        ["(40, 8, 8, 3)", "(99999999999, 8, 8, 3)", "(-1,)", "()", "('a',)", "(40,)", "(0, 8, 8, 3)"]
    )
    kind = rng.choice(["|u1", "<f8", "|O", "<U9", "V8", "<c16", "<M8[s]", "x", "|b1"])
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(7680)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x_train.npy", "y_train.npy", "../../escaped.npy"):
            archive.writestr(name, data)
    return out.getvalue(), True


def _weights(folder: Path) -> list[Reader]:
    made = create_model(folder / "net.yaml")
    state = made.state_dict()
    safe, plain, out = folder / "w.safetensors", folder / "w.pth", io.BytesIO()
    torch.save(state, out)
    return [
        Reader("safetensors", safe, _bytes(save(state)), lambda: load_timm_weights(made, safe)),
        Reader("pth", plain, _bytes(out.getvalue()), lambda: load_timm_weights(made, plain)),
    ]
