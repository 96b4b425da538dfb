"""Text for people: messages on one line, whatever a file name holds."""

import unicodedata

CONTROL = ("Cc", "Cs", "Zl", "Zp")  # control characters, bytes that are not text, ends of lines and paragraphs


def one_line(text: object) -> str:
    """Return text with escapes for ends of lines, control characters and bytes of file names that are not text."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in CONTROL else char for char in str(text)
    )
