"""Files that are written whole or not at all, whoever writes them and whatever comes between."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from vitnas.errors import RunError
from vitnas.store.disk import (
    atomic_write,
    atomic_write_csv,
    atomic_write_json,
    atomic_write_npz,
    atomic_write_parts,
    atomic_write_text,
    new_folder,
    sweep,
    sweep_tree,
    write_folder,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from vitnas.store import disk

def die(place):
    if isinstance(place, Path):
        (place / "half.txt").write_text("half")
    else:
        place.write(b"half")
        place.flush()
    os.kill(os.getpid(), signal.SIGKILL)

kind, target = sys.argv[1], Path(sys.argv[2])
if kind == "file":
    disk.atomic_write(target, die)
else:
    disk.write_folder(target.parent, target.name, die)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def killed(kind: str, target: Path) -> None:
    """Have a process killed while it writes."""
    done = subprocess.run([sys.executable, "-c", KILLED, kind, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL


@contextlib.contextmanager
def full_after(size: int) -> Iterator[None]:
    """No file may get longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_atomic_writes_replace_the_whole_file(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a.txt", "one\n")
    atomic_write_text(tmp_path / "a.txt", "zwö\n")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "zwö\n"
    atomic_write_json(tmp_path / "a.json", {"x": np.array([0.5, np.inf]), "y": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [0.5, None], "y": None}
    arrays = {"k": np.arange(3, dtype=np.uint64), "rng": np.array('{"state": 1}')}
    atomic_write_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as kept:
        assert kept["k"].tolist() == [0, 1, 2]
        assert str(kept["rng"]) == '{"state": 1}'
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.json", "a.npz", "a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_atomic_write_leaves_the_old_file(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic_write_text(tmp_path / "a.txt", "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(RunError, match="No space left on device"):
        atomic_write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_an_atomic_write_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file or directory"):
        atomic_write_json(tmp_path / "missing" / "a.json", {})


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda path: atomic_write_text(path, "x" * 10_000),
    "json": lambda path: atomic_write_json(path, ["x" * 10_000]),
    "csv": lambda path: atomic_write_csv(path, [("a", "b"), ("x" * 10_000, 1)]),
    "npz": lambda path: atomic_write_npz(path, {"x": np.zeros(10_000)}),
    "parts": lambda path: atomic_write_parts(path, [b"x" * 100] * 100),
}


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("size", [0, 1, 3000])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "old.file"
    path.write_text("old")
    with full_after(size), pytest.raises(RunError, match=r"cannot write .*old\.file: File too large"):
        WRITERS[kind](path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["old.file"]


def test_what_a_writer_raises_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    def write(file: IO[bytes]) -> None:
        file.write(b"new")
        raise ValueError("a library")

    with pytest.raises(ValueError, match="a library"):
        atomic_write(tmp_path / "a", write)
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("name", ["a.txt", "ä" * 120, "n" * 255, ".hidden", "with space.yaml"])
def test_scratch_files_of_a_killed_command_go_with_the_next(tmp_path: Path, name: str) -> None:
    killed("file", tmp_path / name)
    assert len(names(tmp_path)) == 1
    atomic_write_text(tmp_path / "other", "")
    assert len(names(tmp_path)) == 2  # who writes another file of a folder that is not ours leaves it
    atomic_write_text(tmp_path / name, "new")
    assert names(tmp_path) == sorted([name, "other"])


def test_a_folder_of_ours_is_swept_whole(tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    killed("file", tmp_path / "best" / "01.yaml")
    killed("folder", tmp_path / "to_label")
    mine = (".mine.tmp", ".vimrc.tmp", "a.12345678.tmp", ".a.1234567.tmp")
    for name in mine:
        (tmp_path / name).write_text("")
    sweep_tree(tmp_path)
    assert names(tmp_path) == sorted([*mine, "best"]) and names(tmp_path / "best") == []


def test_a_scratch_file_of_a_living_command_stays(tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(file: IO[bytes]) -> None:
        file.write(b"slow")
        began.set()
        go_on.wait(30)

    writer = threading.Thread(target=atomic_write, args=(tmp_path / "a", slow))
    writer.start()
    began.wait(30)
    atomic_write_text(tmp_path / "a", "quick")
    sweep(tmp_path)
    assert len(names(tmp_path)) == 2
    go_on.set()
    writer.join()
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "slow"


def test_links_modes_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real, link, pipe = tmp_path / "there" / "a", tmp_path / "link", tmp_path / "pipe"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    atomic_write_text(link, "new")
    assert link.is_symlink() and real.read_text() == "new" and real.stat().st_mode & 0o777 == 0o640
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    atomic_write_text(pipe, "through")
    assert reader.communicate()[0] == "through" and pipe.is_fifo()
    atomic_write_text("/dev/null", "gone")
    assert Path("/dev/null").is_char_device()
    before = os.umask(0o027)
    atomic_write_text(tmp_path / "new", "")
    os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RunError, match=r"cannot write .*/a: Is a directory"):
        atomic_write_text(tmp_path / "a", "")
    assert names(tmp_path) == ["a"]


def test_two_that_make_a_folder_at_once_get_two(tmp_path: Path) -> None:
    together = threading.Barrier(4)
    made: list[Path] = []

    def make(number: int) -> None:
        def write(place: Path) -> None:
            together.wait(30)
            (place / "a.txt").write_text(str(number))

        made.append(write_folder(tmp_path, "to_label", write))
        made.append(new_folder(tmp_path, "run"))

    threads = [threading.Thread(target=make, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    labels = ["to_label", "to_label-2", "to_label-3", "to_label-4"]
    assert names(tmp_path) == sorted([*labels, *(f"run-{k}" for k in range(1, 5))])
    assert sorted(path.name for path in made) == names(tmp_path)
    assert sorted((tmp_path / name / "a.txt").read_text() for name in labels) == ["0", "1", "2", "3"]


def test_a_folder_that_cannot_be_written_is_not_there(tmp_path: Path) -> None:
    def write(place: Path) -> None:
        atomic_write_text(place / "a.txt", "x")
        atomic_write_text(place / "b.txt", "x" * 5000)

    with full_after(100), pytest.raises(RunError, match=r"cannot write .*b\.txt: File too large"):
        write_folder(tmp_path, "to_label", write)
    assert names(tmp_path) == []
