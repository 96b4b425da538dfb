"""The documentation is built, has the words of the docstrings, and has no broken links. Needs the extra `docs`."""

import html
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

import check_links  # noqa: E402
import house_style  # noqa: E402


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The built pages."""
    pytest.importorskip("pdoc")
    folder = tmp_path_factory.mktemp("docs") / "out"
    subprocess.run([sys.executable, str(DOCS / "build.py"), str(folder)], check=True)
    return folder


def test_every_link_of_the_built_pages_leads_somewhere(out):
    pages = sorted(out.rglob("*.html"))
    assert {"index.html", "recipes.html", "lightsaft_infer.html", "separator.html"} <= {page.name for page in pages}
    broken, _ = check_links.check(pages, out)
    assert not broken


def test_every_public_function_class_and_method_is_documented(out):
    for page in (out / "lightsaft_infer").glob("*.html"):
        module = importlib.import_module(f"lightsaft_infer.{page.stem}")
        assert module.__doc__
        anchors = re.findall(r'<(?:section|div) id="([\w.]+)"', page.read_text(encoding="utf-8"))
        assert anchors, page
        for anchor in anchors:
            value = module
            for name in anchor.split("."):
                value = getattr(value, name, None)
            if not anchor.endswith("__init__") and (inspect.isclass(value) or inspect.isroutine(value)):
                assert value.__doc__, f"{page.stem}.{anchor}"


def test_docstrings_lose_nothing_on_their_way(out):
    """All words of the longest docstrings are on the page, in their order."""
    page = (out / "lightsaft_infer" / "evaluation.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", "", page[page.index('<section id="evaluate">') :]))
    evaluate = importlib.import_module("lightsaft_infer.evaluation").evaluate
    words = re.findall(r"\w+", evaluate.__doc__)
    assert " ".join(words) in " ".join(re.findall(r"\w+", text[text.rindex("Score a tree") :]))


def test_an_existing_folder_is_not_written_into(tmp_path):
    pytest.importorskip("pdoc")
    (tmp_path / "mine").write_text("mine")
    command = [sys.executable, str(DOCS / "build.py"), str(tmp_path)]
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_house_style_in_markdown():
    docstring = """First line
goes on <here> with a*b.

Parameters
----------
mixture : an array (see `Known`), or
    KnownError
n, m : numbers

Returns Known. Raises KnownError.

    code : stays"""
    links = {"Known": "x.html#Known", "KnownError": "#KnownError"}
    assert house_style.to_markdown(docstring, links).splitlines() == [
        "First line goes on &lt;here&gt; with a\\*b.",
        "",
        "###### Parameters",
        "",
        "- `mixture`: an array (see [`Known`](x.html#Known)), or [KnownError](#KnownError)",
        "- `n`, `m`: numbers",
        "",
        "**Returns** Known. Raises [KnownError](#KnownError).",
        "",
        "    code : stays",
    ]


def test_broken_links_are_found(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b c.html").write_text('<h1 id="there">b</h1><a href="../a.html#top">a</a>')
    links = {
        "folder/b%20c.html#there": None,
        "#here": None,
        "folder": None,
        "https://example.org/x": None,
        "data:image/png;base64,AA": None,
        "folder/b%20c.html#elsewhere": "no such anchor",
        "#elsewhere": "no such anchor",
        "missing.html": "no such file",
        "../outside.html": "leads out",
        "/etc/hostname": "leads out",
    }
    text = "".join(f'<a href="{link}">x</a>' for link in links)
    (tmp_path / "a.html").write_text(f'<p id="here">{text}<img src="missing.png"></p>')
    broken, external = check_links.check(sorted(tmp_path.rglob("*.html")), tmp_path)
    expected = {link: fault for link, fault in links.items() if fault} | {"missing.png": "no such file"}
    assert len(broken) == len(expected)
    for (link, fault), told in zip(expected.items(), broken, strict=True):
        assert told.startswith(f"{tmp_path / 'a.html'}: {link}: {fault}")
    assert external == ["https://example.org/x"]


def test_links_of_the_markdown_files_lead_somewhere(tmp_path):
    pytest.importorskip("markdown2")
    assert check_links.main([]) == 0
    page = tmp_path / "a.md"
    page.write_text("# A heading of its own\n\n[a](#a-heading-of-its-own) [b](#b) [c](c.md)\n\n```\n[d](d.md)\n```\n")
    broken, _ = check_links.check([page], tmp_path)
    assert [text.removeprefix(f"{page}: ") for text in broken] == ["#b: no such anchor", "c.md: no such file"]
