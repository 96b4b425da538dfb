"""The former name of `songs`, which `augment.py` and `remixing.py` still use."""

from .songs import SAMPLE_RATE as SAMPLE_RATE
