"""The scripts in benchmarks/: what they import from the package is there. Running all of them would take an hour."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_imports_exist(script):
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lightsaft_infer"):
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_modules_of_the_profile_exist():
    modules = re.findall(r'^    "(.+\.py)": "', (ROOT / "benchmarks" / "profiling.py").read_text(), re.MULTILINE)
    assert len(modules) > 5
    assert [module for module in modules if not (ROOT / "lightsaft_infer" / module).is_file()] == []
