"""A space that is small enough to search in seconds."""

from __future__ import annotations

import pytest
import yaml

TINY = {
    "name": "tiny",
    "description": "a small space for tests",
    "input": {"channels": 3, "resolution_px": 64},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 32, 4]},
            "blocks": [
                {"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [1, 2, 3, 4]}}
            ],
        },
        {
            "down": {"op": "conv_down"},
            "width": {"range": [16, 64, 8]},
            "blocks": [
                {"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [1, 2, 3, 4]}},
                {
                    "op": "attention_ffn",
                    "repeat": {"range": [0, 2]},
                    "expansion": {"choice": [1, 2, 3]},
                    "heads": 2,
                    "key_dim": 8,
                },
            ],
        },
    ],
    "head": {"op": "pooled_classifier"},
    "recipe": {"optimizer": "adamw"},
    "references": {
        "known": {
            "genes": {
                "stages.0.width": 16,
                "stages.0.blocks.0.repeat": 2,
                "stages.0.blocks.0.expansion": 2,
                "stages.1.width": 32,
                "stages.1.blocks.0.repeat": 2,
                "stages.1.blocks.0.expansion": [2, 4],
                "stages.1.blocks.1.repeat": 1,
                "stages.1.blocks.1.expansion": 2,
            },
            "top1": 50.0,
            "source": "made up for tests",
        }
    },
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path
