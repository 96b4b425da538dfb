"""Imports, and the contents of the package."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lightsaft_infer

ROOT = Path(__file__).parent.parent

SEPARATE_WAV = """
import sys
from lightsaft_infer import Separator, separate_file
assert not {"onnxruntime", "soundfile", "librosa", "soxr"} & set(sys.modules), "work at import"
import numpy as np, soundfile
soundfile.write(sys.argv[1] + "/song.wav", np.zeros((50_000, 2)), 44100)
separate_file(Separator.from_file(), sys.argv[1] + "/song.wav", {"bass": sys.argv[1] + "/bass.wav"})
loaded = {"librosa", "soxr", "torch", "numba", "sklearn", "matplotlib", "tqdm"} & set(sys.modules)
assert not loaded, loaded
"""


def test_a_wav_at_44100_hz_needs_no_librosa_and_import_is_light(tmp_path):
    subprocess.run([sys.executable, "-c", SEPARATE_WAV, str(tmp_path)], check=True)
    assert (tmp_path / "bass.wav").is_file()


def test_setup_names_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folders = [path.parent.name for path in (ROOT / "lightsaft_infer").glob("*/__init__.py")]
    packages = ["lightsaft_infer", *(f"lightsaft_infer.{name}" for name in sorted([*folders, "models"]))]
    assert config["options"]["packages"].split() == packages


def test_one_version_for_package_changelog_and_citation():
    version = lightsaft_infer.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = dict(re.findall(r"^## \[(\S+)\] - (\S+)$", changelog, re.MULTILINE))
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert next(iter(released)) == version
    assert {f"version: {version}", f"date-released: {released[version]}"} <= {*citation}


def test_both_licences_and_the_attributions_are_packaged():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["metadata"]["license_expression"] == "MIT AND CC-BY-SA-4.0"
    assert config["metadata"]["license_files"].split() == ["LICENSE", "models/LICENSE"]
    assert {"ATTRIBUTIONS.md", "LICENSE"} <= {*config["options.package_data"]["lightsaft_infer.models"].split()}
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Attribution-ShareAlike 4.0 International" in (ROOT / "models" / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["lightsaft_infer", "training/lightsaft_train"])
def test_rooms_are_entered_by_their_front_doors(package):
    """A module imports from the `__init__` of another folder, never from a module inside it."""
    root = ROOT / package
    rooms = {path.parent for path in root.rglob("__init__.py")} - {root, root / "pool"}
    wrong, arrows = [], 0
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                arrows += 1
                place = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                wrong += [f"{path}: {place}" for room in place.parents if room in rooms and room not in path.parents]
    assert arrows > 100
    assert wrong == []


def test_every_public_name_is_there_and_documented():
    for name in lightsaft_infer.__all__:
        assert getattr(lightsaft_infer, name).__doc__, name


LOAD = "from lightsaft_infer import Separator; import time; Separator.from_file(threads=1); time.sleep(1)"


def test_no_file_is_left_in_the_home_folder_and_no_host_is_contacted(tmp_path):
    """ONNX Runtime's telemetry would do both at its import."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment |= {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    command, trace = [sys.executable, "-c", LOAD], tmp_path.parent / "trace"
    if shutil.which("strace"):
        command = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmmsg", "-o", str(trace), *command]
    subprocess.run(command, check=True, env=environment)
    assert list(tmp_path.iterdir()) == []
    if trace.exists():
        assert "AF_INET" not in trace.read_text()
