"""Files of more than 2 channels: each channel goes to its own speaker, whatever decodes the file."""

import io

import av
import numpy as np
import pytest
from test_libav import decoded

from lightsaft_infer import AudioError, AudioReader
from lightsaft_infer.audio.libav import LibavSource

RATE = 44100
LAYOUTS = {
    "3.0": ("FL", "FR", "FC"),
    "2.1": ("FL", "FR", "LFE"),
    "4.0": ("FL", "FR", "FC", "BC"),
    "quad": ("FL", "FR", "BL", "BR"),
    "5.1": ("FL", "FR", "FC", "LFE", "BL", "BR"),
    "6.0": ("FL", "FR", "FC", "BC", "SL", "SR"),
    "7.1": ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
GAINS = {"FL": (1, 0), "FR": (0, 1), "FC": (0.7071, 0.7071), "LFE": (0, 0), "BC": (0.5, 0.5)}
GAINS |= {"BL": (0.7071, 0), "SL": (0.7071, 0), "BR": (0, 0.7071), "SR": (0, 0.7071)}


def tones(count):
    """A sine of its own frequency for each channel, a whole number of periods in the file."""
    time = np.arange(RATE) / RATE
    return np.stack([0.1 * np.sin(2 * np.pi * 200 * (number + 1) * time) for number in range(count)]).astype("f4")


def written(path, codec, form, layout):
    """A file of tones in a layout, encoded by FFmpeg's libraries."""
    audio = tones(len(LAYOUTS[layout]))
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE, layout=layout, format=form)
        stream.bit_rate = 128_000 * len(audio)
        resampler = av.AudioResampler(form, layout, RATE, frame_size=stream.codec_context.frame_size or 1024)
        interleaved = np.ascontiguousarray(audio.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate = RATE
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def gains(audio):
    """The gains of the tones to left and right."""
    spectrum = np.abs(np.fft.rfft(audio[:, :RATE])) / (0.1 * RATE / 2)
    return [tuple(spectrum[:, 200 * (number + 1)]) for number in range(8)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("suffix", "codec", "form"),
    [("flac", "flac", "s16"), ("aiff", "pcm_s16be", "s16"), ("w64", "pcm_s16le", "s16"), ("wav", "pcm_s16le", "s16")],
)
def test_each_channel_goes_to_its_speaker(suffix, codec, form, layout, tmp_path):
    path = written(tmp_path / f"song.{suffix}", codec, form, layout)
    with AudioReader(path, downmix=True) as reader:
        found = gains(reader.read())
    for speaker, pair in zip(LAYOUTS[layout], found, strict=False):
        assert pair == pytest.approx(GAINS[speaker], abs=2e-3), speaker


def test_eight_planes(tmp_path):
    """PyAV looks for a ninth one, somewhere in memory."""
    path = written(tmp_path / "song.wv", "wavpack", "fltp", "7.1")
    with open(path, "rb") as file:
        source = LibavSource(file)
        assert source.speakers == LAYOUTS["7.1"]
    np.testing.assert_allclose(decoded(path.read_bytes()), tones(8), atol=1e-6)


def test_an_unusual_order_of_channels(tmp_path):
    """CAF has the side channels of 7.1 before those at the back. PyAV frees the layout of such a file twice."""
    path = written(tmp_path / "song.caf", "pcm_s16le", "s16", "7.1")
    for _ in range(3):
        with AudioReader(path, downmix=True) as reader:
            found = gains(reader.read())
        expected = [GAINS[speaker] for speaker in LAYOUTS["7.1"]]
        np.testing.assert_allclose(sorted(np.round(found, 2).tolist()), sorted(np.round(expected, 2).tolist()))
        with pytest.raises(AudioError, match="expected channels in the order FL, FR"):
            LibavSource(io.BytesIO(path.read_bytes()))
