"""Texts of files are shown, never obeyed; names that become a part of a path are checked on reading."""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.table import Table
from rich.text import Text

import vitnas
from vitnas.api.watching import LoggedListener
from vitnas.cli import _common
from vitnas.cli.main import main
from vitnas.errors import InvalidInput, VitnasError
from vitnas.formats.path_name import as_name, check_name, check_network_name, check_title
from vitnas.plain import printable, printable_json
from vitnas.report.console import SafeConsole
from vitnas.report.notebook.html import to_html, to_text
from vitnas.report.notebook.live_line import LiveLine
from vitnas.report.pages.markdown_text import as_text
from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.plain_view import PlainView
from vitnas.run.result import Member

PACKAGE = Path(vitnas.__file__).parent
NASTY = "\x1b]0;title\x07\x1b[2J[/b][red]x\x9b31m\u202egnp\u2066\x7f\r:smile:\x00<script>"
OBEYED = [*"\x1b\x07\x9b\u202e\u2066\x7f\r\x00"]
BAD_NAMES = [
    *(
        "../x",
        "../../../x",
        "/tmp/x",
        "a/b",
        "a\\b",
        "..",
        ".",
        ".hidden",
        "x.",
        "",
        " ",
        "a b",
        "a\nb",
        "a\x1b",
    ),
    *("con", "NUL.yaml", "com1", "x" * 101, "\u202ex", "[/b]", "x:y", "$x$", "-x", None, 1, True, ["x"], "é"),
]
NETWORK: dict[str, Any] = {
    "name": "a",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [{"width": {"choice": [8, 16]}, "blocks": [{"op": "conv_ffn", "expansion": 1}]}],
    "head": {"op": "pooled_classifier"},
}


def is_shown(text: str) -> bool:
    """Whether nothing of the nasty text is left that a terminal obeys."""
    return not any(mark in text for mark in OBEYED) and "\\x1b" in text


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_what_is_no_name(name):
    with pytest.raises(InvalidInput):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "_x", "1.10", "x" * 100, "vit_s0", "a..b"])
def test_what_is_a_name(name):
    assert check_name(name) == name


@pytest.mark.parametrize("text", ["my net:1", "../../x", "con", "", "...", "é", "x" * 300, "\x1b[2J", "-a"])
def test_any_text_has_a_name_that_is_like_it(text):
    assert check_name(as_name(text))


def test_a_network_gives_its_file_its_name():
    names = {"efficientformer:s0": "efficientformer-s0", "a b/../c": "a-b-..-c", ":": "_"}
    assert {name: as_name(name) for name in names} == names


def test_a_published_network_is_named_after_its_space():
    assert check_network_name("vit:deit_tiny")
    for name in ("vit:../x", "a:b:c", ":", "vit:"):
        with pytest.raises(InvalidInput):
            check_network_name(name)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The test stands in ``inner``, beside nothing."""
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path / "inner" / "cache"))
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


DOCUMENTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "name": lambda name: {**NETWORK, "name": name},
    "reference": lambda name: {**NETWORK, "references": {name: {"genes": {"stages.0.width": 8}}}},
}


@pytest.mark.parametrize("field", DOCUMENTS)
@pytest.mark.parametrize("name", ["../../../x", "/tmp/x", ".x", "a/b", "a\x1b[2J", "[/b]", "\u202ex", "nul"])
def test_a_document_with_such_a_name_is_refused(here, field, name):
    Path("s.yaml").write_text(yaml.safe_dump(DOCUMENTS[field](name)))
    for call in (
        lambda: vitnas.load_space("s.yaml"),
        lambda: vitnas.search("s.yaml", trials=2, front=1, progress=False),
        lambda: vitnas.search(DOCUMENTS[field](name), trials=2, front=1, progress=False),
        lambda: vitnas.score("s.yaml", progress=False),
    ):
        with pytest.raises(VitnasError, match=r"is no name|is the name of a device") as problem:
            call()
        assert not any(mark in str(problem.value) for mark in OBEYED)


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "/tmp/x", "nul", "x" * 101, ""])
@pytest.mark.parametrize(
    "command",
    [
        "search --space s.yaml --trials 2 --front 1",
        "scale vit:deit_tiny --to 6M --rule compound",
        "profile measure --space s.yaml --runtime torch-eager",
    ],
    ids=["search", "scale", "measure"],
)
def test_no_run_or_device_has_such_a_name(here, command, name, capsys):
    Path("s.yaml").write_text(yaml.safe_dump(NETWORK))
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--name", name])
    assert ended.value.code == 2 and "name" in capsys.readouterr().err


def test_a_networks_file_does_not_lead_out_of_its_run(tmp_path):
    row = {"file": "../../x.yaml", "genome": [], "out_of_domain": [], "name": "a", "id": "b", "costs": {}}
    with pytest.raises(VitnasError, match="no file of the run"):
        Member.from_dict({**row, "quality": 1.0, "depth": 1}, tmp_path)


def test_printable_shows_what_is_obeyed_and_leaves_the_rest():
    assert is_shown(printable(NASTY)) and printable(printable(NASTY)) == printable(NASTY)
    for text in ("größe ±3 % · x → y", "two\nlines\tand a tab", "日本語", "🙂", ""):
        assert printable(text) == text


def test_json_stays_json():
    text = printable_json(json.dumps({NASTY: [NASTY]}, ensure_ascii=False))
    assert json.loads(text) == {NASTY: [NASTY]} and not any(mark in text for mark in OBEYED)


def console_text(part: Any) -> str:
    stream = io.StringIO()
    SafeConsole(file=stream, width=300, force_terminal=True).print(part)
    text = stream.getvalue()
    for own in ("\x1b[1m", "\x1b[0m", "\x1b[3m"):
        text = text.replace(own, "")
    return text


def rich_table() -> Table:
    table = Table(title=NASTY)
    table.add_column(NASTY)
    table.add_row(NASTY)
    return table


def echoed(capsys: pytest.CaptureFixture[str], write: Callable[[], None]) -> str:
    write()
    captured = capsys.readouterr()
    return str(captured.out + captured.err).replace("\r\n", "\n")


PARTS: dict[str, Any] = {
    "text": Text(NASTY),
    "str": NASTY,
    "fitted": FittedTable([Column(NASTY, [NASTY], wraps=True)]),
    "table": rich_table(),
}


@pytest.mark.parametrize("part", PARTS)
def test_nothing_drawn_is_obeyed(part):
    for text in (
        console_text(PARTS[part]).replace("\x1b[3m", ""),
        to_text(PARTS[part], 300),
        to_html(PARTS[part]),
    ):
        assert is_shown(text)
    html = to_html(PARTS[part])
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "[/b][red]x" in to_text(PARTS[part], 300) and ":smile:" in to_text(PARTS[part], 300)


def test_nothing_printed_is_obeyed(capsys, caplog):
    table = lambda: _common.print_table((NASTY,), [(NASTY,)])  # noqa: E731
    for write in (lambda: _common.say(NASTY), lambda: _common.say(NASTY, err=True), table):
        assert is_shown(echoed(capsys, write))
    stream = io.StringIO()
    view = PlainView(stream)
    view.stage(NASTY, NASTY)
    view.warn(NASTY)
    assert is_shown(stream.getvalue())
    shown: list[str] = []
    line = LiveLine(show=lambda text: shown.append(text) or shown.append)  # type: ignore[func-returns-value]
    with line:
        line.stage(NASTY, NASTY)
        line.warn(NASTY)
    assert is_shown("".join(shown)) and "<script>" not in "".join(shown)
    with caplog.at_level("INFO", "vitnas"):
        LoggedListener().stage(NASTY, NASTY)
        LoggedListener().warn(NASTY)
    assert is_shown("".join(record.getMessage() for record in caplog.records))
    assert is_shown(str(InvalidInput(NASTY)))


def test_nothing_on_a_page_is_html():
    text = as_text({"a": (NASTY, [NASTY])})
    assert is_shown(repr(text).replace("\\\\", "\\")) and "<script>" not in repr(text)
    assert as_text({"a": "b & c"}) == {"a": "b & c"}


def uses(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_everything_is_printed_through_one_outlet(path):
    if path.name in ("_common.py", "console.py", "plain_view.py") or "templates" in path.parts:
        return
    found = {
        name for name in uses(path) if name in ("typer.echo", "print", "Console", "rich.print", "click.echo")
    }
    assert not found, f"{found}: use vitnas.cli._common.say, or SafeConsole"


LINE = "\x1b]0;owned\x07[/b] \u202e"


@pytest.mark.parametrize(
    "command",
    [
        ["spaces", "show", "s.yaml"],
        ["spaces", "show", "s.yaml", "--json"],
        ["search", "--space", "s.yaml", "--dry-run"],
        ["search", "--space", "s.yaml", "--dry-run", "--json"],
        ["search", "--space", "bad.yaml", "--dry-run"],
        ["score", "a.yaml"],
        ["score", "a.yaml", "--json"],
        ["score", "bad.yaml"],
        ["spaces"],
        ["runs", "."],
        ["runs", ".", "--json"],
        ["spaces", "open", "a.yaml", "--space", "s.yaml"],
        ["check", "ops/mine.py"],
        ["proxies"],
    ],
    ids=" ".join,
)
def test_no_command_obeys_a_file(here, command, capsys):
    notes = {"description": LINE, "recipe": {LINE: LINE}, "source": LINE}
    Path("s.yaml").write_text(yaml.safe_dump({**NETWORK, **notes}))
    closed = {**NETWORK, **notes, "stages": [{**NETWORK["stages"][0], "width": 8}]}
    Path("a.yaml").write_text(yaml.safe_dump(closed))
    Path("bad.yaml").write_text(yaml.safe_dump({**closed, LINE: LINE, "head": {"op": LINE}}))
    for folder in ("search_spaces", "ops", "proxies", "r"):
        Path(folder).mkdir()
    Path("search_spaces/mine.yaml").write_text(yaml.safe_dump({**NETWORK, **notes, "name": "mine"}))
    Path("ops/mine.py").write_text(f"raise ValueError({LINE!r})")
    Path("proxies/mine.py").write_text(f"class Mine:\n    {LINE!r}\n")
    state = {"layout": 1, "command": "search", "state": LINE, "config": {"space": LINE, "quality": LINE}}
    Path("r/manifest.json").write_text(json.dumps(state))
    with contextlib.suppress(SystemExit):
        main(command)
    printed = capsys.readouterr()
    assert not any(mark in printed.out + printed.err for mark in OBEYED)
    assert printed.out + printed.err


BAD_TITLES = (
    "",
    " ",
    " x",
    "a\nb",
    "a\x1b[2J",
    "a,b",
    "a;b",
    'a"b',
    "=1+1",
    "-x",
    "@x",
    "x" * 101,
    "\u202ex",
    None,
    1,
)


@pytest.mark.parametrize("title", BAD_TITLES)
def test_no_names_of_columns_and_studies(title: Any) -> None:
    with pytest.raises(InvalidInput, match=r"`label`: .* is no name") as caught:
        check_title(title, "`label`")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "title", ["accuracy", "ImageNet top-1 (%)", "../x", "Genauigkeit ä", "[/b]", "x" * 100]
)
def test_names_of_columns_and_studies(title: str) -> None:
    assert check_title(title, "`label`") == title
