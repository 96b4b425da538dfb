"""The command `lightsaft studio`: what keeps it from starting, and its work folder."""

import socket
import sys
from pathlib import Path

import pytest

from lightsaft_infer import ArgumentError
from lightsaft_infer.cli import main
from lightsaft_infer.studio import default_folder

studios = pytest.importorskip("studios")  # needs the extra `studio`, and httpx


def test_a_missing_package_is_named(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("lightsaft_infer.studio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["studio"]) == 1
    assert 'needs uvicorn: pip install "lightsaft[studio]"' in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7"])
def test_another_address_needs_a_token(host, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("LIGHTSAFT_TOKEN", raising=False)
    assert main(["studio", "--host", host, "--folder", str(tmp_path / "work")]) == 1
    error = capsys.readouterr().err
    assert f"everybody in the network of {host} could use this studio: give it a token" in error
    monkeypatch.setenv("LIGHTSAFT_TOKEN", "short")
    assert main(["studio", "--host", host, "--folder", str(tmp_path / "work")]) == 1
    assert "expected a token of 16 or more" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_port_that_is_taken(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["studio", "--port", port, "--folder", str(tmp_path)]) == 1
    assert (
        f"cannot listen on 127.0.0.1:{port}: address already in use (use --port or --host)" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "option", [["--port", "65536"], ["--port", "x"], ["--max-gb", "0"], ["--max-days", "nan"], ["--folder", ""]]
)
def test_wrong_options(option, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["studio", *option])
    assert exit_.value.code == 2
    assert option[0] in capsys.readouterr().err


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="folders of Linux")
def test_the_work_folder_is_in_the_users_cache(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_folder() == Path("/caches/lightsaft/studio")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_folder() == Path("/home/somebody/.cache/lightsaft/studio")


@pytest.mark.skipif(sys.platform == "win32", reason="folders of POSIX systems")
def test_no_home_folder(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("~nobody-of-this-name").expanduser())
    with pytest.raises(ArgumentError, match="there is no home folder"):
        default_folder()


def test_a_folder_of_music_that_is_not_there(tmp_path, capsys):
    assert main(["studio", "--folder", str(tmp_path / "work"), "--music", str(tmp_path / "missing")]) == 1
    assert "expected a folder of music" in capsys.readouterr().err
