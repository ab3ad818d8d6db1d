"""The options that several commands have, each defined once; a command may change help or default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitnas.cli._option import Option, panel, switch
from vitnas.errors import InvalidInput
from vitnas.figures import Figure, limits

if TYPE_CHECKING:
    from vitnas.workers import WorkerSettings

ARCHITECTURE = "An architecture's file, or a published network such as efficientformer:s0."
FILE = Option("file", "FILE", ARCHITECTURE, positional=True)
FILES = Option("files", "FILE...", ARCHITECTURE, list[str], ..., positional=True)
RUN = Option("run", "RUN", "A run folder of 'vitnas search'.", str, ..., positional=True)
SPACE = Option("space", "SPACE", "A name from 'vitnas spaces', or a YAML file.")
TARGET = Option(
    "target",
    "DEVICE",
    "A name from 'vitnas devices', or a profile; A,B (or repeat it) for networks that are good on both. "
    "Without one no latencies.",
    list[str] | None,
)
BATCH = Option(
    "batch",
    "NUMBER",
    "Images in a call: latency and activation memory are those of a call [default: the device's, or 1].",
    int | None,
)
RESOLUTION = Option(
    "resolution_px", "PX", "Side of the images, or height and width: 224x320 [default: the space's own]."
)
_PROXY = "A score from 'vitnas proxies'; repeat it for more."
PROXIES = Option("proxies", "NAME", _PROXY, list[str] | None, flags=("--proxy",))
SEED = Option("seed", "NUMBER", "Of weights and images that proxies draw [default: 0].", int, 0)
REPEATS = Option(
    "repeats", "NUMBER", "Fresh initialisations that a proxy averages over [default: its own].", int | None
)
IMAGES = Option("images", "PATH", "A folder or .npz of images that proxies see, in place of Gaussian ones.")
DEVICE = Option("device", "NAME", "Where proxies compute: cpu, cuda or cuda:1 [default: cpu].", str, "cpu")
COMBINE = Option(
    "combine",
    "HOW",
    "What A+B is: standard (the sum of standardised scores) or log-rank (of logarithms of ranks) "
    "[default: standard].",
)
LABEL = Option("label", "NAME", "Column of the labels; more is better [default: the only one].")
NAME = Option("name", "NAME", "Of the run [default: SPACE-DEVICE-N].")
OUT = Option("out", "FOLDER", "Where runs are written [default: runs].", str, "runs")
JSON = switch("as_json", "One JSON document on stdout; progress goes to stderr.", "--json")
ROWS_JSON = JSON.but(help="Print JSON.")
RESUME = Option(
    "resume",
    "RUN",
    "Go on with a run's folder; only who works (--workers, --ray and so on) and --json may change. "
    "With the settings of a whole command: begin the run there, or go on with it.",
)

WORKERS = panel(
    "Workers",
    Option(
        "workers",
        "NUMBER",
        "Processes, or actors of a Ray cluster, that run networks; results do not depend on it "
        "[default: one for each share of the cores].",
        int | None,
    ),
    Option(
        "ray",
        "WHERE",
        "Run networks on Ray: local (this machine), auto (the cluster that this machine belongs to) or "
        "HOST:PORT of a cluster's head.",
    ),
    Option(
        "cpus_per_worker",
        "NUMBER",
        "CPUs of a worker; 0.5 lets two share one. Proxies compute on one thread whatever this says, so "
        "that equal seeds give equal scores [default: 1].",
        float | None,
    ),
    Option(
        "gpus_per_worker",
        "NUMBER",
        "GPUs of a worker on Ray; 0.25 lets four share one [default: 0].",
        float | None,
    ),
    Option(
        "candidate_timeout",
        "TIME",
        "A network that takes longer is ended and recorded as failed: 30s, 5m [default: none is ended].",
    ),
)
WORKER_NAMES = tuple(option.name for option in WORKERS)


_PROFILES = Path("hardware_profiles")
PROFILE_NAME = Option("name", None, "Name of the new device; writes NAME.yaml.", str, ...)
PROFILE_OUT = Option("out", None, "Folder of the profile [default: hardware_profiles].", Path, _PROFILES)
CONDITIONS = (
    Option("device", None, "Device that was measured, such as 'Pixel 8'."),
    Option("runtime", None, "Runtime and version."),
    Option("os", None, "Operating system and version."),
    Option("compute_units", None, "Units that were allowed."),
)
HEADINGS = (
    Option("title", None, "Full name with a version."),
    Option("description", None, "One line on the device."),
    *CONDITIONS,
)
SPACES = Option(
    "space",
    None,
    "Spaces whose blocks are measured: names or files, with commas (or repeat it).",
    list[str],
    ...,
)
CHAINS = (
    Option("batch", None, "Images a call [default: 1].", int, 1),
    RESOLUTION,
    Option(
        "networks",
        None,
        "Random whole networks a space: half calibrate, half state the error [default: 40].",
        int,
        40,
    ),
)


def worker_settings(given: Mapping[str, Any], *, default: int | None = None) -> WorkerSettings:
    """What the options of a command say of its workers.

    Args:
        given: values of the options.
        default: number of processes; None for one for each share of the cores.

    Raises:
        InvalidInput: a number out of range, or a setting that nothing would obey.
    """
    from vitnas.api.inputs import seconds
    from vitnas.workers import WorkerSettings

    number, ray, cpus, gpus, timeout = (given[name] for name in WORKER_NAMES)
    if ray is not None and str(given.get("device")).startswith("cuda") and not gpus:
        raise InvalidInput("--device cuda on Ray needs --gpus-per-worker: actors see only the GPUs they own")
    return WorkerSettings(
        number=default if number is None and ray is None else number,
        ray=ray,
        cpus_per_worker=1 if cpus is None else cpus,
        gpus_per_worker=gpus or 0,
        timeout_s=None if timeout is None else seconds("candidate_timeout", timeout),
    )


def budget_options() -> tuple[Option, ...]:
    """A budget of every figure on either side, the usual side first."""
    return panel("Budgets", *(_budget(name, *of) for name, of in limits().items()))


def _budget(name: str, figure: Figure, side: str) -> Option:
    if side != figure.bound:
        about = f"{side.title()}imum; see --{figure.bound}-{figure.budget.replace('_', '-')}."
    elif figure.is_time:
        about = (
            f"{figure.about} on every device, such as {figure.example}, or A={figure.example},B=... on each."
        )
    else:
        about = f"{figure.about}, such as {figure.example}."
    return Option(name, figure.quantity.metavar, about)
