"""Imports point one way (the order of the rooms below), and heavy packages stay in the files about them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vitnas"

# each room may import itself, `errors`, `plugins`, `plain`, `formats` and the rooms listed
MAY_IMPORT = {
    "_version": set(),
    "errors": set(),
    "plugins": set(),
    "plain": set(),
    "formats": set(),
    "units": set(),
    "figures": {"units"},
    "events": set(),
    "ops": {"arch"},
    "arch": {"store"},
    "space": {"arch"},
    "cost": {"arch", "space", "figures", "store"},
    "store": {"_version"},
    "hardware": {"arch", "space", "cost", "store", "figures", "units"},
    "quality": {"arch", "space", "cost", "store"},
    "law": {"arch"},
    "qualities": {"arch", "space", "cost", "quality", "training", "law"},
    "workers": set(),
    "bench": {"arch", "space", "cost", "quality", "workers", "store", "training", "events"},
    "searching": {"arch", "space", "cost", "figures", "units"},
    "strategies": {"arch", "space", "searching"},
    "training": {"arch", "cost", "quality", "store"},
    "run": {
        *("arch", "space", "cost", "hardware", "quality", "workers", "searching", "strategies"),
        *("figures", "units", "bench", "store", "training", "events", "models", "law"),
    },
    "scaling": {
        *("arch", "space", "cost", "hardware", "quality", "workers", "searching", "figures", "units"),
        *("bench", "store", "events"),
    },
    "check": {
        *("_version", "arch", "space", "cost", "hardware", "quality", "workers", "bench", "store", "figures"),
        *("events", "searching", "run"),
    },
    "study": {
        *("arch", "space", "quality", "searching", "figures", "units", "bench", "store", "events", "run"),
    },
    "doctor": {"store", "workers"},
    "scoring": {
        "arch",
        "space",
        "cost",
        "events",
        "hardware",
        "quality",
        "workers",
        "searching",
        "bench",
        "law",
    },
    "labelling": {"arch", "space", "quality", "searching", "store", "events", "run"},
    "models": {"arch", "space"},
    "api": {
        *(
            "law",
            "arch",
            "space",
            "cost",
            "quality",
            "hardware",
            "searching",
            "workers",
            "events",
            "store",
            "models",
            "figures",
        ),
        *("run", "scaling", "study", "labelling", "scoring", "report", "units"),
    },
    "testing": {"store", "arch", "space", "cost", "hardware", "quality", "searching", "models"},
    "report": {
        "store",
        "run",
        "searching",
        "figures",
        "units",
        "arch",
        "hardware",
        "quality",
        "events",
        "check",
        "law",
    },
    "export": {"arch", "space", "models", "hardware", "store"},
}
ONLY_IN = {
    "optuna": {"strategies", "study"},
    "sqlalchemy": {"study"},
    "fvcore": {"testing"},
    "scipy": {"hardware", "quality", "check", "law"},
    "timm": {"hardware", "export"},
    "onnx": {"export", "hardware"},
    "onnxruntime": {"export", "hardware"},
    "openvino": {"hardware"},
    "coremltools": {"hardware"},
    "matplotlib": {"api", "report"},
    "torchvision": {"hardware"},
    "typer": {"cli"},
    "moocore": {"searching"},
    "ray": {"workers", "doctor"},
    "safetensors": {"export"},
    "PIL": {"formats", "quality"},
    "pandas": {"api"},
    "IPython": {"report"},
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            if node.module == "vitnas":
                found |= {f"vitnas.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_extra":
            found |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return found


def files() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    here = room(path)
    if here in ("cli", "__init__", "__main__"):
        return  # they know everything
    allowed = MAY_IMPORT[here] | {here, "errors", "plugins", "plain", "formats"}
    used = {name.split(".")[1] for name in imports(path) if name.startswith("vitnas.")}
    assert used <= allowed, f"{here} must not import {used - allowed}"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_stay_where_they_belong(path):
    for name in imports(path):
        rooms = ONLY_IN.get(name.split(".")[0])
        assert rooms is None or room(path) in rooms, f"{name} is imported in {path.relative_to(PACKAGE)}"


def test_optuna_is_imported_in_few_files():
    found = [p for p in files() if any(n.split(".")[0] == "optuna" for n in imports(p))]
    names = {str(p.relative_to(PACKAGE)) for p in found}
    assert names == {"strategies/_optuna.py", "study/writer.py", "study/_tables.py"}


def test_the_table_names_every_room():
    rooms = {room(p) for p in files()} - {"cli", "__init__", "__main__"}
    assert rooms == set(MAY_IMPORT)
