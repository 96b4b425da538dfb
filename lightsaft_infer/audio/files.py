"""Files that appear when they are whole: written under a temporary name beside their place, then renamed."""

import os
import uuid

from ..errors import OutputError

PARTS = ".lightsaft-*.part"  # the temporary names, as a pattern


def part_name():
    """A temporary name that nobody else has."""
    return PARTS.replace("*", uuid.uuid4().hex)


def write_text(path, parts):
    """Write pieces of text to a file, in UTF-8, replacing what is there. Raises OutputError, which names the file."""
    part = path.with_name(part_name())
    try:
        with open(part, "x", encoding="utf-8", newline="\n") as file:
            for text in parts:
                file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}: {path}") from error
    finally:
        part.unlink(missing_ok=True)
