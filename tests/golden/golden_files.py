"""Golden fronts: how they are kept, and what counts as the same front.

    python tests/golden/golden_files.py FOLDER

writes the files of ``fronts/`` from the cases that ran in FOLDER, after a change of fronts on purpose.
``benchmarks/same_fronts.py --keep`` leaves such folders, ``before`` and ``after``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "searches.yaml").read_text(encoding="utf-8"))
GOLDEN: dict[str, float] = {name: case["golden"] for name, case in CASES.items() if "golden" in case}
NETWORKS = 1e-4  # what a network computes differs that much between processors
MEASURED = ("scores", "health")  # parts of a front that networks computed, whatever was searched


def document(case: str, folder: Path) -> dict[str, Any]:
    """What is kept of a case that ran in a folder."""
    fronts = {
        str(path.parent.relative_to(folder)): front(path) for path in sorted(folder.rglob("front.json"))
    }
    assert fronts, f"{case} wrote no front"
    return {"optuna": version("optuna"), "fronts": fronts}


def front(file: Path) -> dict[str, Any]:
    """What is kept of a front or a family: all but the health of single blocks."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for member in found["members"]:
        member.get("health", {}).pop("blocks", None)
    return found


def differences(expected: Any, found: Any, rel: float, where: str = "") -> Iterator[str]:
    """Places where a document is not the expected one; floats may differ by a relative error."""
    if where.rpartition(".")[2] in MEASURED:
        rel = max(rel, NETWORKS)
    if isinstance(expected, dict) and isinstance(found, dict) and list(expected) == list(found):
        for key, value in expected.items():
            yield from differences(value, found[key], rel, f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for k, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, rel, f"{where}[{k}]")
    elif not _same(expected, found, rel):
        yield f"{where}: {expected!r} -> {found!r}"


def _same(expected: Any, found: Any, rel: float) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=rel, abs_tol=rel)
    return type(expected) is type(found) and bool(expected == found)


def main() -> None:
    """Write the files."""
    for case in GOLDEN:
        text = json.dumps(document(case, Path(sys.argv[1]) / case), separators=(",", ":"))
        (HERE / "fronts" / f"{case}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
