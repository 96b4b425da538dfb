"""The entry for the Music Demixing Challenge: separates every song of the grader."""

import os

from evaluator.music_demixing import MusicDemixingPredictor

from lightsaft_infer import Separator, separate_file

# Seconds for a song. The rest of the grader's limit is a reserve for a slow disk.
TIME_LIMIT = 0.85 * float(os.environ.get("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "240"))


class LightSAFTPredictor(MusicDemixingPredictor):
    """Separates with the packaged model. It uses only the challenge's published interface of the evaluator."""

    def prediction_setup(self) -> None:
        """Load the model."""
        self.separator = Separator.from_file()

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
        separate_file(self.separator, mixture_file_path, outputs, overwrite=True, time_limit=TIME_LIMIT)


if __name__ == "__main__":
    LightSAFTPredictor().run()
    print("Successfully generated predictions!")
