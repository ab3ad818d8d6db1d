from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vitnas.plugins.places import packaged

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file of the user's; the test stands in the user's folder."""
    monkeypatch.chdir(tmp_path)

    def to(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return to


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package with one module and entry points."""
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, module: str, group: str, *points: str) -> None:
        info = site / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        lines = [f"{point} = {name}:{point.replace('-', '_').title().replace('_', '')}" for point in points]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
        (site / f"{name}.py").write_text(module)
        packaged.cache_clear()

    packaged.cache_clear()
    yield install
    packaged.cache_clear()
