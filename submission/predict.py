"""The Music Demixing Challenge entry: separates every song that the grader has."""

import os

from evaluator.music_demixing import MusicDemixingPredictor

from lightsaft_infer import Separator, separate_file

# Seconds for a song, of those that the grader grants: the rest is for a disk that is slow at the wrong moment.
TIME_LIMIT = 0.85 * float(os.environ.get("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "240"))


class LightSAFTPredictor(MusicDemixingPredictor):
    """Separates with the packaged model. Relies on nothing of the evaluator but the challenge's published interface."""

    def prediction_setup(self):
        self.separator = Separator.from_file()

    def prediction(self, mixture_file_path, bass_file_path, drums_file_path, other_file_path, vocals_file_path):
        outputs = {
            "bass": bass_file_path,
            "drums": drums_file_path,
            "other": other_file_path,
            "vocals": vocals_file_path,
        }
        # Without mixture consistency, which costs SDR with this model: see benchmarks/README.md.
        separate_file(self.separator, mixture_file_path, outputs, overwrite=True, time_limit=TIME_LIMIT)


if __name__ == "__main__":
    LightSAFTPredictor().run()
    print("Successfully generated predictions!")
