"""A job, the separation of one upload, as the API shows it and as the work folder keeps it."""

import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..audio import MAX_SECONDS

State = Literal["queued", "running", "done", "failed", "cancelled"]
Format = Literal["wav", "flac", "ogg", "mp3", "m4a", "opus"]
UNFINISHED = ("queued", "running")


class Options(BaseModel):
    """The options of a separation, with the meaning that they have for the command `lightsaft separate`."""

    model_config = ConfigDict(extra="forbid")

    targets: list[str] | None = Field(
        default=None, description="separate only these targets; default: all", min_length=1, max_length=100
    )
    two_stems: str | None = Field(default=None, description="this target, and the mixture minus this target")
    format: Format = "wav"
    subtype: str | None = Field(default=None, description="encoding of the samples, such as PCM_16")
    bitrate: str | None = Field(default=None, description="of mp3, m4a and opus, such as 320k")
    clip: Literal["scale", "clamp", "error"] = "scale"
    consistency: bool | None = Field(default=None, description="make the stems sum to the mixture; default: if all")
    start: float = Field(default=0, ge=0, lt=MAX_SECONDS, description="leave out the first seconds")
    duration: float | None = Field(default=None, gt=0, lt=MAX_SECONDS, description="separate no more seconds")
    downmix: bool = Field(default=False, description="mix more than 2 channels to stereo")
    tags: bool = Field(default=True, description="copy the tags and the cover picture to the stems")
    time_limit: float | None = Field(default=None, gt=0, lt=MAX_SECONDS, description="be finished after these seconds")


class NewJob(BaseModel):
    """An upload to separate, and how."""

    model_config = ConfigDict(extra="forbid")

    upload: str = Field(description="the id that POST /api/uploads returned")
    options: Options = Options()


class Upload(BaseModel):
    """A file that has been uploaded."""

    id: str
    name: str = Field(description="its name in the work folder")
    bytes: int


class Stem(BaseModel):
    """A stem of a finished job."""

    name: str
    file: str
    bytes: int


class AudioFormat(BaseModel):
    """The audio format of a track."""

    sample_rate: int
    channels: int
    samples: int | None = Field(default=None, description="samples per channel, if known")


class Job(BaseModel):
    """A job and its state."""

    id: str
    upload: str
    name: str = Field(description="name of the file")
    options: Options
    stem_names: list[str] = Field(description="the stems that it will have")
    consistency: bool
    residual: str | None
    state: State = "queued"
    error: str | None = Field(default=None, description="why it failed, in the words of the command line")
    notes: list[str] = Field(default=[], description="facts about the separation that its user should know")
    done: float = Field(default=0, description="seconds of audio that are separated, and can be heard")
    total: float | None = Field(default=None, description="seconds of audio, if known")
    left: float | None = Field(default=None, description="estimate of the seconds until it is done")
    audio: AudioFormat | None = None
    stems: list[Stem] = []
    report: Literal["none", "ready", "failed"] = "none"
    created: datetime.datetime
    finished: datetime.datetime | None = None


def now() -> datetime.datetime:
    """Return the time in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)
