"""The documentation as HTML: the pages of this folder, and the public API from its docstrings, by pdoc.

    python docs/build.py [OUT]

writes into OUT, a new or empty folder (default: docs/_build, which is replaced), and needs the extra `docs`.
"""

import importlib
import inspect
import re
import shutil
import sys
from pathlib import Path

import house_style
import pdoc.doc
import pdoc.render
import pdoc.render_helpers

DOCS = Path(__file__).resolve().parent
PACKAGE = "lightsaft_infer"
# What is imported by users; the other modules are how these, or the command, do it.
MODULES = (
    *("separator", "separate_file", "audio", "errors", "manifest", "evaluation", "batch", "report"),
    *("network", "verify", "time_limit", "benchmark", "stft", "consistency"),
)
ASSETS = (".png", ".svg", ".json", ".csv")


def build(out):
    """Write all pages into a folder."""
    modules = public_modules()
    links = addresses(modules)
    pages = {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
    titles = {name: re.search(r"^# (.+)$", text, re.MULTILINE)[1] for name, text in pages.items()}
    pdoc.render.configure(docformat="markdown", search=False, template_directory=DOCS / "templates")
    pdoc.render.env.globals |= {"pages": titles, "all_names": list(modules)}
    (out / PACKAGE).mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (out / f"{name}.html").write_text(page(titles[name], text, links), encoding="utf-8")
    for name, module in modules.items():
        up = "../" * name.count(".")
        _style(module, {known: up + address for known, address in links.items()})
        path = out / f"{name.replace('.', '/')}.html"
        path.write_text(pdoc.render.html_module(module, modules), encoding="utf-8")
    for path in DOCS.iterdir():
        if path.suffix in ASSETS:
            shutil.copy(path, out)


def public_modules():
    """{name: pdoc's module} of the package and its public modules: their functions and classes, but no constants."""
    modules = {}
    for name in (PACKAGE, *(f"{PACKAGE}.{module}" for module in MODULES)):
        module = importlib.import_module(name)
        if not hasattr(module, "__all__"):
            module.__all__ = [known for known, value in vars(module).items() if _is_public(known, value, name)]
        modules[name] = pdoc.doc.Module(module)
    return modules


def _is_public(known, value, module):
    defined = (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module
    return defined and not known.startswith("_")


def members(module):
    """The functions and classes of a module, and the methods and fields of these."""
    for member in module.own_members:
        yield member
        if isinstance(member, pdoc.doc.Class):
            yield from (item for item in member.own_members if not item.name.startswith("_"))


def addresses(modules):
    """{name: address from the folder of the pages} of modules and of what is in them; a name that two of them have is
    known in its full form only."""
    found, doubled = {}, set()
    for name, module in modules.items():
        found[name] = f"{name.replace('.', '/')}.html"
        for member in members(module) if name != PACKAGE else ():
            doubled |= {member.qualname} & found.keys()
            found[member.qualname] = found[member.fullname] = f"{found[name]}#{member.qualname}"
    return {name: address for name, address in found.items() if name not in doubled}


def _style(module, links):
    """Turn the docstrings of a module into Markdown; its own names lead to its own page."""
    names = links | {member.qualname: f"#{member.qualname}" for member in members(module)}
    for item in (module, *members(module)):
        item.docstring = house_style.to_markdown(item.docstring, names)


def page(title, text, links):
    """HTML of a page in Markdown. Links to other pages lead to their HTML; files outside this folder are only named."""
    text = house_style.outside_code_blocks(text, lambda prose: house_style.linked(prose, links))
    text = re.sub(r"(?<!!)\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", text)
    text = re.sub(r"\]\(([\w-]+)\.md(#[^)]*)?\)", r"](\1.html\2)", text)
    html = pdoc.render_helpers.to_html(text)
    return pdoc.render.env.get_template("page.html.jinja2").render(title=title, html=html)


def main(arguments):
    if arguments:
        out = Path(arguments[0])
        if out.exists() and any(out.iterdir()):
            sys.exit(f"expected a new or empty folder: {out}")
    else:
        out = DOCS / "_build"
        shutil.rmtree(out, ignore_errors=True)
    build(out)


if __name__ == "__main__":
    main(sys.argv[1:])
