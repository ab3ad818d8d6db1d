from __future__ import annotations

import subprocess
import sys

import pytest

import vitnas


def test_the_public_names_are_these() -> None:
    assert vitnas.__all__ == [
        "Architecture",
        "Family",
        "Front",
        "MeasureSettings",
        "Member",
        "Network",
        "Price",
        "ProgressiveTokens",
        "Run",
        "Scores",
        "Space",
        "TimmSpec",
        "TokenSchedule",
        "VitnasError",
        "WorkerSettings",
        "__version__",
        "build",
        "create_model",
        "export_onnx",
        "export_timm",
        "export_torch",
        "list_devices",
        "list_operators",
        "list_proxies",
        "list_qualities",
        "list_spaces",
        "list_strategies",
        "load_architecture",
        "load_device",
        "load_run",
        "load_space",
        "load_timm_weights",
        "measure_profile",
        "price",
        "save_architecture",
        "scale",
        "score",
        "search",
    ]
    assert vitnas.__all__ == sorted(vitnas.__all__)
    assert dir(vitnas) == vitnas.__all__


@pytest.mark.parametrize("name", vitnas.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(vitnas, name)
    if name != "__version__":
        assert value.__name__ == name
        assert value.__doc__
        assert getattr(vitnas, name) is value


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'vitnas' has no attribute 'creat_model'"):
        vitnas.creat_model  # noqa: B018


def test_import_needs_neither_torch_nor_numpy() -> None:
    program = "import sys, vitnas; print({'torch', 'numpy', 'yaml', 'optuna'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_from_vitnas_import_star_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from vitnas import *", names)
    assert set(vitnas.__all__) <= set(names)


def test_the_version_is_the_projects() -> None:
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert vitnas.__version__ == project["version"]
