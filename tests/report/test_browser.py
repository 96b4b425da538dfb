"""The page of `lightsaft report` in headless Chromium, opened from a file: clicks, keys and sound.

The tests need chromium and chromium-driver (Debian's) and selenium (extra `browser`), else they are skipped.
"""

import numpy as np
import pytest
import soundfile

from lightsaft_infer.report.build import write_report

chromium_of_debian = pytest.importorskip("chromium")  # needs selenium
webdriver = pytest.importorskip("selenium.webdriver")
pytestmark = chromium_of_debian.marks

SECONDS = 12
PITCHES = {"vocals": 3000, "drums": 6000, "bass": 750}  # Hz of the stems' sines
# Note every start of a buffer, and the sound at the loudspeaker.
SPY = """
window.starts = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  window.starts.push({ when, offset, seconds: this.buffer.duration, frames: this.buffer.length });
  return start.call(this, when, offset);
};
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target === this.context.destination) {
    window.tap ??= new AnalyserNode(this.context, { fftSize: 2048, smoothingTimeConstant: 0 });
    connect.call(this, window.tap);
  }
  return connect.call(this, target, ...rest);
};
"""

# The present level in dB at each of the frequencies.
HEARD = """
const levels = new Float32Array(tap.frequencyBinCount);
tap.getFloatFrequencyData(levels);
const width = tap.context.sampleRate / tap.fftSize;
return arguments[0].map((pitch) => Math.max(-200, levels[Math.round(pitch / width)]));
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report of three sines and their sum, and one with long and difficult names, without audio."""
    folder = tmp_path_factory.mktemp("report")
    time = np.arange(SECONDS * 44100) / 44100
    stems = {name: 0.2 * np.sin(2 * np.pi * pitch * time) for name, pitch in PITCHES.items()}
    (folder / "stems").mkdir()
    for name, audio in stems.items():
        soundfile.write(folder / "stems" / f"{name}.wav", audio, 44100)
    mixture = folder / "song.wav"
    soundfile.write(mixture, sum(stems.values()), 44100)
    page = write_report(mixture, folder / "stems")
    nasty = "<img src=x onerror=document.title='hit'><script>document.title='hit'" + "x" * 100
    (folder / "nasty").mkdir()
    soundfile.write(folder / "nasty" / f"{nasty}.wav", stems["bass"], 44100)
    long = mixture.rename(mixture.with_name(f"{nasty}.wav"))
    return page, write_report(long, folder / "nasty", audio="none", references=folder / "nasty")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with chromium_of_debian.opened(tmp_path_factory.mktemp("profile")) as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})
        yield driver


class Browser(chromium_of_debian.Browser):
    """The actions of a user on the page, and the state of the page."""

    @property
    def time(self):
        return float(self.find("#position")[0].get_property("value"))

    @property
    def playing(self):
        return self.find("#play")[0].text == "Pause"

    def pressed(self, kind):
        return [button.get_attribute("aria-pressed") == "true" for button in self.find(f"button.{kind}")]

    def play(self):
        self.click("#play")
        self.wait(lambda: self.time > 0)

    def wait_for_sound(self, *names):
        """Wait until these stems, and no others, sound."""
        self.wait(lambda: self.heard() == set(names))

    def heard(self):
        levels = self.run(HEARD, list(PITCHES.values()))
        return {name for name, level in zip(PITCHES, levels, strict=True) if level > -50}


@pytest.fixture
def browser(chromium, pages):
    """The page, just opened on a desktop."""
    metrics = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get(pages[0].as_uri())
    yield Browser(chromium)
    # The log has every violation of the page's policy, and every error of the script.
    assert [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_play_and_pause(browser):
    assert browser.find("#play")[0].text == "Play"
    assert browser.time == 0
    browser.play()
    assert browser.playing
    browser.wait(lambda: browser.time > 0.5)
    browser.click("#play")
    paused = browser.time
    assert not browser.playing
    assert browser.find("#time")[0].text == f"0:{paused // 0.1 / 10:04.1f}"
    browser.click("#play")
    browser.wait(lambda: browser.time > paused)


def test_all_start_at_one_time(browser):
    browser.play()
    browser.click(".pictures", 2)  # into the middle
    starts = browser.run("return starts")
    assert len(starts) == 8
    for group in (starts[:4], starts[4:]):
        assert len({(start["when"], start["offset"], start["frames"]) for start in group}) == 1
    assert starts[0]["offset"] == 0
    assert starts[0]["seconds"] == pytest.approx(SECONDS, abs=0.06)  # at most the encoder's padding


def test_the_sum_of_the_stems_is_heard_first(browser):
    assert browser.pressed("mute")[1:] == [True, False, False, False]  # "Mute all", then the mixture
    browser.play()
    browser.wait(lambda: browser.time > 0.5)  # the analyser's window is full
    assert browser.heard() == set(PITCHES)
    level = browser.run(HEARD, [750])[0]
    browser.click("button.solo", 0)  # the mixture alone is as loud, not twice
    browser.wait(lambda: len(browser.find(".silent")) == 3)
    later = browser.time + 0.5
    browser.wait(lambda: browser.time > later)
    assert browser.heard() == set(PITCHES)
    assert browser.run(HEARD, [750])[0] == pytest.approx(level, abs=1.5)


def test_solo_and_mute(browser):
    browser.play()
    browser.click("button.solo", 3)
    assert browser.pressed("solo") == [False, False, False, True]
    browser.wait_for_sound("bass")
    browser.click("button.solo", 1)
    browser.wait_for_sound("bass", "vocals")
    browser.click("button.solo", 3)
    browser.wait_for_sound("vocals")
    browser.click("button.solo", 1)
    browser.click(".track button.mute", 2)
    browser.wait_for_sound("bass", "vocals")
    browser.click("#mute")
    browser.wait_for_sound()
    assert browser.playing


def test_volume(browser):
    from selenium.webdriver import Keys

    browser.play()
    browser.find(".track .volume input")[3].send_keys(Keys.HOME)
    browser.wait_for_sound("vocals", "drums")
    browser.find("#volume")[0].send_keys(Keys.HOME)
    browser.wait_for_sound()
    browser.find("#volume")[0].send_keys(Keys.END)
    browser.wait_for_sound("vocals", "drums")


@pytest.mark.parametrize("picture", [".wave", ".mel img"])
@pytest.mark.parametrize("row", range(4))
def test_a_click_into_a_picture_seeks(browser, picture, row):
    element = browser.find(f".track {picture}")[row]
    width = element.rect["width"]
    webdriver.ActionChains(browser.driver).move_to_element_with_offset(element, width / 4, 0).click().perform()
    assert browser.time == pytest.approx(0.75 * SECONDS, abs=2 * SECONDS / width)
    offsets = browser.run("return [...document.querySelectorAll('.cursor')].map((cursor) => cursor.style.left)")
    assert len(offsets) == 4
    assert {round(float(offset.rstrip("%"))) for offset in offsets} == {75}


def test_the_slider_seeks_and_playing_goes_on(browser):
    browser.play()
    webdriver.ActionChains(browser.driver).move_to_element(browser.find("#position")[0]).click().perform()
    assert browser.playing
    assert browser.time >= SECONDS / 2 - 0.1
    assert browser.run("return starts.at(-1).offset") == pytest.approx(SECONDS / 2, abs=0.1)
    assert browser.find("#position")[0].get_attribute("aria-valuetext") in {f"0:{s:02} of 0:12" for s in range(5, 12)}


def test_the_end_stops_and_play_begins_again(browser):
    browser.play()
    browser.run(f"player.seek({SECONDS - 0.3})")
    browser.wait(lambda: not browser.playing)
    assert browser.time == SECONDS
    browser.click("#play")
    browser.wait(lambda: 0 < browser.time < SECONDS / 2)


def test_keyboard(browser):
    from selenium.webdriver import Keys

    browser.press(" ")
    browser.wait(lambda: browser.time > 0)
    browser.press("k")
    assert not browser.playing
    browser.press(Keys.HOME)
    assert browser.time == 0
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert browser.time == 10
    browser.press_shift(Keys.ARROW_LEFT)
    assert browser.time == 9
    browser.press(*[Keys.ARROW_RIGHT] * 3)
    assert browser.time == SECONDS
    browser.press(Keys.ARROW_LEFT)
    assert browser.time == SECONDS - 5
    browser.press("3")
    assert browser.pressed("solo") == [False, False, True, False]
    browser.press("3", "9")
    assert not any(browser.pressed("solo"))
    browser.press_shift("2")
    browser.press("m")
    assert browser.pressed("mute") == [True, True, True, False, False]
    browser.press(" ")
    browser.wait(lambda: browser.time > SECONDS - 5)
    browser.press("m")
    browser.wait_for_sound("drums", "bass")


def test_space_presses_the_button_that_has_the_focus(browser):
    from selenium.webdriver import Keys

    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.id") == "play"
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    names = []
    for _ in range(8):
        browser.press(Keys.TAB)
        names.append(browser.run("return document.activeElement.getAttribute('aria-label')"))
    assert names[0] == "Position"
    assert names[2:] == ["Volume", "Solo Mixture", "Mute Mixture", "Volume of Mixture", "Solo vocals", "Mute vocals"]
    browser.press(" ")
    assert browser.pressed("mute") == [False, True, True, False, False]
    assert not browser.playing
    browser.click("button.solo", 2)  # by mouse
    browser.press(" ")
    browser.wait(lambda: browser.playing)
    assert browser.pressed("solo") == [False, False, True, False]


def test_the_largest_error_can_be_gone_to(browser):
    browser.click("[data-seek]")
    assert browser.time == pytest.approx(float(browser.find("[data-seek]")[0].get_attribute("data-seek")), abs=1e-3)


def test_damaged_audio_is_told(browser):
    browser.run("document.querySelector('script[data-audio]').textContent = btoa('no audio')")
    browser.click("#play")
    browser.wait(lambda: "cannot play the audio" in browser.find("#status")[0].text)
    assert not browser.playing


def test_every_picture_is_drawn(browser):
    sizes = browser.run("return [...document.images].map((image) => [image.naturalWidth, image.naturalHeight])")
    assert len(sizes) == 5
    assert all(height == 128 and 300 < width <= 1500 for width, height in sizes[:4])
    assert sizes[4] == [81, 1]


@pytest.mark.parametrize("which", [0, 1])
def test_a_phones_width(browser, pages, which):
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.driver.get(pages[which].as_uri())
    widths = "return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
    assert browser.run(widths) == [360, 360, 360]
    beyond = (
        "return [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 360).length"
    )
    assert browser.run(beyond) == 0
    if which == 0:
        browser.play()
        assert min(button.rect["height"] for button in browser.find("button.solo")) >= 40


def test_nasty_names_and_a_page_without_audio(browser, pages):
    from selenium.webdriver import Keys

    browser.driver.get(pages[1].as_uri())
    assert browser.find("h1")[0].text.startswith("<img src=x onerror=")
    assert browser.driver.title != "hit"
    assert browser.find("#play") == browser.find(".solo") == []
    browser.press(" ", "m", "1", Keys.ARROW_RIGHT)
    assert browser.time == 5


def test_nothing_is_loaded(browser):
    browser.play()
    assert browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name.slice(0, 5))") in (
        [],
        ["data:"] * 5,
        ["data:"] * 6,
    )
    assert browser.run("return fetch('https://example.org').then(() => 'loaded', () => 'refused')") == "refused"
    refused = [entry for entry in browser.driver.get_log("browser") if "Content Security Policy" in entry["message"]]
    assert refused


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_colour_schemes(browser, scheme, dark):
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (int(colour.strip("rgb()").split(",")[0]) < 128) is dark


def test_reduced_motion(browser):
    media = "Emulation.setEmulatedMedia"
    browser.driver.execute_cdp_cmd(media, {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    assert browser.run("return getComputedStyle(document.querySelector('.wave')).transitionDuration") == "0s"
    browser.play()
    browser.driver.execute_cdp_cmd(media, {"features": []})
