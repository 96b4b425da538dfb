"""Whether every link leads somewhere: in the built pages, and in the repository's Markdown files.

    python docs/check_links.py OUT...

checks what docs/build.py wrote into each OUT, and the Markdown files (needs the extra `docs`, nothing from the
network). Links that do not lead anywhere are listed and the exit status is 1; addresses of other servers are counted,
and listed with --external.
"""

import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("", "docs", "training", "benchmarks", "models", "submission", "examples")


class _Page(HTMLParser):
    """`links`, what href and src name, and `anchors`, what a link can point at, of an HTML text."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], {"", "top"}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src"):
                self.links.append(value or "")
            elif name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)


def check(paths, root):
    """Check the links of pages, HTML or Markdown files below a folder.

    Returns (broken, external), lists of text: "page: link: what is wrong", and addresses with a scheme. Broken is what
    leads to no file, out of the folder, or to an anchor that its page does not have.
    """
    broken, external = [], set()
    pages = {}
    for path in paths:
        for link in _read(path, pages).links:
            address = urllib.parse.urlsplit(link)
            if address.scheme or address.netloc:
                if address.scheme != "data":
                    external.add(link)
                continue
            fault = _fault(path, address, Path(root).resolve(), pages)
            if fault:
                broken.append(f"{path}: {link}: {fault}")
    return broken, sorted(external)


def _fault(path, address, root, pages):
    target = (path.parent / urllib.parse.unquote(address.path)).resolve() if address.path else path
    if address.path.startswith("/") or not target.resolve().is_relative_to(root):
        return f"leads out of {root}"
    if not target.exists():
        return "no such file"
    anchor = urllib.parse.unquote(address.fragment)
    if anchor and (target.suffix not in (".html", ".md") or anchor not in _read(target, pages).anchors):
        return "no such anchor"
    return None


def _read(path, pages):
    if path not in pages:
        text = path.read_text(encoding="utf-8")
        pages[path] = _Page(_html(text) if path.suffix == ".md" else text)
    return pages[path]


def _html(markdown):
    import markdown2

    extras = ["code-friendly", "cuddled-lists", "fenced-code-blocks", "header-ids", "tables"]
    return markdown2.markdown(markdown, extras=extras)


def main(arguments):
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))]
    checks = [(files, ROOT)]
    for out in (Path(argument) for argument in arguments if argument != "--external"):
        pages = sorted(out.rglob("*.html"))
        if not pages:
            sys.exit(f"expected built pages: {out}")
        checks.append((pages, out))
    failed = False
    for paths, root in checks:
        broken, external = check(paths, root)
        print(
            f"{root}: {len(paths)} pages, {len(broken)} broken links, {len(external)} to other servers (not followed)"
        )
        for text in (*(external if "--external" in arguments else ()), *broken):
            print(f"  {text}")
        failed |= bool(broken)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
