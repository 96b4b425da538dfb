"""Take a picture of a studio in headless Chromium, as in its documentation: the players of one song, and another song
that is being separated.

lightsaft studio --no-browser --folder studio &
python examples/screenshot_studio.py http://127.0.0.1:8760/ examples/lithium.flac long.flac examples/studio.png
"""

import argparse
from pathlib import Path

from screenshot_report import opened, resized, save
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

WAIT = 300  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of the studio")
    parser.add_argument("song", type=Path, help="song whose players are shown")
    parser.add_argument("other", type=Path, help="song that is being separated")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--width", type=int, default=1200, help="pixels (default: %(default)s)")
    parser.add_argument("--height", type=int, default=1320, help="pixels (default: %(default)s)")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light", help="default: %(default)s")
    args = parser.parse_args()
    with opened(args.scheme) as driver:
        resized(driver, args.width, args.height, "")
        driver.get(args.url)
        save(screenshot(driver, args.song, args.other), args.picture)


def screenshot(driver: webdriver.Chrome, song: Path, other: Path) -> bytes:
    """Return a PNG of the page after both songs were added."""

    def find(selector: str) -> list[webdriver.remote.webelement.WebElement]:
        return driver.find_elements("css selector", selector)

    def wait(selector: str) -> None:
        WebDriverWait(driver, WAIT).until(lambda _: find(selector))

    find("#files")[0].send_keys(str(song.resolve()))
    wait(".card.done")
    find(".card.done .open")[0].click()
    wait("iframe")
    driver.switch_to.frame(find("iframe")[0])
    wait("#play")
    driver.execute_script("player.seek(6)")
    driver.switch_to.default_content()
    find("#files")[0].send_keys(str(other.resolve()))
    WebDriverWait(driver, WAIT).until(lambda _: ", 0:" in find(".card .state")[0].text)
    return driver.get_screenshot_as_png()


if __name__ == "__main__":
    main()
