"""Writes the figures of results/*.json into README.md, so that nobody types a figure by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import _common as common

HERE = Path(__file__).parent
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = "| what | value | beside it | its value | ratio | target | |\n|---|---:|---|---:|---:|---:|---|"
ORDER = (
    "house", "pricing", "table", "loop_overhead", "proxy_overhead", "length_distortion",
    "help_time", "default_search", "throughput", "strategies",
    "measured_latency", "measured_again", "kit_round_trip", "calibration",
    "capacity_truth", "proxy_truth", "label_free", "fitted_labels", "hybrid_truth", "asvit", "funnel_demo",
    "ray_workers", "driver_rate", "thousand_workers", "million_log", "chaos",
    "fuzz", "kills", "full_disk", "same_fronts", "mirror",
)  # fmt: skip


def main() -> None:
    """Rewrite the part of README.md between the two marks."""
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    found = [
        json.loads(path.read_text(encoding="utf-8")) for name in ORDER if (path := _file(name)).is_file()
    ]
    text = "\n\n".join(section(document) for document in found)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    print(f"{readme.name}: {len(found)} of {len(ORDER)} benchmarks")


def _file(name: str) -> Path:
    return HERE / "results" / f"{name}.json"


def section(document: dict[str, Any]) -> str:
    """One benchmark in Markdown."""
    keys = ("what", "value", "unit", "target", "beside", "other", "interval")
    rows = [
        common.cells(common.Figure(**{key: figure[key] for key in keys})) for figure in document["figures"]
    ]
    lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    machine = document["machine"]
    facts = [f"{machine['cpu']}, {machine['cores']} cores", f"Python {machine['python']}"]
    facts += [f"{name} {machine[name]}" for name in ("torch", "numpy", "optuna")]
    head = f"### `{document['benchmark']}.py`: {document['title']}\n\n{', '.join(facts)}; {machine['date']}."
    notes = "".join(f"\n- {note}" for note in document["notes"])
    return f"{head}\n\n{HEAD}\n" + "\n".join(lines) + (f"\n{notes}" if notes else "")


def _escaped(cell: str) -> str:
    """A cell; leading spaces mark a part of the row above."""
    text = cell.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
    return "&nbsp;&nbsp;" + text.strip() if cell.startswith("  ") else text


if __name__ == "__main__":
    main()
