from __future__ import annotations

import sys

import pytest

from vitnas.errors import InvalidInput, MissingExtra
from vitnas.workers import Processes, Serial, WorkerSettings, make_workers
from vitnas.workers.processes import usable_cores


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"number": 0}, "`workers`: expected at least 1, got 0"),
        ({"cpus_per_worker": 0}, "`cpus_per_worker`: expected more than 0, got 0"),
        ({"cpus_per_worker": float("nan")}, "`cpus_per_worker`"),
        ({"gpus_per_worker": -1, "ray": "local"}, "`gpus_per_worker`: expected at least 0, got -1"),
        ({"gpus_per_worker": 0.5}, "`gpus_per_worker` needs `ray`"),
        ({"timeout_s": 0}, "`candidate_timeout`: expected more than 0 s"),
        ({"batch": 0, "ray": "local"}, "at least 1 task"),
        ({"batch": 8}, "a batch size is for Ray"),
    ],
)
def test_what_settings_cannot_be(settings, said):
    with pytest.raises(InvalidInput) as problem:
        WorkerSettings(**settings)
    assert said in str(problem.value)


def test_a_number_or_settings_make_workers():
    assert isinstance(make_workers(1), Serial)
    assert make_workers(3).size == 3
    with pytest.raises(InvalidInput, match="at least 1"):
        make_workers(0)
    assert isinstance(make_workers(WorkerSettings(number=1)), Processes)  # not this process


def test_the_cores_are_shared():
    cores = usable_cores()
    assert make_workers(WorkerSettings()).size == cores
    assert make_workers(WorkerSettings(cpus_per_worker=0.5)).size == 2 * cores
    assert make_workers(WorkerSettings(cpus_per_worker=10 * cores)).size == 1
    assert make_workers(WorkerSettings(number=3, cpus_per_worker=2)).threads == 2


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "vitnas.workers.ray", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'vitnas\[ray\]'"):
        make_workers(WorkerSettings(ray="local"))
