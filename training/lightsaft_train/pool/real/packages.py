"""Files out of Debian packages: downloaded by apt-get, taken out by dpkg-deb; nothing is installed.

A path that holds `!` names a member of a zip archive inside the package: `usr/share/game/0music.pk3!music/a.ogg`.
"""

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

from ...data import DataError


def fetch(package, version, digests, folder):
    """Write files of a package into `folder`, which keeps the .deb too: it is not downloaded twice.

    digests : {path inside the package: its SHA-256}

    Returns {path inside the package: the file written}. Raises DataError: no apt-get or dpkg-deb, a download that
    failed, a file that is missing in the package or is not the one of the digest.
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


def _download(package, version, folder):
    """The .deb of a package, downloaded unless the folder has it."""
    name = f"{package}_{version.replace(':', '%3a')}_*.deb"
    if not list(folder.glob(name)):
        done = _run("apt-get", "-q", "download", f"{package}={version}", cwd=folder)
        if done.returncode or not list(folder.glob(name)):
            told = done.stderr.decode(errors="replace").strip()
            raise DataError(f"apt-get cannot download {package}={version} (run `apt-get update`?): {told}")
    return next(folder.glob(name))


def _members(deb, wanted):
    """Yield (path, bytes) of the wanted paths inside a .deb; the rest is not unpacked."""
    outer = {}
    for path in wanted:
        outer.setdefault(path.split("!")[0], []).append(path)
    done = _run("dpkg-deb", "--fsys-tarfile", str(deb))
    if done.returncode:
        raise DataError(f"dpkg-deb cannot read {deb}: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for member in tar:
            paths = outer.get(member.name.removeprefix("./"), []) if member.isfile() else []
            data = tar.extractfile(member).read() if paths else b""
            for path in paths:
                if "!" in path:
                    with zipfile.ZipFile(io.BytesIO(data)) as archive:
                        yield path, archive.read(path.split("!")[1])
                else:
                    yield path, data


def _run(*command, cwd=None):
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True)
    except FileNotFoundError as error:
        raise DataError(f"{command[0]} is missing: these files come from Debian packages") from error
