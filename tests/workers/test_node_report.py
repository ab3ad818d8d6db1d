from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import vitnas
from vitnas.store.lock import RunLock
from vitnas.workers import node_report


def test_what_this_machine_says():
    facts = node_report.report(("vitnas", "torch", "no-such-package"))
    assert facts["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert facts["versions"]["no-such-package"] is None
    assert facts["python"] == sys.version.split()[0]
    assert 0 < facts["cores"] <= os.cpu_count()
    assert facts["memory"]["total_bytes"] >= facts["memory"]["free_bytes"] > 0
    assert len(facts["source"]) == 8 and facts["folder"] is None
    assert bool(facts["gpus"]) or not torch.cuda.is_available()


def test_it_needs_the_standard_library_only():
    """It runs on nodes that have neither vitnas nor torch."""
    program = Path(node_report.__file__).read_text() + "\nprint(report(('vitnas',))['versions'])"
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == "{'vitnas': None}\n"


def test_the_files_of_a_package_are_told_apart(tmp_path, monkeypatch):
    assert node_report.source_of("no_such_package") == ""
    monkeypatch.syspath_prepend(tmp_path)
    found = set()
    for name, text in {"one_package": "a = 1", "other_package": "a = 2"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
        found.add(node_report.source_of(name))
    assert len(found) == 2 and vitnas.__name__ not in found


def test_a_folder_that_is_shared_and_locked(tmp_path):
    (tmp_path / "token").write_text("abc")
    with RunLock(tmp_path):
        seen = node_report.report((), str(tmp_path), "abc")["folder"]
        assert seen == {"shared": True, "writable": True, "locked": True, "problem": ""}
    assert node_report.report((), str(tmp_path), "abc")["folder"]["locked"] is False
    assert node_report.report((), str(tmp_path), "other")["folder"]["shared"] is False
    seen = node_report.report((), str(tmp_path / "nowhere"), "abc")["folder"]
    assert seen == {"shared": False, "writable": False, "locked": None, "problem": ""}


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", None), ("150000 100000", 1.5), ("", None), ("x", None)]
)
def test_a_containers_share_of_the_cores(text, cores, monkeypatch):
    monkeypatch.setattr(node_report, "_text", lambda file: text)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert node_report._cores() == (cores or 8)


def test_a_containers_memory(monkeypatch):
    files = {
        "/proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 600 kB",
        "/sys/fs/cgroup/memory.max": "409600",
        "/sys/fs/cgroup/memory.current": "102400",
    }
    monkeypatch.setattr(node_report, "_text", lambda file: files.get(file, ""))
    assert node_report._memory() == {"total_bytes": 409600, "free_bytes": 307200}
    files["/sys/fs/cgroup/memory.max"] = "max"
    assert node_report._memory() == {"total_bytes": 1024000, "free_bytes": 614400}
    files.clear()
    assert node_report._memory() == {"total_bytes": None, "free_bytes": None}


def test_gpus_as_the_driver_lists_them(tmp_path):
    tool = tmp_path / "nvidia-smi"
    assert node_report._gpus([str(tool)]) == ([], "")
    tool.write_text("#!/bin/sh\necho 'Card, of Name, 141120'\necho 'Other, 8192'\n")
    tool.chmod(0o755)
    found, problem = node_report._gpus([str(tool)])
    assert not problem
    assert found == [
        {"name": "Card, of Name", "memory_mib": "141120"},
        {"name": "Other", "memory_mib": "8192"},
    ]
    facts = node_report.report(("torch",), smi=[str(tool)])
    assert bool(facts["gpu_problem"]) is not torch.cuda.is_available()
    tool.write_text("#!/bin/sh\necho 'driver not loaded' >&2\nexit 9\n")
    assert node_report._gpus([str(tool)]) == ([], "nvidia-smi fails: driver not loaded")
