"""What single runtimes do that others need not."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from vitnas import plugins
from vitnas.errors import InvalidInput, MissingExtra
from vitnas.hardware.measure.onnx_file import onnx_bytes
from vitnas.hardware.measure.runtime import CannotConvert
from vitnas.hardware.measure.runtimes import _pytorch


class Transform(nn.Module):
    """No operator of ONNX does this."""

    def forward(self, x):
        return torch.fft.fft2(x).real


class Branch(nn.Module):
    """What it does depends on the data, so it is no one graph."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


class Threads(nn.Module):
    """Says with how many threads it is run."""

    def forward(self, x):
        return x * 0 + torch.get_num_threads()


def runtime(name, threads=1):
    return plugins.load_plugin("runtime", name)(threads)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("onnxruntime", "onnxruntime", "onnx"), ("openvino", "openvino", "openvino")],
)
def test_a_missing_package_names_its_extra(name, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"vitnas\[{extra}\]"):
        runtime(name)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_without_the_exporter_the_extra_is_named(name, monkeypatch):
    pytest.importorskip(name)
    made = runtime(name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"vitnas\[onnx\]"):
        made.prepare(nn.ReLU(), torch.randn(1, 8))


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_an_operator_that_onnx_lacks_is_named(name):
    pytest.importorskip(name)
    with pytest.raises(CannotConvert, match="fft"):
        runtime(name).prepare(Transform(), torch.randn(1, 8, 8))


def test_openvino_keeps_float32_and_its_threads():
    pytest.importorskip("openvino")
    model = onnx_bytes(nn.Conv2d(8, 8, 3), torch.randn(1, 8, 16, 16))
    compiled = runtime("openvino", 2).compiled(model)
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_compiled_torch_wants_one_graph():
    with pytest.raises(CannotConvert, match=r"(?i)data-dependent"):
        runtime("torch").prepare(Branch(), torch.randn(1, 8))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs no C++ compiler")
def test_compiled_torch_says_what_to_install():
    from torch._inductor import config

    with config.patch({"cpp.cxx": ("no-such-compiler",)}), pytest.raises(InvalidInput, match=r"g\+\+"):
        runtime("torch").prepare(nn.Sequential(nn.ReLU(), nn.Softmax(1)), torch.randn(1, 9))


def test_compiled_torch_takes_more_blocks_of_an_operator_than_it_recompiles():
    made, limit = runtime("torch"), 8
    with torch._dynamo.config.patch(recompile_limit=limit):  # whatever other tests have set
        first, *_ = [made.prepare(nn.ReLU(), torch.ones(1, size)) for size in range(2, 4 + limit)]
    assert first.outputs().shape == (1, 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has no threads")
def test_torch_runs_with_the_threads_that_it_says():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        timed = runtime("torch-eager", 2).prepare(Threads(), torch.ones(1, 8))
        assert timed.outputs()[0, 0] == 2
        assert runtime("torch-eager", 2).conditions().threads == 2
    finally:
        torch.set_num_threads(before)


def test_a_gpu_refuses_threads_and_says_what_it_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
    said = _pytorch.Place(1).conditions("eager")
    assert (said.device, said.compute_units, said.dtype, said.threads) == ("Some GPU", "GPU", "float16", 0)
    with pytest.raises(InvalidInput, match="`threads` 4"):
        _pytorch.Place(4)


def test_only_eager_is_called_eager():
    assert runtime("torch-eager").eager
    assert not runtime("torch").eager
