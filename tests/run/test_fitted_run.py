"""Searches by a fitted quality: labels are copied, a resumed run has the same front, labels come back."""

from __future__ import annotations

import csv
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vitnas.arch.schema import read_architecture
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData, InvalidInput, RunError
from vitnas.labelling import add_labels, ask_labels, inherited
from vitnas.run import search as searches
from vitnas.run.prepare import RatingSettings
from vitnas.run.read_labels import labels_text, read_labels
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space

# few networks are built at the end of a search: they are not what is tested
run_search, resume_search = (
    partial(begin, rating=RatingSettings(reference_networks=2))
    for begin in (searches.run_search, searches.resume_search)
)


def truth(genomes):
    """A made-up accuracy (n,) of genomes of ``tiny``: size, and later blocks' expansions more."""
    space = load_space("tiny")
    params = np.log(CostTable.cached(space).price(genomes)["params"])
    return params + 0.1 * (genomes * np.linspace(0, 1, genomes.shape[1])).sum(axis=1)


@pytest.fixture
def labels(folder):
    """``labels.csv`` of 40 networks, with a second column, a row twice and a blank."""
    space = load_space("tiny")
    genomes = np.unique(space.sample(60, np.random.default_rng(0)), axis=0)[:40]
    rows = [[g.tobytes().hex(), f"{v:.6f}", "1"] for g, v in zip(genomes, truth(genomes), strict=True)]
    rows += [[rows[0][0], rows[0][1], "2"], [rows[1][0], "", "3"]]
    with open("labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["genome", "top1", "epochs"], *rows])
    return Path("labels.csv")


def config(**changes):
    settings = {"space": "tiny", "quality": "fitted", "labels": "labels.csv", "label": "top1", "front": 2}
    return SearchConfig(**{**settings, "trials": 3000, "budgets": (("max-params", "100k"),), **changes})


def test_a_run_keeps_its_labels_and_resumes_to_the_same_front(labels):
    result = run_search(config(), name="whole")
    assert result.notes[0].startswith("fitted on 40 labels (top1 of labels.csv), cross-validated tau")
    said = result.front[0].scores["fitted"]
    assert said["low"] < said["value"] < said["high"] and said["value"] == result.front[0].quality
    state = json.loads(Path("runs/whole/quality.json").read_text())["state"]
    assert state["validation"]["tau"] > 0.5 and len(state["values"]) == 40

    labels.unlink()  # a resumed run reads its copy
    whole = Path("runs/whole/front.json").read_bytes()
    shutil.copytree("runs/whole", "runs/cut")
    # stopped before its first state was saved, and before its quality was
    for lost in (["screen.npz"], ["screen.npz", "quality.json"]):
        for name in ["front.json", *lost]:
            (Path("runs/cut") / name).unlink(missing_ok=True)
        resume_search("runs/cut")
        assert Path("runs/cut/front.json").read_bytes() == whole


def test_changed_labels_are_refused(labels):
    run_search(config(trials=500), name="a")
    copy = Path("runs/a/labels.csv")
    copy.write_text(copy.read_text().replace(",1", ",2", 1))
    with pytest.raises(RunError, match=r"labels.csv is not the one that the run began with; restore it$"):
        resume_search("runs/a")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": None, "label": None}, "`quality` fitted needs `labels`"),
        ({"quality": "capacity"}, "`labels` is for `quality` fitted; 'capacity' learns from none"),
        ({"labels": None, "quality": "capacity"}, "`label` names a column of `labels`"),
        ({"label": None}, r"several columns may be labels \(top1, epochs\); name one with `label`"),
        ({"label": "top"}, "unknown label 'top'; did you mean 'top1'"),
        ({"labels": "none.csv"}, "none.csv: cannot be read"),
        ({"labels": "runs"}, "'runs' is neither a table of labels nor a run folder"),
        ({"labels": "few.csv"}, "few.csv: 3 labelled architectures.*at least 10"),
        ({"labels": "odd.csv"}, "odd.csv:2: column 'genome': no genome of 'tiny'"),
    ],
)
def test_wrong_labels_are_said_before_anything_is_written(labels, changes, said):
    Path("runs").mkdir()
    lines = labels.read_text().splitlines()
    Path("few.csv").write_text("\n".join(lines[:4]))
    Path("odd.csv").write_text(f"{lines[0]}\nffff,1,1\n")
    with pytest.raises((InvalidInput, InvalidData), match=said):
        run_search(config(**changes))
    assert not any(Path("runs").iterdir())


def test_asked_labelled_and_searched_again(folder):
    run_search(config(quality="capacity", labels=None, label=None), name="x")
    asked = ask_labels("runs/x", 30)
    assert len(asked.files) == 30 and asked.from_front and asked.label == "accuracy"
    assert ask_labels("runs/x", 5).folder == Path("runs/x/to_label-2"), "a filled-in table is never lost"
    space = load_space("tiny")
    with pytest.raises(InvalidData, match="no row has a label"):
        add_labels("runs/x", asked.table)

    rows = list(csv.DictReader(asked.table.open()))
    genomes = np.array([list(bytes.fromhex(row["genome"])) for row in rows], np.uint8)
    assert (CostTable.cached(space).price(genomes)["params"] <= 100_000).all()
    for row, genome, value in zip(rows, genomes, truth(genomes), strict=True):
        assert (space.encode(read_architecture(asked.folder / row["file"])) == genome).all()
        row["accuracy"] = "" if row is rows[-1] else f"{value:.5f}"
    with asked.table.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    added = add_labels("runs/x", asked.table)
    assert (added.added, added.known) == (29, 29)
    assert add_labels("runs/x", asked.table).added == 0, "the same labels once more are no news"

    again = inherited("runs/x")
    assert again["budgets"] == (("max-params", "100k"),)
    settings = {"labels": "runs/x", "label": None, "space": again["space"]}
    result = run_search(config(**settings), name="y")
    assert result.notes[0].startswith("fitted on 29 labels (accuracy of runs/x)")
    # what is added later stands beside what the run was fitted on
    more = ask_labels("runs/y", 10)
    assert more.known == 29
    known = {g.tobytes() for g in read_labels("runs/y", space).genomes}
    new = [row["genome"] for row in csv.DictReader(more.table.open())]
    assert not known & {bytes.fromhex(text) for text in new}
    Path("more.csv").write_text("genome,accuracy\n" + "".join(f"{g},{k}.5\n" for k, g in enumerate(new)))
    before = Path("runs/y/labels.csv").read_bytes()
    assert add_labels("runs/y", "more.csv").known == 39
    assert Path("runs/y/labels.csv").read_bytes() == before
    kept = Path("runs/y/new_labels.csv")
    kept.write_text(kept.read_text().rstrip("\n"))  # as an editor does
    Path("last.csv").write_text(f"genome,accuracy\n{rows[-1]['genome']},7\n")
    assert add_labels("runs/y", "last.csv").known == 40
    assert len(kept.read_text().splitlines()) == 12
    resume_search("runs/y")


def test_labels_of_another_kind_or_space_are_refused(labels):
    run_search(config(trials=500), name="a")
    Path("loss.csv").write_text(labels.read_text().replace("top1", "loss"))
    with pytest.raises(InvalidInput, match="labels of two kinds cannot be mixed"):
        add_labels("runs/a", "loss.csv", label="loss")
    with pytest.raises(InvalidInput, match="are of space 'tiny' as it was searched there, not of 'vit'"):
        read_labels("runs/a", load_space("vit"))
    with pytest.raises(RunError, match="no run in"):
        ask_labels("nothing", 3)
    with pytest.raises(RunError, match="exists already"):
        ask_labels("runs/a", 3, out=ask_labels("runs/a", 3).folder)


def test_the_copy_of_labels_reads_back_to_the_last_bit(labels):
    space = load_space("tiny")
    known = read_labels(labels, space, "top1")
    assert len(known) == 40 and len(known.notes) == 2
    Path("copy.csv").write_text(labels_text(known))
    copy = read_labels("copy.csv", space)
    assert np.array_equal(copy.values, known.values) and np.array_equal(copy.genomes, known.genomes)
