"""The same on a PostgreSQL server, which these tests start on a free port in a folder of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from vitnas.errors import StorageError
from vitnas.study.spec import StudySpec, StudyTrial
from vitnas.study.url import StorageUrl
from vitnas.study.writer import StudyWriter

PASSWORD = "s3cret-word"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to be run by root
START_S = 120.0


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, which Debian keeps off the path."""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = [Path(on_path).resolve().parent, *debian] if on_path else debian
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database ``studies`` of user ``vitnas``, as HOST:PORT/DATABASE."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    as_root = sys.platform != "win32" and os.geteuid() == 0
    user = {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []} if as_root else {}
    folder = Path(tempfile.mkdtemp(prefix="vitnas-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if as_root:
            shutil.chown(folder, UNPRIVILEGED)
            shutil.chown(folder / "password", UNPRIVILEGED)
        flags = ["-U", "vitnas", "-A", "scram-sha-256", "--no-sync", f"--pwfile={folder}/password"]
        init = [str(binaries / "initdb"), "-D", str(folder / "data"), *flags]
        subprocess.run(init, check=True, cwd=folder, stdout=subprocess.PIPE, **user)  # type: ignore[call-overload]
        port = free_port()
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-k", str(folder)]
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [*command, *settings],
            cwd=folder,
            stderr=log,
            stdout=log,
            **user,  # type: ignore[call-overload]
        )
        try:
            make_database(port)
            yield f"127.0.0.1:{port}/studies"
        finally:
            process.send_signal(signal.SIGINT)  # "fast": it does not wait for clients to leave
            process.wait(START_S)
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_database(port: int) -> None:
    import psycopg

    deadline = time.monotonic() + START_S
    while True:
        try:
            where = f"host=127.0.0.1 port={port} user=vitnas dbname=postgres password={PASSWORD}"
            with psycopg.connect(where, autocommit=True) as connection:
                connection.execute("create database studies")
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def url(server: str) -> StorageUrl:
    return StorageUrl(f"postgresql+psycopg://vitnas:{PASSWORD}@{server}")


def load(url: StorageUrl, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=url.text)


def named(spec: StudySpec, name: str) -> StudySpec:
    return StudySpec(**{**vars(spec), "name": name})


def test_a_batch_is_what_add_trial_writes(url: StorageUrl, spec: StudySpec, trials: list[StudyTrial]) -> None:
    fast, slow = StudyWriter(url, named(spec, "fast")), StudyWriter(url, named(spec, "slow"))
    frozen = [fast._frozen(trial) for trial in trials]
    assert fast._tables.add(frozen) == 3
    for trial in frozen:
        slow._study.add_trial(trial)
    for one, same in zip(load(url, "fast").trials, load(url, "slow").trials, strict=True):
        assert {**vars(one), "_trial_id": 0} == {**vars(same), "_trial_id": 0}


def test_writers_at_once_write_nothing_twice(
    url: StorageUrl, spec: StudySpec, many: list[StudyTrial]
) -> None:
    writers = [StudyWriter(url, named(spec, "crowd")) for _ in range(3)]

    def write(writer: StudyWriter) -> None:
        for start in range(0, len(many), 8):
            added.append(writer.add(many[start : start + 8]))

    added: list[int] = []
    threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(START_S)
    found = load(url, "crowd").trials
    assert [t.number for t in found] == list(range(len(many))) and sum(added) == len(many)
    assert {t.user_attrs["genome"] for t in found} == {t.genome for t in many}


def test_attributes_come_later(url: StorageUrl, spec: StudySpec, trials: list[StudyTrial]) -> None:
    writer = StudyWriter(url, named(spec, "later"))
    writer.add(trials)
    assert writer.amend({"000102": {"new": 1}}) == 1 and writer.mark("file", {"000103": "b"}) == 1
    assert writer.mark("file", {"000104": "c"}) == 1
    attributes = [t.user_attrs for t in load(url, "later").trials]
    assert attributes[0]["new"] == 1 and [a.get("file") for a in attributes] == [None, None, "c"]


def test_a_wrong_password_is_one_line_without_it(server: str, spec: StudySpec) -> None:
    with pytest.raises(StorageError, match='password authentication failed for user "vitnas"') as raised:
        StudyWriter(StorageUrl(f"postgresql+psycopg://vitnas:wr0ng-word@{server}"), spec)
    said = str(raised.value)
    assert said.startswith(f"`storage`: postgresql+psycopg://vitnas:***@{server}: ")
    assert "wr0ng-word" not in said and "\n" not in said


def test_no_server_is_one_line(server: str, spec: StudySpec) -> None:
    pytest.importorskip("psycopg")
    nobody = StorageUrl(f"postgresql+psycopg://vitnas:{PASSWORD}@127.0.0.1:{free_port()}/studies")
    with pytest.raises(StorageError, match="Connection refused") as raised:
        StudyWriter(nobody, spec)
    assert PASSWORD not in str(raised.value) and "\n" not in str(raised.value)


def test_a_server_that_goes_away_costs_one_batch(
    url: StorageUrl, spec: StudySpec, trials: list[StudyTrial], many: list[StudyTrial]
) -> None:
    import psycopg

    writer = StudyWriter(url, named(spec, "gone"))
    writer.add(trials)
    host, port, database = "127.0.0.1", url.text.rsplit(":", 1)[1].split("/")[0], "studies"
    where = f"host={host} port={port} user=vitnas dbname={database} password={PASSWORD}"
    with psycopg.connect(where, autocommit=True) as connection:
        end = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        connection.execute(end + " and usename = 'vitnas'")
    with pytest.raises(StorageError) as raised:
        writer.add(many)
    assert PASSWORD not in str(raised.value)
    assert writer.add(many) == len(many), "the next batch connects again"
    assert len(load(url, "gone").trials) == len(many) + len(trials)
