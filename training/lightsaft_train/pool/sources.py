"""The sources of pool songs: recordings, MIDI files, drum kits, instruments, SoundFonts."""

import dataclasses
import functools
from pathlib import Path

from .instruments import drumkits, drumloops, sampler, soundfonts
from .voices import recordings as voices


@dataclasses.dataclass(frozen=True)
class Sources:
    """The sources of songs, each found when it is first used.

    Parameters
    ----------
    data
        Folder of recordings, MIDI files and samples. SoundFonts and drum kits are those of this machine.
    cache
        Folder for things that are computed once.
    """

    data: Path
    cache: Path

    @functools.cached_property
    def recordings(self) -> tuple[voices.Recording, ...]:
        """Recorded voices."""
        return voices.catalogue(self.data / "vocals") + voices.speakers()

    @functools.cached_property
    def soundfonts(self) -> dict[str, Path]:
        """SoundFonts by name."""
        return soundfonts.find_soundfonts()

    @functools.cached_property
    def kits(self) -> tuple[drumkits.Kit, ...]:
        """Drum kits."""
        return drumkits.kits(self.data)

    @functools.cached_property
    def loops(self) -> tuple[Path, ...]:
        """Drum loops."""
        return drumloops.loops(self.data)

    @functools.cached_property
    def multisamples(self) -> tuple[sampler.Multisample, ...]:
        """Multisampled instruments."""
        return sampler.instruments(self.data)

    @functools.cached_property
    def arrangements(self) -> tuple[Path, ...]:
        """MIDI files."""
        return tuple(sorted((self.data / "midi").rglob("*.mid")))

    @functools.cached_property
    def guitars(self) -> tuple[Path, ...]:
        """Recorded guitar stems."""
        return sampler.metal_guitars()
