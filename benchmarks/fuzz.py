"""Damaged sound files: each of them gives audio or an AudioError, and the same from a path and from a pipe.

    python benchmarks/fuzz.py --count 20000
    python benchmarks/fuzz.py --count 1 --first 1234     # one file again

Each file is of one of 21 formats, with random changes of its header and body. It is read as `lightsaft separate` reads
it, in another process: a crash of a decoder counts as a fault, as does a file that takes more than 20 seconds.
Prints JSON: the number of files that gave audio, that were refused, and the faults. Needs the extra `test`.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile

from lightsaft_infer import AudioReader, LightSAFTError

SECONDS = 20  # for a file
LIBSNDFILE = {
    "wav16": ("WAV", "PCM_16"),
    "wav24": ("WAV", "PCM_24"),
    "wavfloat": ("WAV", "FLOAT"),
    "wavex": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_24"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_24"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}
LIBAV = {
    "mp3": ("mp3", "libmp3lame", "fltp"),
    "wavmp3": ("wav", "libmp3lame", "fltp"),
    "m4a": ("mp4", "aac", "fltp"),
    "alac": ("mp4", "alac", "s16p"),
    "aac": ("adts", "aac", "fltp"),
    "webm": ("matroska", "libopus", "flt"),
    "wavpack": ("wv", "wavpack", "fltp"),
    "wma": ("asf", "wmav2", "fltp"),
    "ac3": ("ac3", "ac3", "fltp"),
}
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0")


def originals() -> dict[str, bytes]:
    """Return a short file of each format."""
    audio = 0.3 * np.sin(np.arange(2 * 24_000, dtype=np.float32).reshape(2, -1) / 20)
    files = {}
    for name, (container, subtype) in LIBSNDFILE.items():
        if soundfile.check_format(container, subtype):
            file = io.BytesIO()
            soundfile.write(file, audio.T, 48000, format=container, subtype=subtype)
            files[name] = file.getvalue()
    for name, (container, codec, form) in LIBAV.items():
        if codec in av.codecs_available:
            files[name] = _encoded(audio, container, codec, form)
    return files


def _encoded(audio: np.ndarray, container: str, codec: str, form: str) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=container) as out:
            stream = out.add_stream(codec, rate=48000, layout="stereo", format=form)
            stream.bit_rate = 128_000
            size = stream.codec_context.frame_size or 1024
            resampler = av.AudioResampler(form, "stereo", 48000, frame_size=size)
            frame = av.AudioFrame.from_ndarray(audio, format="fltp", layout="stereo")
            frame.sample_rate = 48000
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(part))
            out.mux(stream.encode(None))
        return Path(file.name).read_bytes()


def changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one to three random changes."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not data:
            break
        region = min(len(data), 200) if rng.random() < 0.6 else len(data)  # headers more often than bodies
        place = int(rng.integers(max(1, region)))
        kind = rng.integers(7)
        if kind == 0:
            data[place : place + 1] = rng.bytes(1)
        elif kind == 1:
            data[place : place + 4] = EXTREMES[rng.integers(len(EXTREMES))]
        elif kind == 2:
            data = data[:place]
        elif kind == 3:
            data[place:place] = rng.bytes(int(rng.integers(1, 300)))
        elif kind == 4:
            del data[place : place + int(rng.integers(1, 300))]
        elif kind == 5:
            data[place:place] = data[: int(rng.integers(1, len(data) + 1))]
        else:
            size = int(rng.integers(1, 60))
            data[place : place + size] = rng.bytes(size)
    return bytes(data)


def outcome(source: object) -> str:
    """Read a file as `lightsaft separate` does. Returns the audio's digest, or "refused"."""
    import hashlib

    digest = hashlib.sha256()
    try:
        with AudioReader(source) as reader:
            digest.update(f"{reader.sample_rate} {reader.channels}".encode())
            for block in reader.blocks():
                digest.update(block.T.tobytes())
    except LightSAFTError:
        return "refused"
    return digest.hexdigest()


def piped(content: bytes) -> str:
    """The outcome of a file that comes through a pipe."""
    reading, writing = os.pipe()

    def fill() -> None:
        with contextlib.suppress(BrokenPipeError), open(writing, "wb") as pipe:
            pipe.write(content)

    thread = threading.Thread(target=fill)
    thread.start()
    with open(reading, "rb", buffering=0) as pipe:
        result = outcome(pipe)
    thread.join()
    return result


def work(first: int, last: int, seed: int) -> None:
    """Try files, and print a line for each: its number before, its outcome after."""
    files = originals()
    names = sorted(files)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song"
        for number in range(first, last):
            print(f"{number} ", end="", flush=True)
            rng = np.random.default_rng((seed, number))
            name = names[rng.integers(len(names))]
            content = changed(files[name], rng)
            path.write_bytes(content)
            signal.alarm(SECONDS)
            try:
                results = outcome(path), piped(content)
                text = "refused" if results[0] == "refused" else "audio"
                if results[0] != results[1]:
                    text = f"FAULT the path gives {results[0][:8]}, the pipe {results[1][:8]}"
            except Exception as error:
                text = f"FAULT {type(error).__name__}: {error}"
            signal.alarm(0)
            print(f"{name} {text}".replace("\n", " "), flush=True)


def outcomes(first: int, last: int, seed: int) -> Iterator[tuple[int, str]]:
    """Yield the number and the outcome of each file, from processes that are replaced when they die."""
    while first < last:
        command = [sys.executable, __file__, "--worker", "--first", str(first), "--count", str(last - first)]
        worker = subprocess.Popen([*command, "--seed", str(seed)], stdout=subprocess.PIPE, text=True, errors="replace")
        assert worker.stdout is not None
        for line in worker.stdout:
            number, _, result = line.strip().partition(" ")
            first = int(number) + 1
            yield int(number), result or f"FAULT the process ended with {worker.wait()}"
        if worker.wait() and first == 0:
            raise SystemExit("the worker does not start")


def main() -> None:
    """Parse the arguments, try the files and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    last = args.first + args.count
    if args.worker:
        work(args.first, last, args.seed)
        return
    counts: collections.Counter[str] = collections.Counter()
    faults = []
    for number, result in outcomes(args.first, last, args.seed):
        counts[result.split()[1] if result.count(" ") else "FAULT"] += 1
        if "FAULT" in result:
            faults.append(f"{number}: {result}")
            print(faults[-1], file=sys.stderr, flush=True)
    print(json.dumps({"files": args.count, **counts, "faults": faults}, indent=1))


if __name__ == "__main__":
    main()
