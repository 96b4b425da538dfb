"""The commands of `python -m lightsaft_train`. What a command needs is imported when it runs."""

from . import checkpoints, models, real_music, songs, training

GROUPS = (models, songs, real_music, training, checkpoints)
