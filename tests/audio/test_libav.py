"""Sound that FFmpeg's libraries decode: each sample once, and no file that is not complete."""

import errno
import fractions
import io
import struct
import tempfile

import av
import numpy as np
import pytest
import soundfile

from lightsaft_infer import AudioError, AudioReader
from lightsaft_infer.audio.libav import LibavSource
from lightsaft_infer.audio.mpeg import id3_size, xing_header
from lightsaft_infer.audio.ogg import OggSource, checksum, find_streams

SECONDS = 2
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * 44100) / 44100, dtype=np.float32)
STEREO = np.stack([TONE, TONE[::-1] / 2])
CODECS = {
    "mp3": ("libmp3lame", "fltp"),
    "ogg": ("libvorbis", "fltp"),
    "opus": ("libopus", "flt"),
    "mp4": ("aac", "fltp"),
    "adts": ("aac", "fltp"),
    "matroska": ("libopus", "flt"),
    "wv": ("wavpack", "fltp"),
    "asf": ("wmav2", "fltp"),
    "avi": ("libmp3lame", "fltp"),
}
LOSSLESS = {"wv"}
EXACT = {"mp3", "ogg", "opus", "wv"}


def encoded(container, audio=STEREO, sample_rate=44100, **options):
    """A file of a container, encoded by FFmpeg's libraries: bytes."""
    codec, form = CODECS[container]
    if codec == "libvorbis" and codec not in av.codecs_available:  # libsndfile writes it as well
        file = io.BytesIO()
        soundfile.write(file, audio.T, sample_rate, format="OGG", subtype="VORBIS")
        return file.getvalue()
    rate = 48000 if codec == "libopus" else sample_rate
    layout = "stereo" if len(audio) == 2 else "mono"
    with tempfile.NamedTemporaryFile() as file, av.open(file.name, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout, format=form)
        stream.bit_rate = 128_000
        resampler = av.AudioResampler(form, layout, rate, frame_size=stream.codec_context.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(audio, format="fltp", layout=layout)
        frame.sample_rate = sample_rate
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
        out.close()
        return file.read()


def opened(content):
    file = io.BytesIO(content)
    return OggSource(file, find_streams(file)) if content.startswith(b"OggS") else LibavSource(file)


def decoded(content, size=10_000):
    """The samples (channels, samples) of a file, read in blocks of a size."""
    source, parts = opened(content), []
    while (part := source.read(size)).shape[1]:
        parts.append(part)
    return np.concatenate(parts, axis=1)


def error(content):
    with pytest.raises(AudioError) as caught:
        decoded(content)
    return str(caught.value)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("container", CODECS)
def test_each_sample_is_there(container, channels):
    audio = decoded(encoded(container, STEREO[:channels]))
    rate = 48000 if CODECS[container][0] == "libopus" else 44100
    assert audio.dtype == np.float32
    assert audio.shape[0] == channels
    # AAC and WMA have the encoder's delay, or the rest of the last frame.
    assert (
        -200
        <= audio.shape[1] - SECONDS * rate
        <= {"mp4": 3072, "adts": 3072, "asf": 4096, "avi": 2048}.get(container, 0)
    )
    if container in EXACT:
        assert audio.shape[1] == SECONDS * rate
    if container in LOSSLESS:
        np.testing.assert_array_equal(audio, STEREO[:channels])
    spectrum = np.abs(np.fft.rfft(audio[0, : SECONDS * rate]))
    assert abs(spectrum.argmax() - SECONDS * 440) <= 1


@pytest.mark.parametrize(("container", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_the_samples_are_those_of_libsndfile(container, subtype):
    file = io.BytesIO()
    soundfile.write(file, STEREO.T, 48000, format=container, subtype=subtype)
    expected = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")[0].T
    tolerance = {"MPEG_LAYER_III": 1e-5, "VORBIS": 1e-6, "OPUS": 0.02}[subtype]
    assert opened(file.getvalue()).samples == expected.shape[1]
    np.testing.assert_allclose(decoded(file.getvalue()), expected, atol=tolerance)


@pytest.mark.parametrize("size", [1, 997, 10**6])
def test_blocks_of_any_size_join_to_the_same(size):
    content = encoded("mp3", STEREO[:, :5000])
    np.testing.assert_array_equal(decoded(content, size), decoded(content))


@pytest.mark.parametrize("container", ["mp3", "ogg", "opus"])
def test_files_that_were_joined_are_read_to_the_last(container):
    one = encoded(container)
    first, both = decoded(one), decoded(one + one)
    assert opened(one).samples == first.shape[1]
    assert opened(one + one).samples == (None if container == "mp3" else both.shape[1])
    # The second MP3's header, and the encoder's delay, come out as a little silence between the two.
    assert 0 <= both.shape[1] - 2 * first.shape[1] <= (4 * 1152 if container == "mp3" else 960)
    for end in (slice(-20_000, -10_000), slice(-10_000, -3000)):
        np.testing.assert_allclose(both[:, end].std(axis=1), first[:, end].std(axis=1), rtol=0.05)


def test_tags_before_and_after_an_mp3():
    content = encoded("mp3")
    sound = content[id3_size(io.BytesIO(content)) :]
    expected = decoded(content)
    size = 200_000  # larger than a cover picture often is
    tag = b"ID3\x04\0\0" + bytes([size >> 21, size >> 14 & 127, size >> 7 & 127, size & 127]) + bytes(size)
    trailer = b"TAG" + b"title".ljust(125, b"\0")
    assert id3_size(io.BytesIO(tag + sound)) == size + 10
    header, expected_header = (xing_header(io.BytesIO(file)) for file in (tag + sound + trailer, content))
    assert header == expected_header
    assert header.complete
    assert header.alone
    np.testing.assert_array_equal(decoded(tag + sound + trailer), expected)
    ape = [b"APETAGEX" + struct.pack("<IIIIQ", 2000, 10_032, 1, flags, 0) for flags in (0xA0000000, 0x80000000)]
    np.testing.assert_array_equal(decoded(sound + ape[0] + bytes(10_000) + ape[1] + trailer), expected)


@pytest.mark.parametrize("container", ["mp3", "ogg", "opus", "mp4", "matroska", "wv", "asf", "avi"])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8])
def test_truncated_files(container, kept):
    options = {"movflags": "faststart"} if container == "mp4" else {}
    content = encoded(container, **options)
    assert "truncated" in error(content[: int(len(content) * kept)])


def test_an_mp4_without_its_index():
    content = encoded("mp4")
    assert "not audio in a known format" in error(content[: len(content) // 2])


def test_a_rate_that_changes_within_a_chain():
    one, other = encoded("ogg"), encoded("ogg", STEREO[:1])
    assert "expected one format in the whole file, got 44100 Hz and 2 channels, then 44100 Hz and 1 channels" in error(
        one + other
    )


@pytest.mark.parametrize("content", [b"hello, world", b"ID3", b"OggS", b"<html>" * 500, bytes(5000), b"\xff\xfb" * 900])
def test_what_is_no_audio(content):
    assert error(content)


def test_a_video_without_sound():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        out.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        out.mux(stream.encode(None))
    assert "without an audio stream" in error(file.getvalue())


def test_random_changes_end_in_audio_or_an_audio_error():
    rng = np.random.default_rng(0)
    for container in CODECS:
        content = encoded(container, STEREO[:, :20_000])
        for _ in range(15):
            changed = bytearray(content)
            for place in rng.integers(len(changed), size=rng.integers(1, 30)):
                changed[place] = rng.integers(256)
            try:
                decoded(bytes(changed))
            except (AudioError, soundfile.LibsndfileError):
                continue


def test_streams_of_an_ogg_file():
    content = encoded("opus")
    size = len(content)
    assert find_streams(io.BytesIO(content)) == [(0, size)]
    assert find_streams(io.BytesIO(content + content)) == [(0, size), (size, 2 * size)]
    assert find_streams(io.BytesIO(b"junk" + content)) == [(4, 4 + size)]


def test_an_error_of_the_disk_is_raised_and_not_printed(tmp_path, capfd):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 20_000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    def read(container):
        source = LibavSource(Failing(encoded(container)))
        return list(iter(lambda: source.read(10_000).shape[1], 0))

    for container in ("mp3", "adts"):
        with pytest.raises(OSError, match="Input/output error"):
            read(container)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("samples", [1025, 44_033, 45_057])
def test_a_packet_that_the_edit_list_leaves_out_is_not_missing(samples):
    """FFmpeg rounds the length of a sound to milliseconds, and so leaves out a last packet of one sample."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=44100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(STEREO[:, :samples]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 44100, 0, fractions.Fraction(1, 44100)
        out.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(io.BytesIO(file.getvalue())) as container:
        (stream,) = container.streams
        assert sum(packet.size > 0 for packet in container.demux(stream)) == stream.frames - 1
    assert decoded(file.getvalue()).shape[1] == samples - 1


def test_ogg_pages_that_begin_no_stream():
    content = bytearray(encoded("opus"))
    content[5] &= ~2
    end = 27 + content[26] + sum(content[27 : 27 + content[26]])
    content[22:26] = checksum(bytes(content[:22]) + bytes(4) + bytes(content[26:end])).to_bytes(4, "little")
    assert error(bytes(content)) == "damaged: no Ogg page begins a stream"


def earlier(content, samples):
    """An Ogg file whose pages end a number of samples earlier, as after a cut without encoding."""
    pages, place = [], 0
    while place < len(content):
        count = content[place + 26]
        end = place + 27 + count + sum(content[place + 27 : place + 27 + count])
        page = bytearray(content[place:end])
        position = int.from_bytes(page[6:14], "little", signed=True)
        if position > 0:
            page[6:14] = (position - samples).to_bytes(8, "little", signed=True)
        page[22:26] = bytes(4)
        page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
        pages.append(bytes(page))
        place = end
    return b"".join(pages)


@pytest.mark.parametrize("samples", [1, 5000])
def test_a_vorbis_stream_that_begins_before_its_own_time_0(samples, tmp_path):
    """The first samples are left out. libsndfile would keep them, and lose as many at the end."""
    content = encoded("ogg")
    (tmp_path / "song.ogg").write_bytes(earlier(content, samples))
    with AudioReader(tmp_path / "song.ogg") as reader:
        np.testing.assert_allclose(reader.read(), decoded(content)[:, samples:], atol=1e-5)


def test_a_matroska_file_whose_sound_begins_late(tmp_path):
    """The length in its header is the time of the end."""
    content = encoded("matroska")
    with av.open(io.BytesIO(content)) as source, av.open(str(tmp_path / "song.mkv"), "w") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.pts += round(0.7 / packet.time_base)
                packet.dts = packet.pts
                packet.stream = stream
                out.mux(packet)
    late = (tmp_path / "song.mkv").read_bytes()
    np.testing.assert_array_equal(decoded(late), decoded(content))
    assert error(late[: len(late) * 3 // 4]).startswith("truncated: expected")
