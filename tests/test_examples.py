"""The examples in docstrings do what they show."""

import dataclasses
import doctest
import importlib
import pkgutil

import pytest

import lightsaft_infer

MODULES = [module.name for module in pkgutil.walk_packages(lightsaft_infer.__path__, "lightsaft_infer.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert not failed


def test_each_public_class_and_function_has_an_example():
    finder = doctest.DocTestFinder(recurse=False)
    without = []
    for name in lightsaft_infer.__all__:
        value = getattr(lightsaft_infer, name)
        # SeparationResult is shown by the example of separate_file.
        if not (isinstance(value, type) and (issubclass(value, Exception) or dataclasses.is_dataclass(value))):
            without += [name for found in finder.find(value, name) if not found.examples]
    assert without == []
