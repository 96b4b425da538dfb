"""Take a picture of a report in headless Chromium, as in the README.

python examples/screenshot_report.py stems/lithium/report.html examples/report.png --height 1520
"""

import argparse
import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="report to open")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--width", type=int, default=1200, help="pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, help="pixels (default: the height of the page)")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light", help="default: %(default)s")
    parser.add_argument("--seek", type=float, default=6.0, help="position in seconds (default: %(default)s)")
    args = parser.parse_args()
    with opened(args.scheme) as driver:
        driver.get(args.page.resolve().as_uri())
        height = args.height or resized(driver, args.width, 800, "return document.documentElement.scrollHeight")
        resized(driver, args.width, height, f"player.seek({float(args.seek)})")
        save(driver.get_screenshot_as_png(), args.picture)


@contextlib.contextmanager
def opened(scheme: str) -> Iterator[webdriver.Chrome]:
    """Open headless Chromium, with a profile of its own, for a light or dark scheme."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as profile:
        for argument in [*ARGUMENTS, f"--user-data-dir={profile}"]:
            options.add_argument(argument)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            yield driver
        finally:
            driver.quit()


def save(content: bytes, picture: Path) -> None:
    """Write a screenshot as a PNG of 256 colours."""
    image = Image.open(io.BytesIO(content))
    image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE).save(picture, optimize=True)


def resized(driver: webdriver.Chrome, width: int, height: int, script: str) -> Any:
    """Return the result of a script in a viewport of this size."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return driver.execute_script(script)


if __name__ == "__main__":
    main()
