from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vitnas.cli.profile import app
from vitnas.errors import InvalidData
from vitnas.hardware.load_device import load_device
from vitnas.hardware.published.compare import check
from vitnas.hardware.published.latency_rows import read_rows
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.metrics import summarize

HEADER = "model,timm_name_if_any,resolution,device,runtime,latency_ms,note\n"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Truths that the shipped profile misses by 0, +10, -20 and +100 %, and two rows that cannot be built."""
    pytest.importorskip("timm")
    device = load_device("iphone12")
    lines = [HEADER]
    for name, error in [
        ("resnet18", 0.0),
        ("resnet50", 0.1),
        ("deit_tiny_patch16_224", -0.2),
        ("mobilenetv2_100", 1.0),
    ]:
        predicted = device.network_ms(network_trace(name, 224).kernels)
        lines.append(
            f'{name.upper()},{name},224,iPhone 12,"Core ML, iOS 16",{predicted / (1 + error):.6f},x\n'
        )
    lines.append("CMT-Ti,,,iPhone 12 Pro,,3.8,\n")
    lines.append("Typo,resnet5O,224,iPhone 13,,3.8,\n")
    path = tmp_path / "truth.csv"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_metrics_by_hand() -> None:
    summary = summarize([1.0, 1.1, 1.6, 2.0], [1.0, 1.0, 2.0, 1.0])
    assert summary.n == 4
    assert summary.mape == pytest.approx((0 + 0.1 + 0.2 + 1.0) / 4)
    assert summary.median_error == pytest.approx(0.15)
    assert (summary.within_10, summary.within_20) == (0.5, 0.75)
    exact = summarize([1, 2, 3], [10, 20, 30])
    assert (exact.spearman, exact.kendall) == (pytest.approx(1), pytest.approx(1))
    assert math.isnan(summarize([1.0], [1.0]).spearman)


def test_check_predicts_what_it_can_and_says_what_not(truth: Path) -> None:
    result = check(load_device("iphone12"), truth)
    assert result.summary.n == 4
    assert result.summary.mape == pytest.approx(0.325, abs=1e-4)
    assert [c.row.timm_name for c in result.worst(2)] == ["mobilenetv2_100", "deit_tiny_patch16_224"]
    assert result.worst(1)[0].error == pytest.approx(1.0, abs=1e-4)
    assert [(row.line, reason.split(" (")[0]) for row, reason in result.skipped] == [
        (6, "no timm name"),
        (7, "unknown timm model 'resnet5O'; did you mean 'resnet50'?"),
    ]


def test_rows_of_other_devices_count_unless_filtered(truth: Path) -> None:
    assert len(read_rows(truth)) == 6
    assert [row.line for row in read_rows(truth, "iphone 12 pro")] == [6]
    assert [row.line for row in read_rows(truth, "iOS 16")] == [2, 3, 4, 5]
    with pytest.raises(InvalidData, match="no row's device or runtime contains 'pixel'"):
        read_rows(truth, "pixel")


def test_json_is_one_object_with_the_promised_keys(truth: Path) -> None:
    answer = CliRunner().invoke(app, ["check", "iphone12", "--truth", str(truth), "--json"])
    assert answer.exit_code == 0
    found = json.loads(answer.output)
    promised = {
        "n",
        "mape",
        "median_error",
        "within_10",
        "within_20",
        "spearman",
        "kendall",
        "rows",
        "skipped",
    }
    assert promised <= found.keys()
    assert len(found["rows"]) == found["n"] == 4
    assert found["rows"][1]["error"] == pytest.approx(0.1, abs=1e-3)
    assert [skipped["line"] for skipped in found["skipped"]] == [6, 7]


def test_plain_output_names_origin_figures_and_worst_rows(truth: Path) -> None:
    output = CliRunner().invoke(app, ["check", "iphone12", "--truth", str(truth), "--worst", "1"]).output
    assert "fitted, not measured, ±10 %" in output
    assert "n 4   MAPE 32.5 %" in output
    assert "MOBILENETV2_100" in output
    assert "RESNET18" not in output
    assert "skipped 2 rows" in output
    assert "─" not in output  # no box characters where there is no terminal


def test_fit_on_the_command_line_writes_a_profile(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    rows = tmp_path / "mine.csv"
    names = ["resnet18", "resnet34", "mobilenetv2_100", "deit_tiny_patch16_224", "repvit_m0_9"]
    text = "".join(f"{n},{n},128,My phone,,{i + 1},{i % 2}\n" for i, n in enumerate(names[:3] + names[4:]))
    header = "model,timm_name_if_any,resolution,device,runtime,latency_ms,family\n"
    rows.write_text(header + text + "x,deit_tiny_patch16_224,224,My phone,,3,vit\n", encoding="utf-8")
    out = tmp_path / "profiles"
    answer = CliRunner().invoke(app, ["fit", "--rows", str(rows), "--name", "mine", "--out", str(out)])
    assert answer.exit_code == 0, answer.output
    device = load_device(str(out / "mine.yaml"))
    assert device.profile.conditions.device == "My phone"
    assert device.profile.rows is not None
    assert device.profile.rows.number == 5
    assert "do not support a fit" in answer.output  # five rows of nonsense


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "no rows below the header"),
        ("resnet18,224,1,5\n", ":2: 4 fields; the header has 3"),
        ('resnet18,224,"1,5"\n', ":2: column 'latency_ms': '1,5' is no number; write decimals with a point"),
        ("resnet18,224,1\nresnet18,224,-3\n", ":3: column 'latency_ms': -3 is no latency"),
        ("resnet18,224,0\n", "must be positive"),
        ("resnet18,224,nan\n", "'nan' is no number"),
        ("resnet18,big,1\n", ":2: column 'resolution': expected a side such as 224, or height and width"),
        ("resnet18,224.5,1\n", "column 'resolution': expected a side such as 224, or height and width"),
        ("resnet18,224\n", ":2: 2 fields; the header has 3"),
        ("resnet18,224,\n", "column 'latency_ms': '' is no number"),
    ],
)
def test_a_bad_row_gives_one_line_with_file_line_and_column(rows: str, message: str, tmp_path: Path) -> None:
    refuse("timm_name_if_any,resolution,latency_ms\n" + rows, message, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected a header"),
        (
            "timm_name_if_any,latency_ms\nresnet18,1\n",
            ":1: 'resolution': the column is missing",
        ),
        ("timm_name_if_any;resolution;latency_ms\nresnet18;224;1\n", "separated by ';'"),
        (
            "timm_name_if_any,resolution,latency_ms,resolution\nresnet18,224,1,256\n",
            ":1: column 'resolution': stands 2 times",
        ),
    ],
)
def test_a_bad_header_gives_one_line(text: str, message: str, tmp_path: Path) -> None:
    refuse(text, message, tmp_path)


def test_spaces_around_cells_of_the_header_and_empty_rows_make_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("timm_name_if_any, resolution,latency_ms,\nefficientformerv2_s0,256,0.9,\n,,,\n")
    assert [(row.resolution_px, row.latency_ms) for row in read_rows(path)] == [(256, 0.9)]


def refuse(text: str, message: str, folder: Path) -> None:
    path = folder / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidData) as caught:
        read_rows(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_file_of_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="cannot be read"):
        read_rows(tmp_path / "nowhere.csv")
    path = tmp_path / "t.csv"
    path.write_text(HEADER + "CMT,,,,,3.8,\n", encoding="utf-8")
    with pytest.raises(InvalidData, match="no row can be checked; line 2: no timm name"):
        check(load_device("iphone12"), path)
