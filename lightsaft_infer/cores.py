"""The number of processor cores that this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def available_cores() -> int:
    """Return the number of cores that this process may use, 1 or more.

    The affinity of the process and the CPU quotas of its control groups count, as `docker --cpus` and Kubernetes set
    them; a quota of 1.5 cores counts as 2.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in cpu_quotas(MEMBERSHIP, CGROUPS))]))


def cpu_quotas(membership: Path, cgroups: Path) -> Iterator[float]:
    """Yield the quotas in cores of a process's control groups, of version 1 and 2, and of the groups around them.

    `membership` is the file that lists the groups of the process, `cgroups` the folder in which the groups are mounted.
    A container often sees the path of its group on the host, but only its own group is mounted.
    """
    try:
        lines = membership.read_text(errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mounts, read = [cgroups, cgroups / "unified"], _quota_of_version_2
        elif "cpu" in controllers.split(","):
            mounts, read = [cgroups / controllers, cgroups / "cpu"], _quota_of_version_1
        else:
            continue
        for mount in mounts:
            folder = mount / path.lstrip("/")
            for group in (folder, *folder.parents):
                if group.is_relative_to(mount) and (quota := read(group)) is not None:
                    yield quota


def _quota_of_version_2(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_of_version_1(group: Path) -> float | None:
    try:
        quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
