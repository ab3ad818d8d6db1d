"""Files that are wrong: texts with other values at one place, and bytes that are damaged."""

from __future__ import annotations

import json
import random
import re
from typing import Any

Input = tuple[bytes, bool]  # a file, and whether it is wrong by construction

DOUBTFUL = ("020", "-07", "1:20", "no", "Yes", "off", "1_000", "0o17", "0b1", ".inf", "1e999", "9" * 4000)
ODD_YAML = (
    *("~", "''", "[]", "{}", "[1, [2]]", "{a: {b: 1}}", "true", "text", "-1", "0", "1.5", "1e9", "1.0e+30"),
    *("{range: [1, .nan]}", "{range: [8, 1e12]}", "{range: 3}", "{choice: []}", "{choice: [1, 1]}"),
    *("{choice: [.nan, 2]}", "{var: x}", "{var: [1]}", "{choice: [1], range: [1, 2]}", "1000000000"),
    *("2000", "{choice: [1, 2000]}", "99999999999999999999", '"\\e[0m"', "./x.py", "../../x", "[red]x[/b]"),
)
WRONG_YAML = (
    *(
        "&a [*a]",
        "!!python/name:os.system ''",
        "!!binary aGk=",
        "{<<: {a: 1}}",
        "{a: 1, a: 2}",
        "[",
        "\x1b",
        "\x00",
    ),
    *("'", "{? [a] : 1}", "[" * 3000, "@x"),
)
ODD_JSON: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 10**30, 1e300, "", "x", "ff", [], {}, [[]], [None], ["x"], {"x": 1}, [1e300]),
)
CELLS = (
    "",
    "nan",
    "inf",
    "1,5",
    "1_0",
    "x",
    "-1",
    "0",
    "1e999",
    "1e300",
    '"',
    "ff",
    "é",
    "\u0663",
    "0x1",
    "2.5",
)
WRONG_CELLS = ('"1\n', "\x00", "\x1b[2J", "1,2,3,4,5,6,7,8,9,1,2,3")


def yaml_text(rng: random.Random, text: str) -> Input:
    """One value, key or line of a document is another."""
    lines = text.splitlines()
    k = rng.choice([k for k, line in enumerate(lines) if re.search(r"[:\[,] *[\w.]+", line)])
    flow = r"|\[|, " if re.search(r"[{\[]", lines[k]) else ""
    spots = [m.span(1) for m in re.finditer(rf"(?:: {flow})([\w.]+)(?=[,\]}}]|$)", lines[k])]
    kind = rng.random()
    if kind < 0.15 or not spots:
        return _lines(rng, lines), False
    start, end = rng.choice(spots)
    options = DOUBTFUL if kind < 0.4 else WRONG_YAML if kind < 0.6 else ODD_YAML
    new = rng.choice(options)
    lines[k] = lines[k][:start] + new + lines[k][end:]
    return "\n".join(lines).encode(), kind < 0.6 and "#" not in lines[k][:start]


def _lines(rng: random.Random, lines: list[str]) -> bytes:
    k = rng.randrange(len(lines))
    changes = (
        lines[:k],
        lines[:k] + lines[k + 1 :],
        [*lines[: k + 1], *lines[k:]],
        [*lines[:k], " " + lines[k]],
    )
    return "\n".join(rng.choice(changes)).encode()


def json_text(rng: random.Random, text: str) -> Input:
    """One value of a document is another or missing; or the text is no JSON of ours."""
    kind = rng.random()
    if kind < 0.1:
        numbers = list(re.finditer(r"(?m)(?<=[ \t])-?\d+(\.\d+)?(?=,?$)", text))
        if not numbers:
            return text[:-3].encode(), True
        number = rng.choice(numbers)
        new = rng.choice(("NaN", "Infinity", "1e999", "01", "--1"))
        return (text[: number.start()] + new + text[number.end() :]).encode(), True
    if kind < 0.2:
        return text[: rng.randrange(len(text) // 2)].encode(), True
    if kind < 0.25:
        key = re.search(r'"\w+":', text)
        assert key is not None
        return (text[: key.start()] + f"{key[0]} 1, " + text[key.start() :]).encode(), True
    document = json.loads(text)
    _change(rng, document)
    return json.dumps(document).encode(), False


def _change(rng: random.Random, holder: Any) -> None:
    """Another value, or none, somewhere inside; near the top more often than deep down."""
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        if not keys:
            return
        key = rng.choice(list(keys))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            break
        holder = inner
    if rng.random() < 0.25:
        del holder[key]
    else:
        holder[key] = rng.choice(ODD_JSON)


def csv_text(rng: random.Random, text: str) -> Input:
    """One cell of a table is another; or a column stands twice, a row has too many cells."""
    lines = text.splitlines()
    k = rng.randrange(min(len(lines), 20))
    cells = lines[k].split(",")
    c, kind = rng.randrange(len(cells)), rng.random()
    if kind < 0.1:
        lines[0] += "," + rng.choice(lines[0].split(","))
        return "\n".join([lines[0], *(f"{line},1" for line in lines[1:])]).encode(), True
    if kind < 0.15:
        return text.replace(",", rng.choice((";", "\t"))).encode(), True
    if kind < 0.2:
        return text.encode(rng.choice(("utf-16", "utf-16-le"))), True
    cells[c] = rng.choice(WRONG_CELLS if kind < 0.4 else CELLS)
    lines[k] = ",".join(cells)
    end = rng.choice(("\n", "\r\n", "", "\n,,,\n"))
    return ("\n".join(lines) + end).encode(errors="surrogatepass"), kind < 0.4 and k > 0


def damaged(rng: random.Random, data: bytes) -> Input:
    """Bytes flipped, cut, added, moved or blanked."""
    found, kind = bytearray(data), rng.randrange(6)
    at, length = rng.randrange(len(found)), rng.choice((1, 2, 4, 16, 64))
    if kind == 0:
        for _ in range(rng.choice((1, 3, 20))):
            found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del found[at:]
    elif kind == 2:
        found[at:at] = rng.randbytes(length)
    elif kind == 3:
        found[at : at + length] = b"\xff" * length
    elif kind == 4:
        found[at : at + length] = bytes(length)
    else:
        del found[at : at + length]
    return bytes(found), False
