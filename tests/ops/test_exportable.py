"""Every operator goes through torch.export, and through ONNX with ONNX Runtime's output equal to torch's."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import nn

from vitnas.arch.build import build_op
from vitnas.arch.features import Features

MAP, ODD, TOKENS = Features(16, 6), Features(16, 7), Features(16, 6, tokens=True)
CLASS_TOKEN = Features(16, 6, tokens=True, extra_tokens=1)
CASES: list[tuple[str, Features, int, dict[str, Any]]] = [
    ("conv_stem", Features(3, 32), 16, {}),
    ("conv_down", MAP, 24, {}),
    ("attention_down", MAP, 24, {}),
    ("attention_down", ODD, 24, {}),
    ("pool_mixer", MAP, 16, {}),
    ("conv_ffn", MAP, 16, {}),
    ("attention_ffn", MAP, 16, {}),
    ("attention_ffn", MAP, 16, {"stride": 2}),
    ("attention_ffn", ODD, 16, {"stride": 2}),
    ("attention_mlp", MAP, 16, {}),
    ("attention_mlp", TOKENS, 16, {}),
    ("pooled_classifier", MAP, 5, {"distilled": True}),
    ("pooled_classifier", MAP, 5, {"norm": "layer"}),
    ("pooled_classifier", TOKENS, 5, {"distilled": True}),
    ("patch_embed", Features(3, 32), 16, {}),
    ("patch_embed", Features(3, 40), 16, {"patch_px": 8, "class_token": False}),
    ("transformer_block", CLASS_TOKEN, 16, {"heads": 2, "head_dim": 8}),
    ("transformer_block", TOKENS, 16, {}),
    ("autoformer_block", CLASS_TOKEN, 16, {"heads": 2, "head_dim": 8}),
    ("autoformer_block", TOKENS, 16, {}),
    ("split_head_block", CLASS_TOKEN, 16, {}),
    ("pit_embed", Features(3, 36), 16, {}),
    ("pit_down", CLASS_TOKEN, 32, {}),
    ("token_classifier", CLASS_TOKEN, 5, {}),
    ("token_classifier", CLASS_TOKEN, 5, {"pool": "mean"}),
    ("overlap_patch_embed", Features(3, 32), 16, {"kernel_px": 7}),
    ("patch_merging", TOKENS, 24, {"kernel_px": 3}),
    ("window_block", TOKENS, 16, {"splits": 2, "heads": 3}),
    ("mlp_classifier", TOKENS, 5, {}),
]


def loud(op: str, inputs: Features, width: int, args: dict[str, Any]) -> nn.Module:
    """The operator in evaluation mode with every branch as strong as the residual."""
    torch.manual_seed(0)
    module = build_op(op, inputs, width, args).eval()
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith(("gamma", "table")):
                value.normal_()
    return module


@pytest.mark.parametrize(("op", "inputs", "width", "args"), CASES)
def test_torch_export(op: str, inputs: Features, width: int, args: dict[str, Any]) -> None:
    module, x = loud(op, inputs, width, args), torch.randn(inputs.shape(2))
    program = torch.export.export(module, (x,))
    assert torch.allclose(program.module()(x), module(x), atol=1e-5)


@pytest.mark.parametrize(("op", "inputs", "width", "args"), CASES)
def test_onnx_runtime(op: str, inputs: Features, width: int, args: dict[str, Any]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    module, x = loud(op, inputs, width, args), torch.randn(inputs.shape(1))
    file = io.BytesIO()
    program = torch.onnx.export(module, (x,), dynamo=True, verbose=False)
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert torch.allclose(torch.from_numpy(result), module(x), atol=1e-4)
