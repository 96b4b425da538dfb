"""Docstrings of this project as Markdown. They are plain text: paragraphs, lists of `name : meaning` lines with or
without the heading Parameters, and indented code. pdoc's own reader of numpydoc takes the paragraphs behind such a list
for a part of it.
"""

import html
import re

ITEM = re.compile(r"^(`?\w+`?(?:, `?\w+`?)*) : (.+)$")
HEADING = re.compile(r"^([A-Z]\w+)\n-{3,}\n", re.MULTILINE)
# Names that cannot be words of a sentence, such as AudioError.
CAMEL_CASE = r"\b[A-Z]\w*?[a-z][A-Z]\w*\b"


def to_markdown(docstring, links):
    """Markdown of a docstring whose indentation was removed.

    links : {name: address} for the names that are to lead somewhere
    """
    paragraphs = re.split(r"\n\s*\n", HEADING.sub(r"###### \1\n\n", docstring).strip("\n"))
    return "\n\n".join(_paragraph(text, links) for text in paragraphs)


def _paragraph(text, links):
    if text.startswith(("    ", "###### ")):
        return text
    chunks = []
    for line in text.splitlines():
        item = ITEM.match(line)
        if chunks and not item and (line.startswith(" ") or not chunks[-1].startswith("- ")):
            chunks[-1] += f" {_escaped(line.strip(), links)}"
        elif item:
            names = ", ".join(f"`{name}`" for name in item[1].replace("`", "").split(", "))
            chunks.append(f"- {names}: {_escaped(item[2], links)}")
        else:
            chunks.append(re.sub(r"^(Returns|Raises|Attributes?)\b", r"**\1**", _escaped(line, links)))
    return "\n".join(chunks)


def _escaped(text, links):
    """A line in Markdown that is to be shown as it stands, but for its code."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([\\*\[\]#])", r"\\\1", html.escape(part, quote=False)) for part in parts[::2]]
    return linked("".join(parts), links)


def linked(text, links):
    """Markdown whose code and names in camel case lead to what they name, where that is known."""

    def link(match):
        name = match[0].strip("`").removesuffix("()")
        return f"[{match[0]}]({links[name]})" if name in links else match[0]

    return re.sub(rf"(?<!\[)(?:`[^`\n]+`|{CAMEL_CASE})(?!\])", link, text)


def outside_code_blocks(text, function):
    """Markdown with a function applied to what is not in fenced blocks."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if index % 2 else function(part) for index, part in enumerate(parts))
