"""The picture of docs/optuna.md: the real optuna-dashboard, in headless Chromium, on a study of a run.

    vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms --max-params 13M \
        --trials 100k --front 12 --name ef
    vitnas study runs/ef --storage sqlite:///ef.db --limit 300
    python benchmarks/dashboard_picture.py --storage sqlite:///ef.db

Needs optuna-dashboard, playwright and Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OUT = Path(__file__).parent.parent / "docs" / "images" / "optuna-dashboard.png"
WIDTH_PX, HEIGHT_PX = 1400, 900
WAIT_S = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--storage", required=True, help="URL that the dashboard takes")
    parser.add_argument("--page", default="dashboard/studies/1", help="what to show")
    parser.add_argument("--text", default="Pareto", help="text that says that the page is there")
    parser.add_argument("--scroll", type=int, default=0, help="pixels down the page")
    parser.add_argument("--out", type=Path, default=OUT, help=f"the picture [default: {OUT.name}]")
    args = parser.parse_args()
    with dashboard(args.storage) as address:
        take(f"{address}/{args.page}", args.text, args.scroll, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1024:.0f} KB")


@contextmanager
def dashboard(storage: str) -> Iterator[str]:
    """The address of an optuna-dashboard that runs as long as this does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("optuna-dashboard", path=str(Path(sys.executable).parent)) or "optuna-dashboard"
    process = subprocess.Popen([program, storage, "--port", str(port), "--server", "wsgiref", "--quiet"])
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                urllib.request.urlopen(f"{address}/api/meta").close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def take(url: str, text: str, scroll: int, out: Path) -> None:
    """A picture of a page, once its plots are drawn."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
            timeout=1000 * WAIT_S,
        )
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        page.set_default_timeout(1000 * WAIT_S)
        page.goto(url)
        page.get_by_text(text).first.wait_for()
        page.wait_for_selector(".js-plotly-plot .main-svg")
        page.mouse.move(WIDTH_PX / 4, HEIGHT_PX - 20)  # away from plots, which would show their tools
        page.mouse.wheel(0, scroll)
        page.wait_for_timeout(5000)  # plots fade in
        out.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(out))
        browser.close()


if __name__ == "__main__":
    main()
