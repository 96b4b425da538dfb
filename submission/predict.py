"""The entry for the Music Demixing Challenge: separates every song of the grader."""

import os
import sys

from evaluator.music_demixing import MusicDemixingPredictor

from lightsaft_infer import Separator, separate_file
from lightsaft_infer.text import one_line

SHARE = 0.85  # of the grader's limit for a song; the rest is a reserve for a slow disk


class LightSAFTPredictor(MusicDemixingPredictor):
    """Separates with the packaged model. It uses only the challenge's published interface of the evaluator."""

    def prediction_setup(self) -> None:
        """Load the model."""
        self.separator = Separator.from_file()
        self.time_limit = SHARE * float(os.environ.get("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS") or 240)

    def prediction(
        self,
        mixture_file_path: str,
        bass_file_path: str,
        drums_file_path: str,
        other_file_path: str,
        vocals_file_path: str,
    ) -> None:
        """Separate one song: read the file of the mixture, write the four others."""
        outputs = {
            "bass": bass_file_path,
            "drums": drums_file_path,
            "other": other_file_path,
            "vocals": vocals_file_path,
        }
        # Without mixture consistency, which lowers the SDR of this model: see benchmarks/README.md.
        separate_file(self.separator, mixture_file_path, outputs, overwrite=True, time_limit=self.time_limit)


if __name__ == "__main__":
    try:
        LightSAFTPredictor().run()
    except Exception as error:
        sys.exit(f"error: {one_line(error)}")
    print("Successfully generated predictions!")
