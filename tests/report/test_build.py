"""`lightsaft report`: the page as text. test_browser.py tests it in a browser."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from conftest import noise

from lightsaft_infer import ArgumentError, AudioError, ModelError, OutputError
from lightsaft_infer.cli import main
from lightsaft_infer.report import build as report
from lightsaft_infer.report import find_stems, write_report
from lightsaft_infer.report.page import clock, escape, fill, number

NASTY = "<script>alert(1)<img src=x onerror=alert(2)>\"'&amp;{{js}}"


class Page(HTMLParser):
    """The tags of a page as (name, attributes), the text by its tag, and the ids."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags, self.texts, self._open = [], [], []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "input"):
            self._open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((*self._open[-1], data))

    def of(self, tag, **attributes):
        """Return the attributes of the tags of this name that have the given attributes."""
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]

    def inside(self, tag):
        """Return the text directly inside tags of this name."""
        return [text for name, _, text in self.texts if name == tag]

    def table(self):
        rows = re.findall(r"<tr class.*?</tr>", self.source, re.DOTALL)
        cells = [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]
        return {name: values for name, *values in cells}

    def audio(self):
        return [
            (attributes["data-audio"], base64.b64decode(text))
            for tag, attributes, text in self.texts
            if tag == "script" and "data-audio" in attributes
        ]


def store(path, audio, sample_rate=44100):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, audio.T, sample_rate, subtype="FLOAT")
    return path


@pytest.fixture
def song(tmp_path):
    """A mixture of two stems, in a folder of its own."""
    stems = {"vocals": noise(2, 20_000, 1) * 0.2, "bass": noise(2, 20_000, 2) * 0.4}
    for name, audio in stems.items():
        store(tmp_path / "stems" / f"{name}.wav", audio)
    return store(tmp_path / "song.wav", sum(stems.values()))


@pytest.fixture
def made(song):
    def make(**options):
        return Page(write_report(song, song.parent / "stems", **options))

    return make


def test_numbers_on_the_page(song, made):
    store(song.parent / "true" / "bass.wav", noise(2, 20_000, 3) * 0.4)
    table = made(references=song.parent / "true", audio="none").table()
    assert list(table) == ["Mixture", "vocals", "bass"]
    for name, seed, gain in (("vocals", 1, 0.2), ("bass", 2, 0.4)):
        audio = noise(2, 20_000, seed) * np.float32(gain)
        levels = [20 * np.log10(np.abs(audio).max()), 10 * np.log10(np.mean(audio.astype(float) ** 2))]
        assert table[name][:2] == [f"\u2212{-level:.1f}" for level in levels]
    shares = [float(table[name][3]) for name in ("vocals", "bass")]
    assert sum(shares) == pytest.approx(100, abs=0.11)
    assert shares[0] == pytest.approx(20, abs=1)
    assert table["vocals"][4] == table["Mixture"][3] == table["Mixture"][4] == "\u2013"
    assert table["bass"][4].startswith("\u22123.0")  # independent noise of one level


def test_without_references_there_is_no_sdr(made):
    page = made(audio="none")
    assert "SDR" not in page.source
    assert all(len(cells) == 4 for cells in page.table().values())


def test_sum_error(song, made):
    assert "Sum error: <b>\u22121" in made(audio="none").source  # -140 dB or so: float rounding
    audio = sum(soundfile.read(song.parent / "stems" / f"{name}.wav")[0].T for name in ("vocals", "bass"))
    audio[0, 15_000] += 0.25
    store(song, audio)
    page = made(audio="none", overwrite=True)
    assert "The largest difference, \u221212.0 dBFS, is at 0:00.340." in page.source
    assert float(page.of("button")[0]["data-seek"]) == 15_000 / 44100


def test_the_page_is_whole_and_loads_nothing(made):
    page = made()
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|import\(", page.source)
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in ("src", "href", "srcset", "action", "poster"):
                assert value.startswith("data:")
    assert page.of("html", lang="en")
    assert page.inside("title") == ["song \u2013 separation report"]
    assert len(page.of("img")) == 4
    assert [len(found["alt"]) > 0 for found in page.of("img")] == [True] * 3 + [False]  # the scale has text beside it


def test_the_policy_allows_this_style_and_this_script_only(made):
    page = made()
    policy = page.of("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "data:"
    run = [text for tag, attributes, text in page.texts if tag == "script" and "type" not in attributes]
    for name, texts in (("script-src", run), ("style-src", page.inside("style"))):
        digest = base64.b64encode(hashlib.sha256("".join(texts).encode()).digest()).decode()
        assert directives[name] == f"'sha256-{digest}'"
    assert set(directives) == {"default-src", "img-src", "style-src", "script-src", "base-uri", "form-action"}


def test_names_from_outside_are_harmless(song, made):
    clean = made(output=song.parent / "clean.html")
    (song.parent / "stems" / "bass.wav").rename(song.parent / "stems" / f"{NASTY}.wav")
    song = song.rename(song.with_name(f"{NASTY}.wav"))
    page = Page(write_report(song, song.parent / "stems"))
    assert page.inside("h1") == [NASTY]
    assert NASTY in page.inside("h2")
    assert page.inside("title") == [f"{NASTY} \u2013 separation report"]
    assert page.of("button", **{"aria-label": f"Solo {NASTY}"})
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in clean.tags]
    assert len(page.of("script")) == 5  # data, three sounds, the player


def test_a_file_name_that_is_no_text():
    assert escape(b"caf\xe9.wav".decode("utf-8", "surrogateescape")).startswith("caf\ufffd")


@pytest.mark.parametrize(("form", "container"), [("mp3", "MP3"), ("ogg", "OGG"), ("wav", "WAV")])
def test_audio_in_the_page(made, song, form, container):
    page = made(audio=form)
    paths = [song, *(song.parent / "stems" / f"{name}.wav" for name in ("vocals", "bass"))]
    for (media_type, content), path in zip(page.audio(), paths, strict=True):
        assert media_type == {"mp3": "audio/mpeg", "ogg": "audio/ogg", "wav": "audio/wav"}[form]
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            assert (sound.format, sound.frames, sound.samplerate) == (container, 20_000, 44100)
            audio = sound.read()
        if form == "wav":
            np.testing.assert_allclose(audio, soundfile.read(path)[0], atol=2**-15)
    assert json.loads(page.inside("script")[0]) == {"duration": 20_000 / 44100, "rate": 44100, "audio": True}


def test_audio_beyond_full_scale_is_turned_down_by_one_gain(song, made):
    store(song.parent / "stems" / "bass.wav", noise(2, 20_000, 2) * 4)
    page = made(audio="wav")
    assert "all players are turned down by one gain, 0.250" in page.source
    audio = soundfile.read(io.BytesIO(page.audio()[1][1]))[0]
    np.testing.assert_allclose(audio.T, noise(2, 20_000, 1) * 0.2 / 4, atol=2**-14)


def test_rates_that_players_do_not_have_are_converted(tmp_path):
    mixture = store(tmp_path / "song.wav", noise(1, 96_000) * 0.5, 96000)
    store(tmp_path / "stems" / "all.wav", noise(1, 96_000) * 0.5, 96000)
    page = Page(write_report(mixture, tmp_path / "stems"))
    with soundfile.SoundFile(io.BytesIO(page.audio()[0][1])) as sound:
        assert (sound.samplerate, sound.frames, sound.channels) == (48000, 48_000, 1)
    assert "The stems sum to the mixture exactly." in page.source
    assert "96000 Hz, mono" in page.source


def test_long_audio_is_embedded_only_on_request(made, monkeypatch):
    monkeypatch.setattr(report, "EMBEDDED_SECONDS", 0.3)
    page = made()
    assert "This page has no audio because the mixture is longer than 0.0 minutes." in page.source
    assert "To embed it, use --audio mp3 or audio=" in page.source
    assert not page.audio()
    assert not page.of("button", id="play")
    assert not page.of("button", **{"class": "solo"})
    assert len(made(audio="ogg", overwrite=True).audio()) == 3


def test_the_model_is_named(made, model_path):
    content = json.loads(model_path.read_text())
    assert f"{content['name']} {content['version']}" in made(audio="none", model=model_path).inside("dd")
    with pytest.raises(ModelError, match=r"none\.json"):
        made(audio="none", model="none.json", overwrite=True)


def test_what_is_a_stem(tmp_path):
    mixture = store(tmp_path / "mixture.wav", noise(1, 10))
    for name in ("other", "Zither", "vocals", "cello", ".hidden"):
        store(tmp_path / f"{name}.wav", noise(1, 10))
    (tmp_path / "report.html").write_text("")
    (tmp_path / "folder.wav").mkdir()
    found = find_stems(tmp_path, mixture=mixture, order=("vocals", "drums", "bass", "other"))
    assert list(found) == ["vocals", "other", "Zither", "cello"]
    store(tmp_path / "vocals.aiff", noise(1, 10))
    with pytest.raises(AudioError, match=r"expected one stem vocals, got vocals\.aiff too: .*vocals\.wav"):
        find_stems(tmp_path, mixture=mixture)


def test_errors(song, made, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match=r"without: .*empty"):
        write_report(song, tmp_path / "empty")
    with pytest.raises(AudioError, match=r"cannot read .*missing: "):
        write_report(song, tmp_path / "missing", tmp_path / "a.html")
    with pytest.raises(AudioError, match=r"missing\.wav"):
        write_report("missing.wav", song.parent / "stems")
    for audio in ("opus", ["mp3"]):
        with pytest.raises(ArgumentError, match="mp3"):
            made(audio=audio)
    for arguments in ((None, song.parent), (song, 3), (song, song.parent, "a\0b")):
        with pytest.raises(ArgumentError, match="expected the path of "):
            write_report(*arguments)
    store(tmp_path / "true" / "piano.wav", noise(2, 20_000))
    with pytest.raises(AudioError, match="expected references named vocals, bass, got piano"):
        made(references=tmp_path / "true")
    store(tmp_path / "true" / "bass.wav", noise(2, 19_999))
    with pytest.raises(AudioError, match=r"expected 20000 samples .*, got 19999: .*true.bass\.wav"):
        made(references=tmp_path / "true")
    with pytest.raises(OutputError, match="cannot write"):
        made(output=tmp_path / "song.wav" / "report.html")
    assert not list(tmp_path.rglob("*.html")) + list(tmp_path.rglob("*.part"))


def test_a_missing_folder_is_made(song, tmp_path):
    page = tmp_path / "missing" / "folder" / "page.html"
    assert write_report(song, song.parent / "stems", page, audio="none") == page
    assert page.exists()


def test_an_existing_page_is_kept_unless_forced(song, made):
    page = song.parent / "stems" / "report.html"
    page.write_text("mine")
    with pytest.raises(OutputError, match=r"already exists: .*report\.html"):
        made(audio="none")
    assert page.read_text() == "mine"
    made(audio="none", overwrite=True)
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_page_never_replaces_what_it_shows(song):
    stem = song.parent / "stems" / "vocals.wav"
    for page in (song, stem):
        before = page.read_bytes()
        with pytest.raises(OutputError, match="it is one of the files that are read"):
            write_report(song, stem.parent, page, audio="none", overwrite=True)
        assert page.read_bytes() == before


def test_a_failure_half_way_leaves_nothing(song, made, monkeypatch):
    def fail(path, form, gain):
        raise AudioError("broken")

    monkeypatch.setattr(report, "encode", fail)
    with pytest.raises(AudioError, match="broken"):
        made()
    assert sorted(path.name for path in (song.parent / "stems").iterdir()) == ["bass.wav", "vocals.wav"]


def test_links_of_all_files(song):
    links = {"Mixture": "song.wav", "vocals": "vocals.wav"}
    with pytest.raises(ArgumentError, match="links of Mixture, vocals, bass, got Mixture, vocals"):
        write_report(song, song.parent / "stems", links=links)
    assert not (song.parent / "stems" / "report.html").exists()


def test_the_command(song, capsys):
    page = song.parent / "page.html"
    stems = song.parent / "stems"
    command = ["report", str(song), str(stems), "-o", str(page), "--audio", "none", "--references", str(stems)]
    assert main(command) == 0
    assert capsys.readouterr() == (f"{page}\n", "")
    assert list(Page(page).table()) == ["Mixture", "vocals", "bass"]
    assert main(command) == 1
    assert "already exists" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0


def test_progress(song):
    seen = []
    write_report(song, song.parent / "stems", audio="none", progress=lambda *pair: seen.append(pair))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_whole_song_makes_a_page_of_modest_size(tmp_path):
    """In bytes per second of five sounds. Music needs fewer bytes than noise."""
    mixture = store(tmp_path / "song.wav", noise(2, 10 * 44100) * 0.25)
    for index in range(4):
        store(tmp_path / "stems" / f"{index}.wav", noise(2, 10 * 44100, index) * 0.25)
    page = Page(write_report(mixture, tmp_path / "stems"))
    audio = sum(len(content) for _, content in page.audio()) * 4 / 3
    assert len(page.source) - audio < 2e6
    assert audio * 24 < 30e6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.25, "1.2"),
        (-3, "\u22123.0"),
        (-0.04, "0.0"),
        (0, "0.0"),
        (-np.inf, "\u2212\u221e"),
        (None, "\u2013"),
        (-10, "\u221210.0"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_clock():
    assert [clock(0), clock(59.99), clock(3600), clock(61.5, 3), clock(5, 0)] == [
        "0:00.0",
        "0:59.9",
        "60:00.0",
        "1:01.500",
        "0:05",
    ]


def test_what_is_filled_in_is_not_searched():
    assert fill("{{a}} {{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}} {{a}}"


def luminance(colour):
    """Return the relative luminance as in WCAG 2.2."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_colour_contrast(made):
    """Text 4.5 : 1, graphics 3 : 1, in both schemes (WCAG 2.2, AA)."""
    css = made(audio="none").inside("style")[0]
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6});", part)) for part in css.split("prefers-color-scheme")[:2])
    assert set(light) == set(dark) | {"cursor"}
    text = [(a, b) for a in ("ink", "soft") for b in ("page", "card")]
    text += [("on-accent", "accent"), ("on-accent", "mute")]
    graphics = [(f"hue-{index}", "card") for index in range(6)] + [("accent", "page"), ("accent", "card")]
    for colours in (light, dark):
        for pairs, ratio in ((text, 4.5), (graphics, 3)):
            for pair in pairs:
                low, high = sorted(luminance(colours[name]) for name in pair)
                assert (high + 0.05) / (low + 0.05) >= ratio, pair
