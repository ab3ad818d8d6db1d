"""Options of ``vitnas proxies check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Space = Annotated[str, typer.Option(help="Space of the architectures: a name or a file.")]
Truth = Annotated[
    Path, typer.Option(metavar="FILE", help="CSV of architectures and their measured accuracies.")
]
Proxy = Annotated[
    list[str] | None,
    typer.Option(metavar="A,B", help="What to check; A+B+macs is one score [default: all there are]."),
]
Label = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Accuracies to hold against [default: the first].")
]
Limit = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="Networks, drawn over depth and width [default: all].")
]
Seed = Annotated[int, typer.Option(metavar="NUMBER", help="Of the sample, and of weights and images.")]
Repeats = Annotated[
    int | None,
    typer.Option(metavar="NUMBER", min=1, help="Initialisations to average [default: each proxy's own]."),
]
Resolution = Annotated[
    int | None, typer.Option(metavar="NUMBER", min=1, help="Side of the images [default: each proxy's own].")
]
Images = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A folder or npz of real images [default: Gaussian ones]."),
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda or cuda:1.")]
Bands = Annotated[
    str | None,
    typer.Option(metavar="LOW-HIGH", help="Bands of parameters, 15M-19M,19M-25M [default: even ones]."),
]
Combine = Annotated[
    str, typer.Option(metavar="NAME", help="How A+B is summed: log-rank (AZ-NAS) or standard.")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder to keep scores in [default: runs/proxies-SPACE]."),
]
Json = Annotated[bool, typer.Option("--json", help="A JSON array with one object a score.")]
