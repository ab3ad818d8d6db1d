"""All proxies on one Markdown page: how far each ranks networks as their accuracies do, and what it is."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vitnas import plugins
from vitnas.report.figures.proxy_plot import ranked_names
from vitnas.report.pages.device_sections import table
from vitnas.report.pages.proxy_results import Entry, Known, Results
from vitnas.report.pages.proxy_tables import figure, images_of, part_names, seconds

PLOT = "proxies/tau.png"
HEAD = """# Proxies

<!-- Written by `vitnas proxies report`; check again, or change proxies/NAME.notes.md instead. -->

How far training-free scores rank networks as their measured accuracies do. `vitnas proxies check` builds the
networks of a table, scores each as initialised, and compares; `vitnas proxies report` writes this page from
its results.

- **tau** is Kendall's tau-b, with a 95 % interval from a bootstrap over the networks (in brackets).
  Two scores whose intervals overlap much are not told apart by these networks.
- **regret** is the best accuracy minus that of the network with the best score, in points.
- **R2 on shape** is the share of a score that a linear regression on the networks' shape explains: of each
  stage the depth (as categories and as a logarithm) and the logarithms of width, mean expansion and mean
  attention width. At 1 the score says nothing that these do not say. Where widths range ten-fold (`pit`) even
  a count is not linear in their logarithms. **tau beyond** is the tau between what such regressions leave
  over of the score and of the accuracy.
- **s** is seconds per architecture, with the passes that a score needs and without building the network.
- `params`, `macs`, `depth` and `widths` (sum of the blocks' widths) are counts; [`capacity`](quality.md) is
  the closed form that searches go by. They need no network.
- **before** is the tau that was measured on a sample of the same table with another implementation;
  **outside** says that its interval does not hold the one measured here.
"""


def proxy_page(results: Results, *, picture: bool) -> str:
    """The page.

    Args:
        results: what it says.
        picture: whether the plot stands at ``proxies/tau.png``.
    """
    parts = [HEAD]
    if "" in results.notes:
        parts.append(results.notes[""] + "\n")
    parts.append(_overview(results))
    if picture:
        parts.append(f"![Tau of every score in every space]({PLOT})\n")
    parts.append("## What the checks rest on\n\n" + _conditions(results.checks))
    parts += [_check(check, results) for check in results.checks]
    parts.append("## What the scores are\n")
    parts += [_definition(name, results) for name in ranked_names(results)]
    return "\n".join(parts).rstrip() + "\n"


def doubts(results: Results) -> list[str]:
    """Scores that an earlier interval does not hold and that no note speaks of."""
    found = []
    for check in results.checks:
        for entry in check["proxies"]:
            known = _known(results, check, entry["proxy"])
            if _held(known, entry) is False and entry["proxy"] not in results.notes:
                found.append(
                    f"{entry['proxy']} on {check['space']} has tau {figure(entry['tau'])}, before it had "
                    f"{_before(known, entry)}: say why in {entry['proxy']}.notes.md"
                )
    return found


def _name(check: Mapping[str, Any]) -> str:
    return f"{check['space']}, {check['label']}"


def _tau(entry: Entry | None) -> str:
    if entry is None:
        return ""
    if entry["tau"] is None:
        return "-"
    low, high = entry.get("tau_low"), entry.get("tau_high")
    return figure(entry["tau"]) + ("" if low is None else f" [{figure(low)}, {figure(high)}]")


def _overview(results: Results) -> str:
    """Tau of all scores in all checks."""
    closed = dict.fromkeys(
        e["proxy"] for check in results.checks for e in check["proxies"] if e["kind"] != "proxy"
    )
    entries = [{e["proxy"]: e for e in check["proxies"]} for check in results.checks]
    header = ("tau", *(f"{_name(check)} ({check['sample']})" for check in results.checks))
    cells = [
        (name, [_cell(e.get(name), check) for e, check in zip(entries, results.checks, strict=True)])
        for name in (*ranked_names(results), *closed)
    ]
    lines = [(f"*{name}*" if name in closed else _linked(name), *taus) for name, taus in cells]
    return table(header, lines, right=set(header[1:]))


def _cell(entry: Entry | None, check: Mapping[str, Any]) -> str:
    """Tau, and the number of networks where it is of fewer."""
    text = _tau(entry)
    fewer = entry is not None and entry["tau"] is not None and entry["n"] < check["sample"]
    return f"{text} ({entry['n']})" if entry is not None and fewer else text


def _linked(name: str) -> str:
    return f"[`{name}`](#{name.replace('+', '')})"


def _conditions(checks: Sequence[Mapping[str, Any]]) -> str:
    header = ("check", "table", "rows", "measured", "spread of labels", "images", "seed", "machine")
    lines = [
        (
            _name(check),
            f"`{check['truth']}`",
            str(check["labelled"]),
            str(check["sample"]),
            figure(check["label_spread"], 3),
            images_of(check),
            str(check["seed"]),
            f"{check['machine']}; torch {check['versions']['torch']}",
        )
        for check in checks
    ]
    return (
        table(header, lines, right={"rows", "measured", "spread of labels", "seed"})
        + "\nA sample is drawn over depth and mean width, with the seed; so are weights, images and the "
        f"{checks[0]['resamples']} resamples. The spread is the standard deviation of the accuracies: where "
        "it is near their noise, no score can rank them.\n"
    )


def _check(check: Mapping[str, Any], results: Results) -> str:
    entries: Sequence[Entry] = check["proxies"]
    header = ("score", "n", "tau", "Spearman", "regret", "s", "R2 on shape", "tau beyond", "before")
    lines = [
        (
            _marked(e),
            str(e["n"]),
            _tau(e),
            figure(e["spearman"]),
            figure(e["regret"], 3),
            seconds(e["seconds_per_architecture"]),
            figure(e["r2_shape"]),
            figure(e["residual_tau"]),
            _before(_known(results, check, e["proxy"]), e),
        )
        for e in sorted(entries, key=_order)
    ]
    parts = [f"## {_name(check)}\n", table(header, lines, right=set(header[1:-1]))]
    whole = [(e["proxy"], e["all_rows"]) for e in entries if "all_rows" in e]
    if whole:
        texts = ", ".join(f"{name} {_tau(e)}" for name, e in whole)
        parts.append(f"On all {whole[0][1]['n']} rows: {texts}.\n")
    median = entries[0].get("median_regret")
    if median is not None:
        parts.append(f"The median network's regret is {figure(median, 3)}.\n")
    parts += [
        f"`{e['proxy']}` failed on {e['failures']} networks: {e['failure']}\n"
        for e in entries
        if e["failures"]
    ]
    parts.append(_by_part(entries, "By group and by number of parameters"))
    on_all = [e["all_rows"] | {"proxy": e["proxy"], "kind": e["kind"]} for e in entries if "all_rows" in e]
    if on_all:
        parts.append(_by_part(on_all, f"The same for counts and capacity, on all {on_all[0]['n']} rows"))
    return "\n".join(filter(None, parts))


def _marked(entry: Entry) -> str:
    """The score's name; counts stand apart."""
    return f"`{entry['proxy']}`" if entry["kind"] == "proxy" else f"*{entry['proxy']}*"


def _order(entry: Entry) -> tuple[bool, float, str]:
    """Proxies before counts, the highest tau first."""
    tau = entry["tau"]
    return entry["kind"] != "proxy", math.inf if tau is None else -tau, entry["proxy"]


def _by_part(entries: Sequence[Entry], title: str) -> str:
    names = part_names(entries)
    if not names:
        return ""
    found = {e["proxy"]: {(p["group"], p["band"]): p for p in e["parts"]} for e in entries}
    counts = [max(parts[name]["n"] for parts in found.values() if name in parts) for name in names]
    header = ("tau", *(f"{' '.join(filter(None, n))} ({k})" for n, k in zip(names, counts, strict=True)))
    lines = [
        (_marked(e), *(_tau(found[e["proxy"]].get(name)) for name in names))
        for e in sorted(entries, key=_order)
    ]
    text = table(header, lines, right=set(header[1:]))
    return f"<details><summary>{title}</summary>\n\n{text}\n</details>\n"


def _known(results: Results, check: Mapping[str, Any], name: str) -> Known | None:
    return results.known.get((name, check["space"], check["label"]))


def _held(known: Known | None, entry: Entry) -> bool | None:
    return None if known is None or entry["tau"] is None else known.holds(entry["tau"])


def _before(known: Known | None, entry: Entry) -> str:
    if known is None:
        return ""
    if known.low is None:
        return figure(known.tau)
    held = "" if _held(known, entry) else ", **outside**"
    return f"{figure(known.tau)} [{figure(known.low)}, {figure(known.high)}]{held}"


def _definition(name: str, results: Results) -> str:
    """What a score is, in its own words, and what is to be said of its figures."""
    parts = [f"### {name}\n"]
    if "+" in name:
        sums = sorted({check["combine"] for check in results.checks})
        parts.append(f"The sum of {', '.join(name.split('+'))} ({', '.join(sums)}).\n")
    else:
        parts += [paragraph + "\n" for paragraph in _paragraphs(name)]
    about = {known.conditions for key, known in results.known.items() if key[0] == name and known.conditions}
    if about:
        parts.append(f"Measured before with: {'; '.join(sorted(about))}.\n")
    if name in results.notes:
        parts.append(results.notes[name] + "\n")
    return "\n".join(parts)


def _paragraphs(name: str) -> list[str]:
    """Of the class's docstring, without its attributes; none where it is no file of ours or the user's."""
    path = plugins.plugin_file("proxy", name)
    if path is None or not path.is_file():
        return []
    wanted = plugins.camel_case(path.stem)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == wanted:
            text = (ast.get_docstring(node) or "").replace("``", "`")
            return [p for p in text.split("\n\n") if not p.startswith("Attributes:")]
    return []
