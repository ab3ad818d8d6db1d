"""Costs of older code are never used: the key of a kept table covers all code, and networks are traced."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from vitnas import plugins
from vitnas.arch.build import build
from vitnas.arch.schema import Architecture
from vitnas.cost import cache
from vitnas.cost.priced import Figures
from vitnas.cost.table import CostTable
from vitnas.errors import StaleCosts
from vitnas.plugins.places import packaged
from vitnas.space.files import load_space

HEAD = """
import torch
{imports}
class MyHead({base}):
    "A head."

    def __init__(self, inputs, width: int) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(inputs.channels, {hidden}())
        self.outer = torch.nn.Linear({hidden}(), width)

    def forward(self, x):
        return self.outer(self.inner(x.mean((2, 3))))
"""
SPACE = {
    "name": "stale",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [{"width": {"choice": [8, 16]}, "blocks": [{"op": "conv_ffn", "expansion": 1}]}],
    "head": {"op": "my_head"},
}
FOUR = "def hidden():\n    return 4\n"
MODULES = ("stale_helper", "stale_base", "stale_deep", "stale_pkg", "stale_pkg.inner", "stale_plugin")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes a file, and forgets modules as a new process would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path / "cache"))
    for folder in (".", "site-packages"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    packaged.cache_clear()

    def forget() -> None:
        for name in [name for name in sys.modules if name in MODULES or name.endswith("ops_my_head")]:
            del sys.modules[name]
        packaged.cache_clear()

    def to(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        forget()

    yield to
    forget()


def key() -> Path | None:
    """Of the table of the space."""
    return cache.path_of(load_space(SPACE), Figures())


def own(write: Callable[[str, str], None], imports: str, hidden: str, base: str = "torch.nn.Module") -> None:
    write("ops/my_head.py", HEAD.format(imports=imports, hidden=hidden, base=base))


def helper(write: Callable[[str, str], None]) -> str:
    own(write, "from stale_helper import hidden", "hidden")
    return "stale_helper.py"


def helper_in_a_function(write: Callable[[str, str], None]) -> str:
    lazy = "def f():\n    import stale_helper as h\n    return h.hidden()\n"
    own(write, lazy, "f")
    return "stale_helper.py"


def helper_of_a_helper(write: Callable[[str, str], None]) -> str:
    write("stale_helper.py", "import stale_deep\nhidden = stale_deep.hidden\n")
    own(write, "import stale_helper", "stale_helper.hidden")
    return "stale_deep.py"


def base_class(write: Callable[[str, str], None]) -> str:
    own(write, "from stale_base import Base, hidden", "hidden", "Base")
    return "stale_base.py"


def module_of_a_package(write: Callable[[str, str], None]) -> str:
    write("stale_pkg/__init__.py", "from .inner import *")
    own(write, "import stale_pkg", "stale_pkg.hidden")
    return "stale_pkg/inner.py"


def parent_package(write: Callable[[str, str], None]) -> str:
    write("stale_pkg/inner.py", "import stale_pkg\nhidden = lambda: stale_pkg.hidden()\n")
    own(write, "from stale_pkg.inner import hidden", "hidden")
    return "stale_pkg/__init__.py"


def entry_point(write: Callable[[str, str], None]) -> str:
    info = "site-packages/stale_plugin-1.dist-info"
    write(f"{info}/METADATA", "Metadata-Version: 2.1\nName: stale_plugin\nVersion: 1\n")
    write(f"{info}/entry_points.txt", "[vitnas.ops]\nmy_head = stale_plugin.head:MyHead\n")
    write("site-packages/stale_plugin/head.py", HEAD.format(imports=IMPORT, hidden="hidden", base=MODULE))
    return "site-packages/stale_plugin/sizes.py"


IMPORT, MODULE = "from .sizes import hidden", "torch.nn.Module"
MODULES = (*MODULES, "stale_plugin.head", "stale_plugin.sizes")
WAYS = [
    *(helper, helper_in_a_function, helper_of_a_helper, base_class, module_of_a_package, parent_package),
    entry_point,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_table_is_made_anew_when_code_has_changed(write, way):
    changed = way(write)
    base = "import torch\nBase = torch.nn.Module\n"
    write(changed, base + FOUR)
    before = CostTable.cached(load_space(SPACE))
    path = key()
    assert path is not None and path.is_file()
    write(changed, base + FOUR)
    assert key() == path
    write(changed, base + FOUR.replace("4", "1000"))
    assert key() not in (path, None)
    after = CostTable.cached(load_space(SPACE))
    genomes = after.space.sample(2, np.random.default_rng(0))
    after.require_traced(genomes)
    assert (after.price(genomes)["params"] > before.price(genomes)["params"] + 9000).all()


def test_the_version_of_a_package_counts(write):
    write(entry_point(write), FOUR)
    before = key()
    write(
        "site-packages/stale_plugin-1.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: stale_plugin\nVersion: 2\n",
    )
    assert key() not in (before, None)


@pytest.mark.parametrize(
    "text",
    [
        "def hidden():\n    return int(open('size.txt').read())\n",
        "import os\ndef hidden():\n    return int(os.environ.get('SIZE', 4))\n",
        "import importlib\ndef hidden():\n    return importlib.import_module('sizes').hidden\n",
        "from pathlib import Path\ndef hidden():\n    return int(Path('size.txt').read_text())\n",
        "def hidden():\n    return eval('4')\n",
    ],
    ids=["open", "environ", "import_module", "read_text", "eval"],
)
def test_what_cannot_be_known_is_not_kept(write, text):
    write(helper(write), text)
    assert key() is None


def test_code_that_changed_after_it_was_imported_is_not_kept(write, tmp_path):
    write(helper(write), FOUR)
    assert key() is not None
    (tmp_path / "stale_helper.py").write_text(FOUR.replace("4", "5"))  # the module stays as it was imported
    assert key() is None


def stale_table(write: Callable[[str, str], None]) -> CostTable:
    """A table that was kept from older code under the key of today's."""
    write(helper(write), FOUR)
    old = CostTable.build(load_space(SPACE))
    write("stale_helper.py", FOUR.replace("4", "1000"))
    space = load_space(SPACE)
    cache.save(cache.path_of(space, Figures()), old.columns)
    return CostTable(space, old.figures, old.columns)


def test_a_kept_table_that_is_wrong_is_an_error_that_drops_it(write):
    table = stale_table(write)
    path = key()
    assert path is not None and path.is_file()
    with pytest.raises(StaleCosts, match=r"the costs say [\d,]+ params of stale-\w+, the network has"):
        table.require_traced(table.space.sample(1, np.random.default_rng(0)))
    assert not path.exists()


def test_and_it_is_not_used(write):
    stale_table(write)
    table = CostTable.cached(load_space(SPACE))
    table.require_traced(table.space.sample(2, np.random.default_rng(0)))


def test_a_file_whose_figures_are_not_its_networks_is_refused(write):
    write(helper(write), FOUR)
    space = load_space(SPACE)
    document = space.decode(space.sample(1, np.random.default_rng(0))[0]).to_dict()
    found = Architecture.from_dict(document)
    stated = {"metrics": {"params": 4014}, "provenance": {"id": found.id}}
    with pytest.raises(StaleCosts, match="says 4014 params"):
        build(Architecture.from_dict({**document, **stated}))
    build(Architecture.from_dict({**document, **stated, "classes": 20}))  # edited: what it says is of another


def test_ours_are_known_by_our_sources_alone():
    assert plugins.is_shipped("operator", "conv_ffn") and not cache.foreign_operators(load_space("vit"))
