"""The cores that a process may use: affinity, and the quotas of control groups of both versions."""

import os

import pytest

from lightsaft_infer import cores
from lightsaft_infer.cores import available_cores, cpu_quotas


def _write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return list(cpu_quotas(root / "membership", root / "cgroup"))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"membership": "0::/\n", "cgroup/cpu.max": "150000 100000\n"}, [1.5]),  # docker --cpus 1.5
        ({"membership": "0::/\n", "cgroup/cpu.max": "max 100000\n"}, []),
        ({"membership": "0::/\n"}, []),
        (
            {
                "membership": "0::/a.slice/b.service\n",
                "cgroup/a.slice/b.service/cpu.max": "max 100000\n",
                "cgroup/a.slice/cpu.max": "300000 100000\n",
            },
            [3.0],
        ),
        (
            {
                # The path on the host is not mounted in the container: its own group is the root.
                "membership": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/\n",
                "cgroup/cpu/cpu.cfs_quota_us": "200000\n",
                "cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            [2.0],
        ),
        (
            {
                "membership": "1:cpu:/\n",
                "cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            [],
        ),
        ({"membership": "0::/\n", "cgroup/cpu.max": "nonsense"}, []),
    ],
)
def test_quotas(tmp_path, files, expected):
    assert sorted(set(_write(tmp_path, files))) == expected


def test_a_system_without_control_groups(tmp_path):
    assert list(cpu_quotas(tmp_path / "none", tmp_path)) == []


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_and_quota_bound_the_cores(tmp_path, monkeypatch):
    _write(tmp_path, {"membership": "0::/\n", "cgroup/cpu.max": "max 100000\n"})
    monkeypatch.setattr(cores, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "cgroup")
    before = os.sched_getaffinity(0)
    assert available_cores() == len(before)
    (tmp_path / "cgroup" / "cpu.max").write_text("10000 100000\n")
    assert available_cores() == 1
    (tmp_path / "cgroup" / "cpu.max").write_text("max 100000\n")
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
