from __future__ import annotations

import copy
import json
import os

import pytest

from vitnas.cli.main import main
from vitnas.doctor import diagnose as doctor
from vitnas.doctor.diagnose import GIB, PACKAGES, diagnose
from vitnas.doctor.folder_check import examined
from vitnas.errors import ClusterError, missing_extra
from vitnas.store import system
from vitnas.workers import node_report

SHARED = {"shared": True, "writable": True, "locked": True, "problem": ""}


@pytest.fixture(scope="module")
def facts():
    """Of this machine, with memory to spare."""
    found = node_report.report(PACKAGES)
    found |= {"memory": {"total_bytes": 64 * GIB, "free_bytes": 64 * GIB}, "gpus": [], "gpu_problem": ""}
    return found | {"cores": 4.0, "folder": SHARED}


@pytest.fixture
def cluster(facts, monkeypatch, tmp_path):
    """Three nodes, the first of them here; ``change(k, ...)`` what one of them says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(node_report, "report", lambda *_: copy.deepcopy(facts))
    nodes = [node_report.Node(f"10.0.0.{k}", k == 0, 4.0, 0.0, copy.deepcopy(facts)) for k in range(3)]
    monkeypatch.setattr(doctor, "_ask", lambda address, arguments: nodes)
    return nodes


def said(found):
    return [(f.where, f.what, f.must) for f in found.findings if "free_bytes" not in f.what]


def test_all_is_well(cluster):
    found = diagnose("auto")
    assert found.well and found.findings == []
    assert [node.address for node in found.nodes] == ["10.0.0.0", "10.0.0.1", "10.0.0.2"]


def test_versions_that_differ_are_named_with_both(cluster, facts):
    versions = cluster[1].facts["versions"]
    versions |= {"torch": "1.0", "scipy": None, "timm": None, "rich": "0.1"}
    cluster[1].facts["python"] = "3.11.0"
    cluster[2].facts["source"] = "11111111"
    found = diagnose("auto")
    here = facts["versions"]
    assert not found.well
    assert said(found) == [
        ("node 10.0.0.1", "the package 'scipy' is missing", True),
        ("node 10.0.0.1", f"Python 3.11.0, here {facts['python']}", True),
        ("node 10.0.0.1", f"torch 1.0, here {here['torch']}", True),
        (
            "node 10.0.0.2",
            f"the files of vitnas are others than here (11111111, here {facts['source']})",
            True,
        ),
        ("node 10.0.0.1", f"rich 0.1, here {here['rich']}", False),
        ("node 10.0.0.1", f"timm is missing, here {here['timm'] or 'it is missing'}", False),
    ]
    assert all(finding.fix for finding in found.findings)


def test_a_node_without_vitnas(cluster):
    cluster[1].facts["versions"] = dict.fromkeys(PACKAGES)
    cluster[1].facts["source"] = ""
    texts = [finding.what for finding in diagnose("auto").findings if finding.must]
    assert "the package 'vitnas' is missing" in texts and "the package 'torch' is missing" in texts
    assert not any("files of vitnas" in text for text in texts)


def test_what_the_nodes_see_of_the_folder(cluster):
    cluster[0].facts["folder"] = {**SHARED, "shared": False}  # here: it has been tried
    cluster[1].facts["folder"] = {"shared": False, "writable": False, "locked": None, "problem": ""}
    cluster[2].facts["folder"] = {**SHARED, "writable": False, "problem": "Permission denied"}
    first, second = said(diagnose("auto"))
    runs = os.path.abspath("runs")
    assert first[0] == "node 10.0.0.1" and first[1].startswith(f"{runs} is not this machine's") and first[2]
    assert second == ("node 10.0.0.2", f"{runs} cannot be written (Permission denied)", True)
    cluster[1].facts["folder"] = cluster[0].facts["folder"] = SHARED
    cluster[2].facts["folder"] = {**SHARED, "locked": False}
    (only,) = said(diagnose("auto"))
    assert only == ("node 10.0.0.2", f"the file system's locks in {runs} do not reach it", False)


def test_gpus_cores_and_memory(cluster):
    cluster[0].facts |= {
        "gpus": [{"name": "A", "memory_mib": "1"}],
        "gpu_problem": "torch 2 is built without CUDA",
    }
    cluster[1].cpus, cluster[1].facts["cores"] = 8.0, 2.0
    cluster[1].gpus = 2.0
    cluster[2].facts["memory"]["free_bytes"] = GIB
    assert said(diagnose("auto")) == [
        ("node 10.0.0.1", "Ray hands out 2 GPUs, the machine shows 0", True),
        ("node 10.0.0.1", "Ray hands out 8 CPUs, the machine has 2 cores", False),
        ("node 10.0.0.2", "1.0 GiB of memory are free for 4 workers", False),
    ]


def test_a_node_that_does_not_answer(cluster):
    cluster[2].facts, cluster[2].problem = {}, "it gave no answer within 90 s"
    assert said(diagnose("auto")) == [("node 10.0.0.2", "it gave no answer within 90 s", True)]


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        (ClusterError("`ray` auto: nobody answers"), "`ray` auto: nobody answers"),
        (missing_extra("ray", "ray"), "the package 'ray' is missing"),
    ],
)
def test_no_cluster_is_a_finding(cluster, monkeypatch, problem, what):
    def fail(address, arguments):
        raise problem

    monkeypatch.setattr(doctor, "_ask", fail)
    found = diagnose("auto")
    assert not found.well and found.nodes == []
    assert [finding.what for finding in found.findings] == [what]


def test_a_folder_is_tried_and_left_as_it_was(tmp_path):
    with examined(tmp_path / "runs") as (report, probe):
        assert (report.exists, report.writable, report.lockable, report.problem) == (False, True, True, "")
        assert report.system_locks and report.free_bytes > 0
        assert probe.path.parent == tmp_path and (probe.path / "token").read_text() == probe.token
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_hold_runs(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with examined(tmp_path / "file" / "runs") as (report, probe):
        assert not report.writable and probe is None
        assert report.problems()[0][0] == f"cannot be written: {tmp_path / 'file'} is no folder"
    with examined(tmp_path) as (report, _):
        report.free_bytes = 1
    assert report.problems() == [
        ("0.0 GiB are left on its disk", "make room: a full disk stops a search", True)
    ]
    monkeypatch.setattr(system, "try_lock", lambda fd: None)
    with examined(tmp_path) as (report, _):
        report.free_bytes = 9 * GIB
        assert report.lockable and not report.system_locks
    (finding,) = report.problems()
    assert "no locks" in finding[0] and not finding[2]

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with examined(tmp_path) as (report, probe):
        assert "No space left on device" in report.problem and probe is None


def test_the_command(cluster, capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(["doctor", *arguments])
        streams = capsys.readouterr()
        return done.value.code, streams.out, streams.err

    code, out, err = run("--ray", "auto")
    assert (code, err) == (0, "") and out.endswith("\nall is well\n")
    assert "10.0.0.2     4      4  64.0 of 64.0 GiB free" in out
    cluster[1].facts["versions"]["torch"] = "1.0"
    cluster[2].facts, cluster[2].problem = {}, "gone"
    code, out, err = run("--ray", "auto", "--out", "there")
    assert (code, err) == (1, "")
    assert "fix: node 10.0.0.1: torch 1.0, here" in out and "all is well" not in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = run("--ray", "auto", "--json")
    found = json.loads(out)
    assert code == 1 and found["well"] is False and len(found["nodes"]) == 3
    assert found["findings"][0]["where"] == "node 10.0.0.1"


def test_wrong_input_exits_with_2(capsys, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(["doctor", "--ray", "here"])
    assert done.value.code == 2
    assert capsys.readouterr().err.startswith("error: --ray here: expected local, auto or an address")
