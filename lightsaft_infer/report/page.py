"""The HTML of a report: text, numbers and pictures in the template.

All text from outside, such as file names, is escaped. Nothing on the page refers to another file or to a network.
"""

import base64
import dataclasses
import hashlib
import html
import importlib.resources
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from .encode import EmbeddedAudio, LinkedAudio
from .measure import Comparison, Sound
from .spectrogram import MAX_FREQUENCY, RANGE, Waveform, magma, mel_png, mel_positions, png

FREQUENCIES = {1000: "1k", 4000: "4k", 10000: "10k"}
MINUS, DASH = "\u2212", "\u2013"
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the page: the mixture or a stem."""

    name: str
    sound: Sound


def page_parts(
    *,
    title: str,
    facts: Mapping[str, str],
    note: str,
    mixture: Sound,
    stems: Mapping[str, Sound],
    comparison: Comparison,
    audio: Iterable[EmbeddedAudio | LinkedAudio] | None,
    linked: bool,
    rate: int,
    version: str,
) -> Iterator[str]:
    """Yield the page piece by piece.

    Parameters
    ----------
    title : str
    facts : dict of str to str
        {label: text}
    note : str
        Text below the facts, or "".
    mixture : Sound
    stems : dict of str to Sound
    comparison : Comparison
    audio : iterable of EmbeddedAudio or LinkedAudio, or None
        The audio of the mixture and of each stem, which is read one by one. None: a page without players.
    linked : bool
        Whether there is audio that the page loads from its own site.
    rate : int
        Sample rate of the audio in Hz.
    version : str
        Version of LightSAFT.

    Yields
    ------
    str
    """
    rows = [Row("Mixture", mixture), *(Row(name, sound) for name, sound in stems.items())]
    duration = mixture.samples / mixture.sample_rate
    css = _template("report.css") + _positions(mixture, duration)
    js = _template("report.js") + _template("linked.js" if linked else "embedded.js")
    fields = {
        "policy": _policy(css, js, linked),
        "version": escape(version),
        "title": escape(title),
        "facts": "\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items()),
        "note": f'<p class="note">{escape(note)}</p>' if note else "",
        "transport": _transport(duration, audio is not None),
        "tracks": "\n".join(_tracks(rows, duration, audio is not None)),
        "range": str(RANGE),
        "scale": _data_url("image/png", png(np.arange(RANGE + 1, dtype=np.uint8)[np.newaxis], magma(RANGE + 1))),
        "scale_width": "160",
        "levels": _levels(rows, comparison),
        "sum": _sum(comparison),
        "sdr_note": _SDR_NOTE if comparison.sdr else "",
        "keys": _keys(len(rows), audio is not None),
        "data": _json({"duration": duration, "rate": rate, "audio": audio is not None}),
        "css": css,
        "js": js,
    }
    before, after = _template("report.html").split("{{audio}}")
    yield fill(before, fields)
    for sound in audio or ():
        if isinstance(sound, LinkedAudio):
            yield f'<script type="text/plain" data-audio="" data-link="{escape(sound.address)}"></script>\n'
        else:
            yield f'<script type="text/plain" data-audio="{sound.media_type}">'
            yield base64.b64encode(sound.content).decode("ascii")
            yield "</script>\n"
    yield fill(after, fields)


def fill(template: str, fields: Mapping[str, str]) -> str:
    """Replace each {{name}} in a template by its field. Names inside a field are not replaced."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match[1]], template)


def escape(text: str) -> str:
    """Return text for HTML, between tags and in quoted attributes.

    Bytes of a file name that are not UTF-8 become U+FFFD.
    """
    return html.escape(text.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace"))


def clock(seconds: float, digits: int = 1) -> str:
    """Format seconds as m:ss.s, with the given number of digits behind the point."""
    ticks = math.floor(seconds * 10**digits + 1e-6)
    whole, rest = divmod(ticks, 10**digits)
    return f"{whole // 60}:{whole % 60:02}" + (f".{rest:0{digits}}" if digits else "")


def number(value: float | None, digits: int = 1) -> str:
    """Format a number, with a true minus sign and without a negative zero. None becomes a dash."""
    if value is None:
        return DASH
    text = "∞" if math.isinf(value) else f"{abs(value):.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.") else text


def page_style() -> str:
    """Return the style of a report, in CSS."""
    return _template("report.css")


def _template(name: str) -> str:
    return importlib.resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _policy(css: str, js: str, linked: bool) -> str:
    """The page may use its own style, script and pictures, audio of its own site if it is linked, and nothing else (see
    CSP Level 3)."""

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

    own = f"style-src 'sha256-{digest(css)}'; script-src 'sha256-{digest(js)}'"
    own += "; connect-src 'self'" if linked else ""
    return f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"


def _json(data: Mapping[str, float]) -> str:
    """JSON in which no tag can end the script."""
    return json.dumps(data).replace("<", "\\u003c")


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _positions(mixture: Sound, duration: float) -> str:
    """The style rules for ticks and frequencies. The policy of the page does not allow style attributes."""
    rules = [f".at-{index} {{ left: {100 * time / duration:.3f}%; }}" for index, time in enumerate(_ticks(duration))]
    heights = mel_positions(FREQUENCIES, sample_rate=mixture.sample_rate)
    rules += [f".hz-{hz} {{ bottom: {100 * at:.2f}%; }}" for hz, at in zip(FREQUENCIES, heights, strict=True)]
    return "\n".join(rules) + "\n"


def _ticks(duration: float) -> list[float]:
    step = next((step for step in TICKS if duration / step <= 8), math.ceil(duration / 8))
    return [index * step for index in range(9) if index * step <= 0.97 * duration]


def _transport(duration: float, audio: bool) -> str:
    play = '<button id="play" type="button">Play</button>'
    mute = '<button id="mute" class="mute" type="button" aria-pressed="false">Mute all</button>'
    volume = _volume('id="volume"', "Volume", "Volume")
    end = clock(duration)
    return f"""<div class="transport" role="group" aria-label="Transport">
{play if audio else ""}
<div class="clock"><span id="time">0:00.0</span> <span class="aside">/ {end}</span></div>
<input id="position" type="range" min="0" max="{duration}" step="any" value="0" autocomplete="off"
aria-label="Position">
{mute + volume if audio else ""}
<div id="status" role="status"></div>
</div>"""


def _volume(attributes: str, text: str, label: str) -> str:
    slider = f'<input {attributes} type="range" min="0" max="1" step="0.01" value="1" autocomplete="off"'
    return f'<label class="volume"><span>{text}</span>{slider} aria-label="{label}"></label>'


def _tracks(rows: Sequence[Row], duration: float, audio: bool) -> Iterator[str]:
    mixture = rows[0].sound
    reference = float(mixture.mel.max()) or 1.0
    scale = max(_magnitude(row.sound.waveform) for row in rows) or 1.0
    top = min(MAX_FREQUENCY, mixture.sample_rate / 2)
    marks = [f'<span class="hertz hz-{hz}">{text}</span>' for hz, text in FREQUENCIES.items() if hz < 0.97 * top]
    ticks = [f'<span class="at-{i}">{clock(t, int(duration < 4))}</span>' for i, t in enumerate(_ticks(duration))]
    for index, row in enumerate(rows):
        text, sound = escape(row.name), row.sound
        yield f"""<section class="track {_hue(index)}" aria-labelledby="track-{index}">
<div class="head">
<h2 id="track-{index}">{text}</h2>
<p class="file">{escape(sound.path.name)}</p>
{_buttons(index, text) if audio else ""}
</div>
<div class="pictures">
{_svg(sound.waveform, scale)}
<div class="mel"><img src="{_data_url("image/png", mel_png(sound.mel, reference=reference))}" draggable="false"
alt="Waveform and mel spectrogram of {text}">{"".join(marks)}</div>
<div class="ticks" aria-hidden="true">{"".join(ticks)}</div>
<div class="plot"><div class="cursor"></div></div>
</div>
</section>"""


def _magnitude(waveform: Waveform) -> float:
    return float(max(-waveform.low.min(), waveform.high.max()))


def _buttons(index: int, text: str) -> str:
    """Solo, mute and volume of a track. The mixture is muted at first, so that the sum of the stems is heard."""
    solo = f'<button class="solo" type="button" aria-pressed="false" aria-label="Solo {text}">Solo</button>'
    muted = str(index == 0).lower()
    mute = f'<button class="mute" type="button" aria-pressed="{muted}" aria-label="Mute {text}">Mute</button>'
    return f'<div class="buttons">{solo}{mute}</div>\n{_volume("", "Vol", f"Volume of {text}")}'


def _hue(index: int) -> str:
    return f"hue-{index if index < 2 else (index - 1) % 5 + 1}"


def _svg(waveform: Waveform, scale: float) -> str:
    """The outline of a waveform. The picture is 200 units high, from -`scale` to `scale`; the outline at least one."""
    low, high = (np.rint(100 - 100 * edge / scale).astype(int) for edge in (waveform.low, waveform.high))
    low = np.maximum(low, high + 1)
    columns = range(waveform.columns)
    points = [f"{x},{y}" for x, y in zip(columns, high, strict=True)]
    points += [f"{x},{y}" for x, y in zip(reversed(columns), low[::-1], strict=True)]
    box = f'viewBox="0 0 {max(1, waveform.columns - 1)} 200" preserveAspectRatio="none"'
    return f'<svg class="wave" {box} aria-hidden="true"><polygon points="{" ".join(points)}"/></svg>'


def _levels(rows: Sequence[Row], comparison: Comparison) -> str:
    heads = [("Peak", "dBFS"), ("RMS", "dBFS"), ("Loudness", "LUFS"), ("Share", "%")]
    heads += [("SDR", "dB")] if comparison.sdr else []
    columns = "".join(f'<th scope="col">{name}<span class="unit">{unit}</span></th>' for name, unit in heads)
    lines = []
    for index, row in enumerate(rows):
        share = comparison.shares.get(row.name) if index else None
        values = [row.sound.peak, row.sound.rms, row.sound.loudness, None if share is None else 100 * share]
        texts = [number(value) for value in values]
        if comparison.sdr:
            texts.append(number(comparison.sdr.get(row.name) if index else None, 2))
        cells = "".join(f"<td>{text}</td>" for text in texts)
        lines.append(f'<tr class="{_hue(index)}"><th scope="row">{escape(row.name)}</th>{cells}</tr>')
    body = "\n".join(lines)
    return f'<table>\n<thead><tr><th scope="col">Signal</th>{columns}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def _sum(comparison: Comparison) -> str:
    if comparison.error_peak == -math.inf:
        return '<p class="sum">The stems sum to the mixture exactly.</p>'
    error = "" if comparison.error is None else f"Sum error: <b>{number(comparison.error)} dB</b>. "
    place = f"is at {clock(comparison.error_time, 3)}"
    go = f'<button type="button" data-seek="{comparison.error_time}">Go there</button>'
    return f'<p class="sum">{error}The largest difference, {number(comparison.error_peak)} dBFS, {place}. {go}</p>'


def _keys(count: int, audio: bool) -> str:
    seeking = {"←</kbd> <kbd>→": "5 s back or forward; with Shift 1 s", "Home": "to the start"}
    playing = {
        "Space</kbd> <kbd>K": "play and pause",
        f"1</kbd> {DASH} <kbd>{min(count, 9)}": "solo, counted from the top",
        "Shift</kbd> + <kbd>1": "mute, counted from the top",
        "M": "mute all",
    }
    keys = {**(playing if audio else {}), **seeking}
    rows = "\n".join(f"<div><dt><kbd>{key}</kbd></dt><dd>{action}</dd></div>" for key, action in keys.items())
    heard = "If tracks are soloed, only these are heard; otherwise all that are not muted. " if audio else ""
    return f"""<section class="keyboard" aria-labelledby="keys">
<h2 id="keys">Keyboard</h2>
<dl class="keys">
{rows}
</dl>
<p class="aside">{heard}Click a picture to seek.</p>
</section>"""


_SDR_NOTE = """<dt>SDR</dt><dd>Signal-to-distortion ratio against the reference, over the whole track, as in the Music
Demixing Challenge.</dd>"""
