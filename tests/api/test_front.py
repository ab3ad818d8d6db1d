"""A front as a sequence: positions, names, frames, choices, pictures, networks."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vitnas
from vitnas.errors import InvalidInput, NothingFeasible, UnknownName, VitnasError


@pytest.fixture(scope="module")
def run(searched):
    return vitnas.load_run(searched / "runs" / "ranked")


@pytest.fixture
def front(run):
    return run.front


def test_positions_slices_and_iteration(front):
    assert len(front) == 2 and list(front) == [front[0], front[1]] == [front[-2], front[-1]]
    assert list(front[1:]) == [front[1]] and list(front[::-1]) == [front[1], front[0]]
    assert front[0] in front and front.index(front[1]) == 1


@pytest.mark.parametrize("at", [2, 99, -3])
def test_a_position_that_is_not_there(front, at):
    text = rf"^front\[{at}\]: no such network, there are 2, 0 to 1$"
    with pytest.raises(VitnasError, match=text):
        front[at]
    with pytest.raises(IndexError, match=text):
        front[at]


def test_what_is_no_position(front):
    for at in (1.5, None, object()):
        with pytest.raises(InvalidInput, match="expected a position"):
            front[at]
    with pytest.raises(UnknownName, match="front: unknown network 'nope'"):
        front["nope"]


def test_a_network_by_its_id_or_file(front):
    assert front[front[1].id] is front[1]
    assert front[f"02-{front[1].id}"] is front[1]


def test_a_member_is_a_network_everywhere(run, front, tmp_path):
    member = front[1]
    assert repr(member).startswith(f"<Member best/02-{member.id}.yaml: quality ")
    assert len(repr(member)) < 160
    assert member.architecture.id == member.id
    network = member.build(num_classes=7, resolution_px=96)
    assert network.head(network.forward_features(__import__("torch").zeros(2, 3, 96, 96)))[0].shape == (7,)
    saved = member.save(tmp_path / "mine.yaml")
    for source in (member, member.architecture, member.file, saved, str(saved)):
        assert vitnas.load_architecture(source).id == member.id
        assert vitnas.price(source).params == member.costs["params"]
    assert [row["id"] for row in vitnas.score(front)] == [m.id for m in front]
    assert vitnas.export_torch(member, tmp_path / "m.pt2").path.is_file()


def test_published_networks_are_there_as_well(run):
    known = run.references["known"]
    assert known.file == "" and known.architecture.id == known.id and known.build()
    assert known.facts["top1"] == 50.0


def test_frames(front):
    frame = front.to_pandas()
    assert list(frame["id"]) == [m.id for m in front]
    assert {"network", "quality", "params", "macs", "depth", "file", "token_entropy"} <= set(frame.columns)


def test_the_best_within_limits(front):
    small, large = sorted(front, key=lambda m: m.costs["params"])
    assert front.best() is front.best("quality") is max(front, key=lambda m: m.quality)
    assert front.best("params") is small
    assert front.best(params=small.costs["params"]) is small
    assert front.best(params=f"{large.costs['params']}") is front.best()
    with pytest.raises(NothingFeasible, match=r"no network of the front has params <= 10 \(it has "):
        front.best(params=10)
    with pytest.raises(UnknownName, match="best: unknown limit 'parms'; did you mean 'params'"):
        front.best(parms=10)
    with pytest.raises(UnknownName, match="unknown objective 'qualty'"):
        front.best("qualty")
    with pytest.raises(VitnasError):
        front.best(latency="2ms")  # no device
    with pytest.raises(InvalidInput, match="`params`: expected a number"):
        front.best(params=object())


def test_pictures(run, front):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = front.plot()
    assert axes.get_xlabel() == "MACs G" and axes.get_ylabel() == "quality (capacity)"
    labels = [text.get_text() for text in axes.texts]
    assert labels == ["0", "1", "known"]
    assert run.whole_front.plot(x="params", ax=axes) is axes and axes.get_xlabel() == "params M"
    with pytest.raises(UnknownName, match="unknown objective 'speed'"):
        front.plot(x="speed")


def test_tables(front):
    lines = repr(front).splitlines()
    assert lines[-2].split()[0] == "0" and lines[-1].split()[0] == "1"
    assert front._repr_html_().count("<tr") == 3
    assert repr(front[:0]) == "<front: empty>"


@pytest.mark.parametrize(("package", "call"), [("pandas", "to_pandas()"), ("matplotlib", "plot()")])
def test_a_missing_package_is_named_with_its_extra(run, package, call):
    program = (
        f"import sys; sys.modules[{package!r}] = None; import vitnas\n"
        f"try: vitnas.load_run({str(run.path)!r}).front.{call}\n"
        "except vitnas.VitnasError as problem: print(problem)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"this needs the package '{package}': pip install 'vitnas[")
