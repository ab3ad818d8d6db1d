from __future__ import annotations

import json

import pytest

from vitnas.errors import RunCorrupt, RunError, RunLocked
from vitnas.store.lock import RunLock
from vitnas.store.log import EvaluationLog, read_log
from vitnas.store.repair import repair_run

WHOLE = [json.dumps({"task": str(k), "scores": {"naswot": k / 7}}).encode() for k in range(6)]


def write(folder, lines):
    data = b"\n".join(lines) + b"\n"
    (folder / "evaluations.jsonl").write_bytes(data)
    return data


@pytest.mark.parametrize(
    "broken",
    [
        WHOLE[0][:20],
        b"\x00" * 300,  # what a file system leaves after a crash
        b"\xff\xfe{",
        b"[1, 2]",
        WHOLE[0] + WHOLE[1],
    ],
)
def test_a_broken_line_is_named_refused_and_dropped_on_request(tmp_path, broken):
    data = write(tmp_path, [*WHOLE[:3], broken, *WHOLE[3:]])
    log = tmp_path / "evaluations.jsonl"
    with pytest.raises(RunCorrupt, match=rf"line 4 is broken; .*vitnas runs repair {tmp_path}"):
        EvaluationLog(log)
    assert log.read_bytes() == data  # refused, and left alone
    (done,) = repair_run(tmp_path)
    assert (done.lines, [line.number for line in done.dropped]) == (6, [4])
    assert done.dropped[0].size == len(broken) + 1
    assert done.original == tmp_path / "evaluations.jsonl.broken-1"
    assert done.original.read_bytes() == data
    assert log.read_bytes() == b"\n".join(WHOLE) + b"\n"
    assert read_log(log) == [json.loads(line) for line in WHOLE]
    with EvaluationLog(log) as opened:
        assert not opened.recovered


def test_what_is_whole_is_not_touched(tmp_path):
    data = write(tmp_path, [*WHOLE, b""])
    before = (tmp_path / "evaluations.jsonl").stat()
    (done,) = repair_run(tmp_path)
    assert (done.lines, done.dropped, done.original) == (6, [], None)
    after = (tmp_path / "evaluations.jsonl").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (tmp_path / "evaluations.jsonl").read_bytes() == data


def test_several_lines_again_and_half_a_line_at_the_end(tmp_path):
    write(tmp_path, [b"{", *WHOLE[:2], b"}", WHOLE[2]])
    repair_run(tmp_path)
    (tmp_path / "steps.jsonl").write_bytes(WHOLE[0] + b"\n" + WHOLE[1][:5])
    whole, half = repair_run(tmp_path)
    assert (whole.lines, whole.dropped) == (3, [])
    assert (half.lines, [line.number for line in half.dropped]) == (1, [2])
    write(tmp_path, [WHOLE[0], b"nonsense", WHOLE[1]])
    assert repair_run(tmp_path)[0].original == tmp_path / "evaluations.jsonl.broken-2"


def test_not_while_a_driver_writes_and_not_where_nothing_is(tmp_path):
    write(tmp_path, [WHOLE[0], b"nonsense", WHOLE[1]])
    with RunLock(tmp_path), pytest.raises(RunLocked, match="is being written by process"):
        repair_run(tmp_path)
    with pytest.raises(RunError, match="no log in"):
        repair_run(tmp_path / "nowhere")


def test_a_repair_that_was_killed_between_its_two_files_goes_on_with_the_first(tmp_path):
    data = write(tmp_path, [*WHOLE[:3], b"{", *WHOLE[3:]])
    (tmp_path / "evaluations.jsonl.broken-1").write_bytes(b"of an earlier time\n")
    (tmp_path / "evaluations.jsonl.broken-2").write_bytes(data)
    (done,) = repair_run(tmp_path)
    assert done.original == tmp_path / "evaluations.jsonl.broken-2"
    assert len(list(tmp_path.glob("*.broken-*"))) == 2
