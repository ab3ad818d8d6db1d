from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from vitnas.report.terminal.axes import plot_axes
from vitnas.report.terminal.plots import Canvas, Mark, Scale, Scatter, _edge


def draw(scatter: Scatter, width: int = 80, encoding: str = "utf-8") -> list[str]:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    Console(file=stream, width=width).print(scatter)
    stream.flush()
    return written.getvalue().decode(encoding).splitlines()


def cloud(points: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform((0.7, 0.2), (1.6, 0.9), (points, 2))


@pytest.mark.parametrize("width", [24, 40, 80, 200])
@pytest.mark.parametrize("height", [6, 14])
def test_it_fills_its_height_and_never_its_width(width: int, height: int) -> None:
    lines = draw(Scatter(cloud(), "latency ms", "quality", [Mark("s0", 0.9, 0.4)], height=height), width)
    assert len(lines) == height
    assert max(map(len, lines)) <= min(width, 100)
    assert "latency ms" in lines[-1]
    assert lines[0] == "quality"


def test_there_is_nothing_where_there_is_no_room_or_no_point() -> None:
    assert draw(Scatter(cloud(), "x", "y"), width=20) == []
    assert draw(Scatter(cloud(), "x", "y", height=5)) == []
    assert draw(Scatter(np.zeros((0, 2)), "x", "y")) == []
    assert draw(Scatter(np.full((3, 2), np.nan), "x", "y")) == []


def test_few_points_stand_where_they_belong() -> None:
    lines = draw(Scatter(np.array([[1.0, 10.0], [2.0, 20.0]]), "x", "y", height=9))
    rows = [k for k, line in enumerate(lines) if "•" in line]
    assert rows == [1, 6]  # the better and more expensive one is up and to the right
    assert lines[1].index("•") > 70
    assert lines[6].index("•") < 15


def test_many_points_become_braille_dots_and_none_is_lost() -> None:
    points = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    text = "".join(draw(Scatter(points, "x", "y", height=24), width=60))
    dots = sum((ord(c) - 0x2800).bit_count() for c in text if 0x2800 < ord(c) < 0x2900)
    assert dots == 100


def test_a_single_point_is_drawn() -> None:
    assert any("•" in line for line in draw(Scatter(np.array([[1.0, 2.0]]), "x", "y")))


def test_marks_are_named_at_the_free_side_and_may_be_alone() -> None:
    lines = draw(Scatter(np.zeros((0, 2)), "x", "y", [Mark("left", 1.0, 1.0), Mark("right", 2.0, 2.0)]))
    assert any("◆ left" in line for line in lines)
    assert any("right ◆" in line for line in lines)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    lines = draw(Scatter(cloud(), "latency ms", "quality", [Mark("s0", 1.0, 0.5)]), encoding="ascii")
    text = "\n".join(lines)
    assert text.isascii()
    assert "* s0" in text
    assert "o" in text


def test_the_front_in_the_plane_is_brighter() -> None:
    canvas = Canvas(Scale(0.0, 1.0, 10), Scale(0.0, 1.0, 5))
    canvas.dots(np.array([[0.05, 0.05]]), "blue")
    canvas.dots(np.array([[0.95, 0.95]]), "bold cyan")
    lines = list(canvas.lines())
    assert [span.style for span in lines[0].spans] == ["bold cyan"]
    assert [span.style for span in lines[-1].spans if span.style] == ["blue"]


@pytest.mark.parametrize(("low", "high"), [(0.7, 1.6), (-3.0, 1e6), (0.001, 0.0012), (5.0, 5.0), (0.0, 0.0)])
def test_ticks_are_few_inside_and_distinct(low: float, high: float) -> None:
    scale = Scale.over(np.array([low, high]), 40)
    ticks = scale.ticks(5)
    assert 1 <= len(ticks) <= 7
    assert len({text for _, text in ticks}) == len(ticks)
    for cell, text in ticks:
        assert scale.low <= float(text) <= scale.high
        assert abs(int(scale.position(np.array(float(text)))) - cell) <= 1


@pytest.mark.parametrize(
    ("objectives", "axes"),
    [
        (("quality", "latency", "params"), ("latency", "quality")),
        (("params", "quality", "latency"), ("latency", "quality")),
        (("quality", "macs"), ("macs", "quality")),
        (("params", "latency"), ("latency", "params")),
        (("quality",), None),
        (("latency",), None),
        (("quality", "params", "throughput@gpu", "latency@a"), ("latency@a", "quality")),
        (("quality", "params", "throughput"), ("throughput", "quality")),
    ],
)
def test_axes(objectives: tuple[str, ...], axes: tuple[str, str] | None) -> None:
    assert plot_axes(objectives) == axes


def test_where_more_is_better_the_front_bends_the_other_way() -> None:
    points = np.array([[1.0, 2.0], [2.0, 1.0], [2.5, 1.5]])  # throughput, quality
    assert _edge(points, True, False).tolist() == [True, False, False]
    assert _edge(points, True, True).tolist() == [True, False, True]
