"""Files of Debian packages: apt-get downloads them, dpkg-deb extracts them, and nothing is installed.

A path with `!` names a member of a zip archive in the package: `usr/share/game/0music.pk3!music/a.ogg`.
"""

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...errors import DataError


def fetch(package: str, version: str, digests: Mapping[str, str], folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write files of a package into a folder.

    The folder keeps the .deb too, so that it is not downloaded twice.

    Parameters
    ----------
    package, version
        The package.
    digests
        The SHA-256 of each wanted file, by its path in the package.
    folder
        The folder. It is created if it is missing.

    Returns
    -------
    dict of str to Path
        The file that was written, by its path in the package.

    Raises
    ------
    DataError
        If apt-get or dpkg-deb is missing, the download fails, or the package lacks a file or has another one.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # apt's own user reads it
    files = {}
    for path, data in _members(_download(package, version, folder), digests):
        got = hashlib.sha256(data).hexdigest()
        if got != digests[path]:
            raise DataError(f"expected SHA-256 {digests[path]}, got {got}: {path} in {package} {version}")
        files[path] = folder / f"{package}_{got[:12]}{Path(path).suffix}"
        files[path].write_bytes(data)
    missing = sorted(set(digests) - set(files))
    if missing:
        raise DataError(f"expected files in {package} {version}, did not find: {', '.join(missing)}")
    return files


def _download(package: str, version: str, folder: Path) -> Path:
    """Return the .deb of a package. It is downloaded unless the folder has it."""
    name = f"{package}_{version.replace(':', '%3a')}_*.deb"
    if not list(folder.glob(name)):
        done = _run("apt-get", "-q", "download", f"{package}={version}", cwd=folder)
        if done.returncode or not list(folder.glob(name)):
            reason = " ".join(done.stderr.decode(errors="replace").split())
            raise DataError(f"apt-get cannot download {package}={version} (run `apt-get update`?): {reason}")
    return next(folder.glob(name))


def _members(deb: Path, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of the wanted paths in a .deb. The rest is not extracted."""
    outer: dict[str, list[str]] = {}
    for path in wanted:
        outer.setdefault(path.split("!")[0], []).append(path)
    done = _run("dpkg-deb", "--fsys-tarfile", str(deb))
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split())
        raise DataError(f"dpkg-deb cannot read {deb}: {reason}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for member in tar:
            paths = outer.get(member.name.removeprefix("./"), []) if member.isfile() else []
            file = tar.extractfile(member) if paths else None
            data = file.read() if file else b""
            for path in paths:
                if "!" in path:
                    with zipfile.ZipFile(io.BytesIO(data)) as archive:
                        yield path, archive.read(path.split("!")[1])
                else:
                    yield path, data


def _run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True)
    except FileNotFoundError as error:
        raise DataError(f"{command[0]} is missing: these files come from Debian packages") from error
