from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitnas.errors import RunCorrupt, RunError
from vitnas.store.log import EvaluationLog, follow_log, read_log

RECORDS: list[dict[str, Any]] = [
    {"trial": 0, "latency_ms": 0.1 + 0.2},
    {"trial": 1, "name": 'µ\n"x"'},
    {"trial": 2, "genome": [1, 2]},
]


def written(path: Path) -> bytes:
    with EvaluationLog(path) as log:
        log.append_many(RECORDS)
    return path.read_bytes()


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EvaluationLog(path) as log:
        log.append(RECORDS[0])
        log.append(RECORDS[1])
        assert log.records() == RECORDS[:2]
    with EvaluationLog(path) as log:
        assert log.recovered == ""
        log.append(RECORDS[2])
    assert read_log(path) == RECORDS
    assert len(path.read_text().splitlines()) == 3


def test_numpy_and_non_finite_values(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EvaluationLog(path) as log:
        log.append(
            {
                "a": np.float64(0.1),
                "b": np.int64(3),
                "c": np.array([1.5, np.nan]),
                "d": float("inf"),
                "e": (1, -0.0),
            }
        )
        log.append({"f": np.float32(0.5), "g": Path("x") / "y", "h": {"i": np.array([1, 2], np.uint8)}})
    first, second = read_log(path)
    assert first == {"a": 0.1, "b": 3, "c": [1.5, None], "d": None, "e": [1, -0.0]}
    assert second == {"f": 0.5, "g": os.path.join("x", "y"), "h": {"i": [1, 2]}}
    with pytest.raises(TypeError, match="object"), EvaluationLog(path) as log:
        log.append({"x": object()})


def test_a_log_cut_anywhere_gives_back_all_whole_lines(tmp_path: Path) -> None:
    data = written(tmp_path / "whole.jsonl")
    ends = [k + 1 for k, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(len(data) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(data[:cut])
        whole = sum(end - 1 <= cut for end in ends)  # the newline itself may be missing
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            log = EvaluationLog(path)
        half = cut not in {0, *ends, *(end - 1 for end in ends)}
        assert len(caught) == int(half)
        assert bool(log.recovered) is half
        log.append({"more": 1})
        log.close()
        assert read_log(path) == [*RECORDS[:whole], {"more": 1}]


def test_reading_leaves_half_a_line_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    data = written(path)
    path.write_bytes(data[:-4])
    with pytest.warns(UserWarning, match="line 3 was not written completely"):
        assert read_log(path) == RECORDS[:2]
    assert path.read_bytes() == data[:-4]


@pytest.mark.parametrize("rest", [b"\0" * 40, b"\xff\xfe", b"[1, 2]\n", b'{"half": \n'])
def test_a_last_line_that_is_no_record_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "log.jsonl"
    data = written(path)
    path.write_bytes(data + rest)
    with pytest.warns(UserWarning, match="line 4 was not written completely"):
        EvaluationLog(path).close()
    assert path.read_bytes() == data


@pytest.mark.parametrize("broken", [b"{oops}\n", b'{"trial": 1\n', b"\0\0\0\n", b"3\n"])
@pytest.mark.parametrize("use", [EvaluationLog, read_log])
def test_a_broken_line_in_the_middle_is_named(
    tmp_path: Path, broken: bytes, use: Callable[[Path], Any]
) -> None:
    path = tmp_path / "log.jsonl"
    lines = written(path).splitlines(keepends=True)
    data = lines[0] + broken + lines[2]
    path.write_bytes(data)
    with pytest.raises(RunCorrupt, match=r"log\.jsonl: line 2 is broken"):
        use(path)
    assert path.read_bytes() == data


def test_an_empty_log_has_no_records(tmp_path: Path) -> None:
    EvaluationLog(tmp_path / "log.jsonl").close()
    assert read_log(tmp_path / "log.jsonl") == []


def fail_after(written_bytes: int, code: int) -> Callable[[int, Any], int]:
    """An ``os.write`` that takes so many bytes and then fails."""
    write, left = os.write, [written_bytes]

    def limited(fd: int, data: Any) -> int:
        if left[0] <= 0:
            raise OSError(code, os.strerror(code))
        taken = write(fd, bytes(data[: left[0]]))
        left[0] -= taken
        return taken

    return limited


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_full_disk_loses_nothing_that_was_recorded(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    data = written(path)
    log = EvaluationLog(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail_after(7, code))
        with pytest.raises(RunError, match=os.strerror(code)) as error:
            log.append({"trial": 3})
    assert "\n" not in str(error.value)
    assert path.read_bytes() == data
    log.append({"trial": 4})  # there is room again
    assert read_log(path) == [*RECORDS, {"trial": 4}]


def test_short_writes_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with EvaluationLog(tmp_path / "log.jsonl") as log:
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:3])))
        log.append(RECORDS[1])
    assert read_log(tmp_path / "log.jsonl") == [RECORDS[1]]


def test_a_killed_writer_loses_no_line_that_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    code = (
        "import os, signal, sys\n"
        "from vitnas.store.log import EvaluationLog\n"
        "log = EvaluationLog(sys.argv[1])\n"
        "for k in range(20):\n"
        "    log.append({'trial': k})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert [record["trial"] for record in read_log(path)] == list(range(20))


@pytest.mark.parametrize("use", [EvaluationLog, read_log])
def test_a_file_that_cannot_be_opened(tmp_path: Path, use: Callable[[Path], Any]) -> None:
    with pytest.raises(RunError, match="No such file or directory"):
        use(tmp_path / "missing" / "log.jsonl")


def test_a_log_is_followed_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert follow_log(path) == ([], 0)
    data = written(path)
    assert follow_log(path) == (RECORDS, len(data))
    found, at = follow_log(path, size=5)  # less than a line: one whole line
    assert found == RECORDS[:1]
    assert follow_log(path, at)[0] == RECORDS[1:]
    path.write_bytes(data + b'{"trial": 3')  # still being written
    assert follow_log(path, len(data)) == ([], len(data))
    path.write_bytes(data + b'{"trial": 3}\n')
    assert follow_log(path, len(data)) == ([{"trial": 3}], len(data) + 13)
    path.write_bytes(data[: len(data) // 2])  # cut back by a write that failed
    assert follow_log(path, len(data))[0] == RECORDS[:1]
    path.write_bytes(b'{"a":\n' + data)
    with pytest.raises(RunCorrupt, match="line behind byte 0 is broken"):
        follow_log(path)
