"""A page to see and hear what a separation gave: one HTML file that needs nothing else."""

from pathlib import Path

from ..audio import check_outputs, write_text
from ..errors import AudioError
from ..manifest import Manifest, default_manifest_path
from ..version import __version__
from .encode import FORMATS, check_embeddable, embedded_rate, encode
from .measure import compare, measure, samples_of
from .page import clock, page_parts

# What is taken for a stem in a folder, by its suffix.
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus", ".m4a", ".w64", ".au")
EMBEDDED_SECONDS = 15 * 60  # above this, audio is embedded only where asked for
AUDIO = ("none", *FORMATS)


def write_report(
    mixture, stems_dir, output=None, *, references=None, model=None, audio=None, overwrite=False, progress=None
):
    """Write a page with the waveforms, mel spectrograms, levels and synchronised players of a mixture and its stems.

    Parameters
    ----------
    mixture : path of the file that was separated (see `AudioReader`)
    stems_dir : folder of its stems, each named after its target; what is no audio, or the mixture itself, is left out
    output : path of the page; default: stems_dir/report.html
    references : folder of the true stems, named like the stems, for SDR; a stem without a reference goes without
    model : manifest of the model that separated them, to be named on the page
    audio : "none", or how audio is embedded: "mp3", "ogg" or "wav" (16 bit); default: mp3 up to 15 minutes, else none
    overwrite : whether an existing page is replaced
    progress : callable(done, total), in files read

    Returns the path of the page, which appears when it is whole. Memory is bounded whatever the length, but for the
    audio of one file in its embedded format.

    Raises AudioError, OutputError or ModelError, which name the file: stems that differ from the mixture in length,
    sample rate or channels among others. Raises ValueError for another value of `audio`.
    """
    if audio is not None and audio not in AUDIO:
        raise ValueError(f"expected audio to be one of {', '.join(AUDIO)}, got {audio!r}")
    mixture, stems_dir = Path(mixture), Path(stems_dir)
    output = stems_dir / "report.html" if output is None else Path(output)
    check_outputs([output], overwrite=overwrite)
    manifest = Manifest.from_file(default_manifest_path() if model is None else model)
    stems = find_stems(stems_dir, mixture=mixture, order=manifest.targets)
    truths = {} if references is None else _references(Path(references), mixture, stems)
    samples = samples_of(mixture, [*stems.values(), *truths.values()])
    tell = _steps(progress, 1 + len(stems))
    whole, *sounds = (tell(measure(path, samples)) for path in (mixture, *stems.values()))
    audio_format, note = _embedding(audio, samples / whole.sample_rate)
    if audio_format is not None:
        check_embeddable(audio_format)
    gain = 1 / max(1, *(10 ** (sound.peak / 20) for sound in (whole, *sounds)))
    if audio_format is not None and gain < 1:
        note = f"Some samples are beyond full scale: all players are turned down by one gain, {gain:.3f}."
    encoded = (encode(path, audio_format, gain=gain) for path in (mixture, *stems.values()))
    parts = page_parts(
        title=mixture.stem,
        facts=_facts(whole, None if model is None else manifest, audio_format),
        note=note,
        mixture=whole,
        stems=dict(zip(stems, sounds, strict=True)),
        comparison=compare(mixture, stems, truths),
        audio=None if audio_format is None else ((FORMATS[audio_format][2], content) for content in encoded),
        rate=embedded_rate(whole.sample_rate),
        version=__version__,
    )
    write_text(output, parts)
    return output


def find_stems(folder, *, mixture=None, order=()):
    """{name: path} of the audio files of a folder, without the mixture: the names in `order` first, the others by
    alphabet. Raises AudioError where the folder has none, or two of one name."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise AudioError(f"cannot list the stems: {error.strerror}: {folder}") from error
    stems = {}
    for path in paths:
        if path.name.startswith(".") or not path.is_file() or (mixture and mixture.exists() and path.samefile(mixture)):
            continue
        if path.stem in stems:
            raise AudioError(f"expected one stem {path.stem}, got {stems[path.stem].name} too: {path}")
        stems[path.stem] = path
    if not stems:
        raise AudioError(f"expected stems ({', '.join(SUFFIXES)}), got a folder without: {folder}")
    return dict(sorted(stems.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _references(folder, mixture, stems):
    found = find_stems(folder, mixture=mixture)
    references = {name: found[name] for name in stems if name in found}
    if not references:
        raise AudioError(f"expected references named {', '.join(stems)}, got {', '.join(found)}: {folder}")
    return references


def _embedding(audio, seconds):
    """The format to embed or None, and a note where that may surprise."""
    if audio == "none":
        return None, "Audio is not in this page."
    if audio is None and seconds > EMBEDDED_SECONDS:
        minutes = EMBEDDED_SECONDS // 60
        return None, f"Audio of more than {minutes} minutes is not in this page, unless it is made with --audio mp3."
    return audio or "mp3", ""


def _facts(mixture, manifest, audio_format):
    facts = {
        "File": mixture.path.name,
        "Length": clock(mixture.samples / mixture.sample_rate),
        "Format": f"{mixture.sample_rate} Hz, {'stereo' if mixture.channels == 2 else 'mono'}",
    }
    if manifest is not None:
        facts["Model"] = f"{manifest.name} {manifest.version}"
    if audio_format is not None:
        facts["Players"] = {"mp3": "MP3", "ogg": "Ogg Vorbis", "wav": "WAV, 16 bit"}[audio_format]
    return facts


def _steps(progress, total):
    """A function that hands through what it is given, and counts."""
    done = 0

    def tell(result):
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)
        return result

    return tell
