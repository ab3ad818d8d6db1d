"""A family as a sequence, alike a front."""

from __future__ import annotations

import json

import pytest

import vitnas
from vitnas.errors import InvalidInput, RunCorrupt
from vitnas.events import Silent
from vitnas.space.files import load_architecture

SETTINGS = {"to": ["60k", 90e3], "rule": "compound"}


@pytest.fixture
def family(folder):
    return vitnas.scale("tiny:known", name="f", progress=False, **SETTINGS)


def test_a_family_is_a_sequence_of_networks(family):
    assert [m.facts["size"] for m in family] == [60_000, 90_000]
    assert family["60k"] is family[0] and list(family[1:]) == [family[1]]
    assert family[0].architecture.id == family[0].id and family[0].build(num_classes=3)
    assert family[0].costs["params"] <= 60_000 < family[1].costs["params"]
    assert list(family.to_pandas()["network"]) == ["60k", "90k"]
    assert "capacity" in family.report() and family.missed == {}


def test_it_shows_itself(family):
    assert repr(family).splitlines()[0] == "<Family f: finished, 2 networks>"
    assert "60k" in repr(family) and "<table>" in family._repr_html_()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert family.plot().get_xlabel() == "params M"


def test_loading_gives_the_same(family):
    loaded = vitnas.load_run("runs/f")
    assert isinstance(loaded, vitnas.Family)
    assert repr(loaded) == repr(family) and loaded.to_dict() | {"path": "", "seconds": 0} == {
        **json.loads(json.dumps(family.to_dict())),
        "path": "",
        "seconds": 0,
    }
    assert loaded.resume(progress=False) is loaded and loaded.state == "finished"
    (loaded.path / "family.json").write_text("[]")
    with pytest.raises(RunCorrupt, match=r"family\.json: expected names and values"):
        vitnas.load_run(loaded.path)


def test_from_any_network(family):
    from_member = vitnas.scale(family[0], name="g", progress=False, to=90e3, rule="compound")
    assert from_member.result.document["seed"]["id"] == family[0].id
    architecture = load_architecture("tiny:known")
    own = vitnas.scale(architecture, name="h", progress=False, **SETTINGS)
    assert [m.id for m in own] == [m.id for m in family]


def test_an_interrupted_family_goes_on(folder, family):
    class Interrupting(Silent):
        def stage(self, name, detail=""):
            if name.startswith("scaling from"):
                raise KeyboardInterrupt

    cut = vitnas.scale("tiny:known", name="cut", progress=Interrupting(), **SETTINGS)
    assert cut.state == "interrupted" and list(cut) == [] and cut.report()
    assert repr(cut) == "<Family cut: interrupted, 0 networks>"
    assert [m.id for m in cut.resume(progress=False)] == [m.id for m in family]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"file": None}, "name an architecture file or a published network"),
        ({"to": None}, "`to` is missing"),
        ({"rule": None}, "`rule` is missing"),
        ({"resume": "runs/x", "name": "y"}, "`name` cannot stand beside `resume`"),
        (
            {"resume": "runs/x", "file": None, "to": None, "rule": None, "seed": 2},
            "`seed` cannot stand beside",
        ),
    ],
)
def test_settings_that_are_missing_or_do_not_go_together(given, text):
    with pytest.raises(InvalidInput, match=text):
        vitnas.scale(**{"file": "tiny:known", "to": "60k", "rule": "compound", **given})
