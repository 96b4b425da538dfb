"""A page to see and hear the result of a separation: one HTML file that needs no other file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ..arguments import AnyPath, to_path
from ..arrays import Progress
from ..audio import check_not_input, check_outputs, encodable_rate, make_parent, write_text
from ..bundle import Bundle, read_model
from ..errors import ArgumentError, AudioError, reason
from ..folders import is_hidden
from ..manifest import Manifest, default_manifest_path
from ..version import __version__
from .aligned import check_forms
from .encode import EMBEDDED_FORMATS, EmbeddedAudio, LinkedAudio, check_embeddable, encode
from .measure import Sound, compare, measure
from .page import clock, page_parts

# Suffixes of the files in a folder that are stems.
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus", ".m4a", ".w64", ".au")
EMBEDDED_SECONDS = 15 * 60  # longer audio is embedded only on request
AUDIO = ("none", *EMBEDDED_FORMATS)


def write_report(
    mixture: AnyPath,
    stems_dir: AnyPath,
    output: AnyPath | None = None,
    *,
    references: AnyPath | None = None,
    model: AnyPath | None = None,
    audio: str | None = None,
    links: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a page with the waveforms, mel spectrograms, levels and synchronised players of a mixture and its stems.

    The page appears when it is complete. Memory is bounded for any length, except for the audio of one file in its
    embedded format.

    Parameters
    ----------
    mixture : path
        The file that was separated (see `AudioReader`).
    stems_dir : path
        Folder of its stems, each named after its target. The mixture itself and files that are not audio are ignored.
    output : path, optional
        The page. Default: ``report.html`` in `stems_dir`.
    references : path, optional
        Folder of the true stems, named like the stems. Adds the SDR of each stem that has a reference.
    model : path, optional
        Manifest of the model that separated the stems. Its name is shown on the page.
    audio : str, optional
        The format of embedded audio: "mp3", "ogg", "wav" (16 bit), or "none" for a page without audio. Default: "mp3",
        but "none" for more than 15 minutes.
    links : dict of str to str, optional
        The addresses of audio in WAV that the page loads instead, relative to the page: of the "Mixture" and of each
        stem. They get the query ``gain=`` if samples are beyond full scale.
    overwrite : bool, optional
        Replace an existing page.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of files read.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    AudioError
        If a file cannot be read, a folder has no stems or two of the same name, or a stem or reference differs from the
        mixture in length, sample rate or channels.
    OutputError
        If the page already exists or cannot be written, or libsndfile cannot encode the audio.
    ModelError
        If the manifest cannot be read.
    ArgumentError
        If `audio` is not known, or an argument has the wrong type.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import soundfile
    >>> from lightsaft_infer.report import write_report
    >>> stems = {"vocals": np.full(4000, 0.25), "drums": np.full(4000, 0.5)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, stem in stems.items():
    ...         soundfile.write(f"{folder}/{name}.wav", stem, 8000, subtype="FLOAT")
    ...     soundfile.write(f"{folder}/song.wav", sum(stems.values()), 8000, subtype="FLOAT")
    ...     page = write_report(f"{folder}/song.wav", folder, audio="none")
    ...     page.name, "The stems sum to the mixture exactly." in page.read_text(encoding="utf-8")
    ('report.html', True)
    """
    if audio is not None and audio not in AUDIO:
        raise ArgumentError(f"expected audio to be one of {', '.join(AUDIO)}, got {audio!r}")
    mixture = to_path(mixture, "the path of a mixture")
    stems_dir = to_path(stems_dir, "the path of a folder of stems")
    output = stems_dir / "report.html" if output is None else to_path(output, "the path of a page")
    check_outputs([output], overwrite=overwrite)
    manifest = read_model(default_manifest_path() if model is None else model)
    stems = find_stems(stems_dir, mixture=mixture, order=manifest.targets)
    truths = {} if references is None else _references(references, mixture, stems)
    check_not_input([output], [mixture, *stems.values(), *truths.values()])
    if links is not None and not links.keys() >= {"Mixture", *stems}:
        raise ArgumentError(f"expected links of Mixture, {', '.join(stems)}, got {', '.join(links)}")
    make_parent(output)
    form = check_forms(mixture, [*stems.values(), *truths.values()])
    counted = _counter(progress, 1 + len(stems))
    whole, *sounds = (counted(measure(path, form)) for path in (mixture, *stems.values()))
    audio_format, note = _embedding(audio, form.samples / form.sample_rate, links is not None)
    players: Iterator[EmbeddedAudio | LinkedAudio] | None = None
    if audio_format is not None:
        check_embeddable(audio_format)
        gain = 1 / max(1, *(10 ** (sound.peak / 20) for sound in (whole, *sounds)))
        if gain < 1:
            note = f"Some samples are beyond full scale, so all players are turned down by one gain, {gain:.3f}."
        if links is None:
            players = (encode(path, audio_format, gain=gain) for path in (mixture, *stems.values()))
        else:
            query = f"?gain={gain:.6f}" if gain < 1 else ""
            players = (LinkedAudio(links[name] + query) for name in ("Mixture", *stems))
    parts = page_parts(
        title=mixture.stem,
        facts=_facts(whole, None if model is None else manifest, audio_format),
        note=note,
        mixture=whole,
        stems=dict(zip(stems, sounds, strict=True)),
        comparison=compare(mixture, stems, truths, form),
        audio=players,
        linked=links is not None,
        rate=encodable_rate(whole.sample_rate),
        version=__version__,
    )
    write_text(output, parts)
    return output


def find_stems(folder: AnyPath, *, mixture: AnyPath | None = None, order: Sequence[str] = ()) -> dict[str, Path]:
    """Find the stems in a folder.

    Parameters
    ----------
    folder : path
    mixture : path, optional
        A file that is not a stem.
    order : sequence of str, optional
        Names that come first, in this order. The others follow in alphabetical order.

    Returns
    -------
    dict of str to Path
        The audio files of the folder by their names without suffix.

    Raises
    ------
    AudioError
        If the folder cannot be read, has no audio files, or has two of the same name.
    ArgumentError
        If an argument has the wrong type.
    """
    folder = to_path(folder, "the path of a folder of stems")
    mixture = None if mixture is None else to_path(mixture, "the path of a mixture")
    stems: dict[str, Path] = {}
    try:
        for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES):
            if is_hidden(path.name) or not path.is_file() or _same(path, mixture):
                continue
            if path.stem in stems:
                raise AudioError(f"expected one stem {path.stem}, got {stems[path.stem].name} too: {path}")
            stems[path.stem] = path
    except OSError as error:
        raise AudioError(f"cannot read {error.filename or folder}: {reason(error)}") from error
    if not stems:
        raise AudioError(f"expected a folder with stems ({', '.join(SUFFIXES)}), got one without: {folder}")
    return dict(sorted(stems.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _same(path: Path, mixture: Path | None) -> bool:
    return mixture is not None and mixture.exists() and path.samefile(mixture)


def _references(folder: AnyPath, mixture: Path, stems: Mapping[str, Path]) -> dict[str, Path]:
    found = find_stems(folder, mixture=mixture)
    references = {name: found[name] for name in stems if name in found}
    if not references:
        raise AudioError(f"expected references named {', '.join(stems)}, got {', '.join(found)}: {folder}")
    return references


def _embedding(audio: str | None, seconds: float, linked: bool) -> tuple[str | None, str]:
    """The format of the players' audio, or None, and a note for the reader of a page without audio."""
    if audio == "none":
        return None, "This page has no audio."
    if audio is None and seconds > EMBEDDED_SECONDS:
        minutes = EMBEDDED_SECONDS // 60
        why = f"This page has no audio because the mixture is longer than {minutes} minutes."
        return None, why if linked else f'{why} To embed it, use --audio mp3 or audio="mp3".'
    return audio or ("wav" if linked else "mp3"), ""


def _facts(mixture: Sound, manifest: Manifest | Bundle | None, audio_format: str | None) -> dict[str, str]:
    facts = {
        "File": mixture.path.name,
        "Length": clock(mixture.samples / mixture.sample_rate),
        "Format": f"{mixture.sample_rate} Hz, {'stereo' if mixture.channels == 2 else 'mono'}",
    }
    if manifest is not None:
        facts["Model"] = f"{manifest.name} {manifest.version}"
    if audio_format is not None:
        facts["Players"] = EMBEDDED_FORMATS[audio_format].label
    return facts


def _counter(progress: Progress | None, total: int) -> Callable[[Sound], Sound]:
    """A function that counts its calls for `progress` and returns its argument."""
    done = 0

    def counted(sound: Sound) -> Sound:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)
        return sound

    return counted
