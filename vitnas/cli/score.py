"""``vitnas score``: price and score architectures."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from vitnas.cli import _common
from vitnas.cli import _worker_options as w

Files = Annotated[
    list[str],
    typer.Argument(
        help="An architecture's file, or a published network such as efficientformer:s0.", metavar="FILE"
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE", help="A name from 'vitnas devices', or a profile, or A,B; without one no latencies."
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        min=1,
        help="Images in a call, which latency and activation memory are of [default: the device's, or 1].",
    ),
]
Resolution = Annotated[
    int | None,
    typer.Option(
        "--resolution-px", metavar="NUMBER", min=1, help="Side of the images, in place of the networks' own."
    ),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option("--proxy", metavar="NAME", help="A score from 'vitnas proxies'; repeat it for more."),
]
Seed = Annotated[int, typer.Option(metavar="NUMBER", help="Of the weights and images that proxies draw.")]
Repeats = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        min=1,
        help="Fresh initialisations to average over [default: what each proxy wants].",
    ),
]
ProxyResolution = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        min=1,
        help="Side of the images that proxies see [default: what each proxy wants].",
    ),
]
ProxyBatch = Annotated[
    int | None,
    typer.Option(metavar="NUMBER", min=1, help="Images that proxies see [default: what each proxy wants]."),
]
Images = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="A folder or .npz of images for proxies, in place of Gaussian ones."),
]
Device = Annotated[str, typer.Option(metavar="NAME", help="Where proxies compute: cpu, cuda or cuda:1.")]
Json = Annotated[bool, typer.Option("--json", help="A JSON array with one object a file.")]


def score(
    ctx: typer.Context,
    files: Files,
    target: Target = None,
    batch: Batch = None,
    resolution_px: Resolution = None,
    proxies: Proxies = None,
    seed: Seed = 0,
    repeats: Repeats = None,
    proxy_resolution_px: ProxyResolution = None,
    proxy_batch: ProxyBatch = None,
    images: Images = None,
    device: Device = "cpu",
    workers: w.Workers = None,
    ray: w.Ray = None,
    cpus_per_worker: w.CpusPerWorker = None,
    gpus_per_worker: w.GpusPerWorker = None,
    candidate_timeout: w.CandidateTimeout = None,
    as_json: Json = False,
) -> None:
    """Price and score architectures: files or published networks.

    Parameters, MACs, activations, peak activation memory, latency on a device, training-free scores.
    With any option of workers a network that cannot be scored is said, and the others go on. For example:
    vitnas score best/*.yaml --proxy naswot --ray auto
    """
    from vitnas.scoring import score as score_files

    score_all = partial(
        score_files,
        files,
        target=target,
        proxies=proxies or (),
        seed=seed,
        batch=batch,
        resolution_px=resolution_px,
        repeats=repeats,
        proxy_resolution_px=proxy_resolution_px,
        proxy_batch=proxy_batch,
        images=images,
        device=device,
    )
    if w.any_given(ctx):
        with _common.view(as_json) as view:
            rows = score_all(workers=w.worker_settings(ctx), listener=view)
    else:
        rows = score_all()
    if as_json:
        _common.print_json(rows)
        return
    from vitnas.report.terminal.score_tables import score_tables

    _common.console().print(score_tables(rows))
