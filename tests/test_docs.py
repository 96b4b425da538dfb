"""The documentation is built without a warning and shows the docstrings, and broken links are found; needs the extra
`docs`."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lightsaft_infer

ROOT = Path(__file__).parent.parent


def sphinx(source: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build pages with the settings of docs/conf.py."""
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", ROOT / "docs", *options, source, out]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    out = tmp_path_factory.mktemp("docs")
    done = sphinx(ROOT, out)
    assert done.returncode == 0, done.stderr
    return out


def test_every_markdown_file_is_a_page_of_the_table_of_contents(pages: Path) -> None:
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[!.]*/README.md")]
    index = (pages / "docs" / "index.html").read_text(encoding="utf-8")
    found = re.findall(r'class="reference internal" href="([^"#]+)', index)
    links = {(pages / "docs" / link).resolve() for link in found}
    expected = {pages / path.relative_to(ROOT).with_suffix(".html") for path in files}
    assert len(expected) > 10
    assert expected - {pages / "docs" / "index.html"} <= links


@pytest.mark.parametrize("name", lightsaft_infer.__all__)
def test_exported_names_have_a_section_with_their_docstring(pages: Path, name: str) -> None:
    page = (pages / "docs" / "api.html").read_text(encoding="utf-8")
    section = re.search(rf'<dt class="[^"]*" id="lightsaft_infer\.[\w.]+\.{name}">(.+?)</dl>', page, re.DOTALL)
    assert section, name
    text = html.unescape(re.sub(r"<[^>]+>", "", section[1]))
    first_paragraph = re.split(r"\n\s*\n", getattr(lightsaft_infer, name).__doc__.strip())[0]
    assert words(first_paragraph) in words(text)


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text))


def test_pages_load_nothing_from_a_network(pages: Path) -> None:
    for page in pages.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]*', text), page


def test_broken_links_are_found(tmp_path: Path) -> None:
    links = "[a](#a-heading) [b](#b) [c](c.md) [d](page.md#d) ![e](e.png) {py:class}`f.G`"
    text = f"# A heading\n\n{links}\n\n```\n[h](h.md)\n```\n"
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    options = ("-D", "root_doc=page", "-D", "include_patterns=page.md")
    done = sphinx(tmp_path, tmp_path / "out", *options)
    assert done.returncode == 1
    warnings = done.stderr.splitlines()
    for target in ("'b'", "'c.md'", "'d'", "e.png", "f.G"):
        assert sum(target in line for line in warnings) == 1, (target, warnings)
    assert not any("a-heading" in line or "h.md" in line for line in warnings)
