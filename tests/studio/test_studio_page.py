"""The page of a studio in headless Chromium: drop, progress, play, download, cancel, error, reload, a phone, keys.

The test of accessibility fetches axe-core by npm, and is skipped if that fails.
"""

import shutil
import subprocess
import tarfile

import pytest
import soundfile

chromium = pytest.importorskip("chromium")  # needs selenium
studios = pytest.importorskip("studios")  # needs the extra `studio`, and httpx
pytestmark = chromium.marks

GIVEN = "A song, 50% öffentlich & <b>.wav"
NAME = "A song, 50% öffentlich & _b_.wav"  # in the work folder

CARD = """
const cards = [...document.querySelectorAll(".card")];
const card = cards.find((card) => card.querySelector("h3").textContent === arguments[0]);
"""


@pytest.fixture(scope="module")
def studio(model_path, tmp_path_factory):
    with studios.running(studios.settings_in(tmp_path_factory.mktemp("studio"), model_path)) as studio:
        yield studio


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """A folder of files to drop."""
    folder = tmp_path_factory.mktemp("music")
    studios.song_in(folder).rename(folder / GIVEN)
    studios.long_song_in(folder, 5)
    (folder / "album" / "disc").mkdir(parents=True)
    shutil.copy(folder / GIVEN, folder / "album" / "disc" / "inner.wav")
    (folder / "album" / "text.wav").write_text("This is a text.\n" * 100)
    (folder / "album" / "cover.jpg").write_bytes(b"x")
    (folder / "album" / ".hidden.wav").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chromium.opened(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


class Page(chromium.Browser):
    """The actions of a user on the page of a studio."""

    def open(self, url):
        self.driver.get(f"{url}/")
        self.wait(lambda: self.find("#target-boxes input"))

    def drop(self, *paths):
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})

    def card(self, name):
        return self.run(f"{CARD} return card;", name)

    def part(self, name, selector):
        return self.run(f"{CARD} return card.querySelector(arguments[1]);", name, selector)

    def state(self, name):
        return self.run(f"{CARD} return card ? card.querySelector('.state').textContent : '';", name)

    def wait_for_state(self, name, text):
        self.wait(lambda: self.state(name).startswith(text))

    def violations(self, axe):
        self.run(axe)
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
        script = "axe.run(document, arguments[0]).then(arguments[1])"
        found = self.driver.execute_async_script(script, options)
        assert len(found["passes"]) > 15
        return [(item["id"], [node["html"][:200] for node in item["nodes"]]) for item in found["violations"]]


@pytest.fixture
def page(driver, studio):
    """The page, just opened on a desktop, with no track."""
    for job in studio.jobs.all():
        studio.jobs.delete(job.id)
    page = Page(driver)
    page.resize(1200, 900)
    page.prefer("light")
    page.open(studio.url)
    yield page
    driver.switch_to.default_content()
    # The log has every violation of the page's policy, every error of the script, and every file that was not there.
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_drop_play_solo_and_download(page, studio, music, tmp_path):
    page.drop(music / GIVEN)
    page.wait_for_state(NAME, "done, 0:02 of music in wav")
    assert page.find("#none")[0].is_displayed() is False
    page.part(NAME, ".open").click()
    page.wait(lambda: page.find("iframe"))
    page.driver.switch_to.frame(page.find("iframe")[0])
    page.wait(lambda: page.find("#play"))
    page.click("#play")
    page.wait(lambda: float(page.find("#position")[0].get_property("value")) > 0)
    page.click("button.solo", 3)
    assert len(page.find(".silent")) == 4
    assert page.run("return player.buffers.map((buffer) => buffer.length)") == [88200] * 5
    page.driver.switch_to.default_content()
    assert not page.part(NAME, ".hear").is_displayed()  # the players of the report have taken its place
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.driver.execute_cdp_cmd("Page.setDownloadBehavior", behaviour)
    page.part(NAME, ".stems a").click()
    page.part(NAME, ".zip").click()
    page.wait(lambda: len(list(tmp_path.glob("*.wav")) + list(tmp_path.glob("*.zip"))) == 2)
    (stem,) = tmp_path.glob("*.wav")
    assert stem.name == "A song, 50% öffentlich & _b_ (vocals).wav"
    assert soundfile.info(stem).frames == 88200


def test_a_folder_with_an_error_in_it(page, music):
    page.drop(music / "album")
    page.wait_for_state("inner.wav", "done")
    page.wait_for_state("text.wav", "failed")
    assert page.part("text.wav", ".error").text.startswith("not audio in a known format")
    assert {heading.text for heading in page.find(".card h3")} == {"inner.wav", "text.wav"}
    page.part("text.wav", ".retry").click()
    page.wait(lambda: page.state("text.wav") != "failed")
    page.wait_for_state("text.wav", "failed")
    page.part("text.wav", ".remove").click()
    page.wait(lambda: page.card("text.wav") is None)


def test_progress_hear_what_is_done_cancel_and_retry(page, music):
    page.drop(music / "long.wav")
    page.wait_for_state("long.wav", "separating: ")
    assert " of 5:00, " in page.state("long.wav")
    page.wait(lambda: page.part("long.wav", ".hear").is_displayed())
    assert 0 < float(page.part("long.wav", "progress").get_property("value")) < 1
    page.run("document.querySelector('audio').play()")
    page.wait(lambda: page.run("return document.querySelector('audio').currentTime") > 0.1)
    page.part("long.wav", ".cancel").click()
    page.wait_for_state("long.wav", "cancelled")
    assert not page.part("long.wav", ".hear").is_displayed()
    page.part("long.wav", ".retry").click()
    page.wait_for_state("long.wav", "separating: ")
    page.part("long.wav", ".cancel").click()
    page.wait_for_state("long.wav", "cancelled")
    page.part("long.wav", ".remove").click()
    page.wait(lambda: page.find(".card") == [])
    assert page.find("#none")[0].is_displayed()


def test_options_and_reload(page, studio, music):
    from selenium.webdriver.support.select import Select

    Select(page.find("#two-stems")[0]).select_by_value("vocals")
    Select(page.find("#format")[0]).select_by_value("mp3")
    Select(page.find("#bitrate")[0]).select_by_value("128k")
    assert not page.find("#subtype-field")[0].is_displayed()
    page.find("#start")[0].send_keys("0:01")
    page.find("#duration")[0].send_keys("a while")
    page.drop(music / GIVEN)
    page.wait(lambda: page.find("#message")[0].text.startswith("Length: expected seconds"))
    page.find("#duration")[0].clear()
    page.find("#duration")[0].send_keys("0.5")
    page.find("#files")[0].send_keys(str(music / GIVEN))
    page.wait_for_state(NAME, "done, 0:00 of music in mp3")
    options = studio.jobs.all()[0].options
    assert (options.two_stems, options.bitrate, options.start, options.duration) == ("vocals", "128k", 1, 0.5)
    page.open(studio.url)
    page.wait_for_state(NAME, "done, 0:00 of music in mp3")
    assert [link.text for link in page.find(".stems a")] == ["vocals.mp3", "instrumental.mp3"]


def test_the_keyboard_alone(page, studio, music):
    from selenium.webdriver import Keys

    focused = "return document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
    page.run("for (const id of ['files', 'folder']) document.getElementById(id).click = () => { window.chosen = id; }")
    page.press(Keys.TAB)
    assert page.run(focused) == "choose-files"
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(" ")
    assert page.run("return chosen") == "files"
    page.press(Keys.TAB, Keys.ENTER)
    assert page.run("return chosen") == "folder"
    page.press(Keys.TAB, Keys.TAB, " ")  # the second target
    page.find("#files")[0].send_keys(str(music / GIVEN))
    page.wait_for_state(NAME, "done")
    assert [stem.name for stem in studio.jobs.all()[0].stems] == ["vocals", "bass", "other"]
    page.run("document.querySelector('.card .open').focus()")
    page.press(Keys.ENTER)
    page.wait(lambda: page.find("iframe"))
    assert page.part(NAME, ".open").get_attribute("aria-expanded") == "true"
    page.press(Keys.SHIFT + Keys.TAB + Keys.SHIFT)
    page.run("document.querySelector('.card .remove').focus()")
    page.press(Keys.ENTER)
    page.wait(lambda: page.find(".card") == [])


def test_a_phones_width(page, music):
    page.resize(360, 740, mobile=True)
    page.drop(music / GIVEN, music / "album" / "text.wav")
    page.wait_for_state(NAME, "done")
    page.wait_for_state("text.wav", "failed")
    page.part(NAME, ".open").click()
    page.wait(lambda: page.find("iframe"))
    assert page.run("return [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    beyond = "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 360)"
    assert page.run(f"return {beyond}.map((e) => e.outerHTML)") == []
    assert min(button.rect["height"] for button in page.find(".actions button") if button.is_displayed()) >= 40


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The script of axe-core, an accessibility checker."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        command = ["npm", "pack", "axe-core@4", "--prefer-offline", "--fetch-retries=0", "--silent"]
        subprocess.run(command, cwd=folder, check=True, timeout=60, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"axe-core cannot be fetched: {error}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page, music, axe, scheme):
    page.prefer(scheme)
    page.drop(music / GIVEN, music / "album" / "text.wav")
    page.wait_for_state(NAME, "done")
    page.wait_for_state("text.wav", "failed")
    colour = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (int(colour.strip("rgb()").split(",")[0]) < 128) is (scheme == "dark")
    page.drop(music / "long.wav")
    page.wait_for_state("long.wav", "separating")
    assert page.violations(axe) == []
    page.part("long.wav", ".cancel").click()
