"""Make the pictures of the documentation from a report: `python tools/make_images.py report.html`.

Writes docs/images/report.png (head and first charts), report-phone.png and models.png. Needs Chromium, for
instance `apt-get install chromium`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parent.parent / "docs" / "images"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


def shoot(browser: Browser, report: Path, name: str, *, width: int, height: int, only: str = "") -> Path:
    """Save the top of the page, or one element of it, at twice the resolution of the screen."""
    page = browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=2, color_scheme="light"
    )
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    target = IMAGES / name
    if only:
        page.locator(only).screenshot(path=target)
    else:
        page.screenshot(path=target)
    page.close()
    return target


def main(report: Path) -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=chromium, args=FLAGS)
        shoot(browser, report, "report.png", width=1200, height=1180)
        shoot(browser, report, "report-phone.png", width=390, height=844)
        shoot(browser, report, "models.png", width=1000, height=900, only="figure[data-chart=models] .live")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "report.html"))
