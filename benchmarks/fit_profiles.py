"""Every shipped fitted profile, fitted again to its shipped rows; the held-out error beside MACs alone.

    python benchmarks/fit_profiles.py [NAME ...] [--folder hardware_profiles]

Rewrites ``NAME.yaml`` and ``NAME.check.csv``; headings stay. Networks are traced once for all profiles.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from vitnas.hardware.profile.read import read_profile
from vitnas.hardware.published.fit_profile import FittedProfile, fit_profile

HEADER = "| profile | metric | rows | families | MAPE % | Spearman | MACs only: MAPE % | Spearman | s |"


def fitted_names(folder: Path) -> list[str]:
    """Profiles that were fitted to rows beside them."""
    profiles = {path.stem: read_profile(path) for path in sorted(folder.glob("*.yaml"))}
    return [name for name, p in profiles.items() if p.kind == "fitted" and p.hardware and p.rows]


def refit(name: str, folder: Path) -> FittedProfile:
    rows = read_profile(folder / f"{name}.yaml").rows
    assert rows is not None
    return fit_profile(folder / rows.file, name, folder)


def line(name: str, made: FittedProfile, seconds: float) -> str:
    ours, macs_only, rows = made.result.error, made.result.macs_only, made.profile.rows
    assert rows is not None
    cells = (
        name,
        made.profile.metric,
        str(rows.number),
        str(rows.families),
        f"{100 * ours.mape:.1f}",
        f"{ours.spearman:.3f}",
        f"{100 * macs_only.mape:.1f}",
        f"{macs_only.spearman:.3f}",
        f"{seconds:.0f}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("hardware_profiles"))
    options = parser.parse_args()
    print(HEADER + "\n" + "|---" * HEADER.count(" | ") + "|---|")
    for name in options.names or fitted_names(options.folder):
        start = time.perf_counter()
        made = refit(name, options.folder)
        print(line(name, made, time.perf_counter() - start), flush=True)
        if made.warning:
            print(f"warning: {name}: {made.warning}")


if __name__ == "__main__":
    main()
