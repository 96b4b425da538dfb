"""`python -m lightsaft_infer` is the command `lightsaft`."""

from .start import entry

if __name__ == "__main__":
    entry()
