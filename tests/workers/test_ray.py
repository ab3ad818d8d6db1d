"""What workers on Ray do beyond the contract."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time

import pytest

pytest.importorskip("ray", reason="Ray workers need the extra: pip install 'vitnas[ray]'")

import ray
from ray.exceptions import RayActorError, RaySystemError

from vitnas.errors import ClusterError, InvalidInput
from vitnas.workers import Failure, WorkerSettings, make_workers
from vitnas.workers import _ray_cluster as joining
from vitnas.workers._ray_actor import versions
from vitnas.workers.ray import RayWorkers

PROXY = '''
from vitnas.quality.proxies._base import Proxy


class {name}(Proxy):
    """{text}"""

    def score(self, gradients):
        return 1.0
'''


def workers_on(cluster, **settings):
    return make_workers(WorkerSettings(**{"number": 2, "ray": cluster.address, **settings}))


def test_tasks_that_hang_or_kill_are_found_among_others(cluster, helper):
    with workers_on(cluster, timeout_s=1.5, batch=5) as workers:
        results = dict(workers.map(helper.poison, range(20)))
    assert results.pop(11) == Failure("did not finish within 1.5 s, the time limit of a candidate")
    assert results.pop(7).reason.startswith("killed two workers (")
    assert results == {k: k * k for k in range(20) if k not in (7, 11)}


class Late(RayWorkers):
    """Looks only when everything that was sent has been answered or is dead, the last sent first."""

    def _collect(self) -> None:
        time.sleep(0.7)
        super()._collect()

    def _receive(self, worker) -> None:
        last = worker.calls[-1].ref
        ray.wait([last], timeout=5)
        with contextlib.suppress(RayActorError):
            ray.get(last)
        super()._receive(worker)


def test_a_driver_that_looks_late_blames_the_task_that_kills(cluster, helper):
    """It sees a death before the answers to what the worker had done until then."""
    with Late(WorkerSettings(number=1, ray=cluster.address, batch=1)) as workers:
        results = dict(workers.map(helper.poison, range(6, 10)))
    assert results.pop(1).reason.startswith("killed two workers (")
    assert results == {0: 36, 2: 64, 3: 81}


class Watched(RayWorkers):
    """Notes what stands beside a task that is tried alone."""

    company = 0

    def _send(self, worker, tasks) -> None:
        super()._send(worker, tasks)
        self.company += any(task.alone for task in worker.tasks) and worker.batches > 1


def test_a_suspect_has_an_actor_to_itself(cluster, helper, tmp_path):
    """Its answer may be lost with an actor that the next batch kills."""
    with Watched(WorkerSettings(number=1, ray=cluster.address, batch=1)) as workers:
        results = dict(workers.map(helper.die_once, [tmp_path / str(k) for k in range(5)]))
    assert set(results.values()) == {"second"} and not workers.company


def test_a_batch_that_hung_once_is_done_again_one_by_one(cluster, helper, tmp_path):
    (tmp_path / "b").touch()  # this one would not have hung
    with workers_on(cluster, timeout_s=1.0, batch=2) as workers:
        results = dict(workers.map(helper.hang_once, [tmp_path / "a", tmp_path / "b"]))
    assert results == {0: "second", 1: "second"}


def test_a_node_that_leaves_is_nobodys_fault(cluster, helper):
    node = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    with workers_on(cluster, number=3, batch=1) as workers:
        tickets = {workers.submit(helper.pid_of, 0.2) for _ in range(30)}
        found = dict(workers.wait())
        cluster.remove_node(node, allow_graceful=False)
        while finished := workers.wait():
            assert not found.keys() & dict(finished).keys()
            found |= dict(finished)
    assert found.keys() == tickets
    assert all(isinstance(pid, int) for pid in found.values())
    cluster.wait_for_nodes(60)  # until the head has noticed: other tests count CPUs


def test_actors_have_threads_by_their_share(cluster, helper):
    with workers_on(cluster, number=1, cpus_per_worker=2) as workers:
        assert dict(workers.map(helper.threads, [0]))[0][0] == 2


def test_plugins_of_the_user_travel(cluster, helper, tmp_path, monkeypatch):
    from vitnas import plugins

    (tmp_path / "proxies").mkdir()
    (tmp_path / "proxies" / "in_folder.py").write_text(PROXY.format(name="InFolder", text="Of the folder."))
    (tmp_path / "by_path.py").write_text(PROXY.format(name="ByPath", text="By its path."))
    monkeypatch.chdir(tmp_path)
    with plugins.trusting():
        plugins.load_plugin("proxy", "by_path.py")
    files = plugins.user_files()
    assert set(files.sources) >= {str(tmp_path / "proxies" / "in_folder.py"), str(tmp_path / "by_path.py")}
    with workers_on(cluster) as workers:
        workers.submit(helper.plugin_module, "in_folder")
        workers.submit(helper.plugin_module, "by_path.py")
        (tmp_path / "proxies" / "in_folder.py").unlink()  # what travelled stays
        found = {}
        while finished := workers.wait():
            found |= dict(finished)
    assert found == {
        0: ("vitnas_user_proxies_in_folder", "Of the folder.", "class InFolder(Proxy):"),
        1: ("vitnas_user_proxies_by_path", "By its path.", "class ByPath(Proxy):"),
    }


class Deadly:
    """Ends the process that reads it."""

    def __reduce__(self):
        return os._exit, (3,)


def test_workers_that_never_start_are_not_replaced_for_ever(cluster, helper, monkeypatch):
    monkeypatch.setattr("vitnas.plugins.user_files", Deadly)
    with workers_on(cluster, number=1) as workers, pytest.raises(ClusterError, match="die before they do"):
        list(workers.map(helper.pid_of, [0]))


def test_a_missing_package_is_the_nodes_fault(cluster, helper):
    with workers_on(cluster, number=1) as workers, pytest.raises(ClusterError, match="no-such-package"):
        list(workers.map(helper.needs, ["no-such-package"]))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("here", "expected local, auto or an address such as 10.0.0.1:6379"),
        ("ray://10.0.0.1:10001", "ray job submit"),
    ],
)
def test_addresses_that_are_none(address, said):
    with pytest.raises(InvalidInput, match=said):
        make_workers(WorkerSettings(ray=address))


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        ClusterError, match=rf"`ray` 127.0.0.1:{port}: Connection refused; is the head running"
    ):
        make_workers(WorkerSettings(ray=f"127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("answer", "said"), [(b"HTTP/1.1 400 Bad Request\r\n", "is no Ray cluster"), (b"", "")]
)
def test_somebody_else_listens(answer, said):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = "{}:{}".format(*other.getsockname())

        def serve():
            connection, _ = other.accept()
            with connection:
                if answer:
                    connection.sendall(answer)
                with contextlib.suppress(OSError):
                    connection.recv(100)
                    connection.recv(100)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(ClusterError, match=said or "nobody answers"):
            joining.require(WorkerSettings(ray=address), answer_s=0.3)


def test_no_room_for_a_worker(cluster):
    with pytest.raises(ClusterError, match="no node has room for a worker of 64 and 0"):
        workers_on(cluster, number=None, cpus_per_worker=64)
    with pytest.raises(ClusterError, match=r"for a worker of 1 and 0[.]5"):
        workers_on(cluster, number=None, gpus_per_worker=0.5)
    assert not ray.is_initialized()
    with workers_on(cluster, number=None, cpus_per_worker=0.5) as workers:
        assert workers.size == 4


def test_another_vitnas_is_named():
    greeting = {"machine": "b", **versions()}
    joining.check_versions(greeting)
    with pytest.raises(
        ClusterError, match=r"node b has vitnas 0.0.1, this machine .*: install the same on all"
    ):
        joining.check_versions({**greeting, "vitnas": "0.0.1"})
    with pytest.warns(UserWarning, match=r"node b has torch 1.0, this machine .*: scores may differ"):
        joining.check_versions({**greeting, "torch": "1.0"})


def test_another_ray_or_python_is_named():
    text = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.49.0\n    Python: 3.11.8\n"
        "This process on node 10.0.0.2 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
    )
    said = joining._why("auto", RuntimeError(text))
    assert said == (
        "`ray` auto: the cluster has Ray 2.49.0 on Python 3.11.8, this machine Ray 2.60.0 on Python 3.11.7: "
        "they must be the same"
    )


def test_a_node_without_vitnas_is_named():
    error = RaySystemError("... ip: 10.0.0.3 ... ModuleNotFoundError: No module named 'vitnas'")
    with pytest.raises(ClusterError, match=r"node 10.0.0.3 has no package 'vitnas': install vitnas"):
        joining.check_start(error)
    joining.check_start(RaySystemError("something else"))


def test_ray_is_left_as_it_was(cluster):
    with workers_on(cluster) as workers:
        assert dict(workers.map(math.sqrt, [4.0])) == {0: 2.0}
    assert not ray.is_initialized()
