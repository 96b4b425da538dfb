"""Worker processes: limited in number, replaced when they die, ended with the run."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from data import worker_tasks
from helpers import is_alive, posix, wait_for

from lightsaft_infer import OutputError
from lightsaft_infer.batch.local_workers import WorkerLost, run_in_workers
from lightsaft_infer.worker_process import check_working_folder


def test_every_task_has_its_result_and_workers_are_bounded():
    results = dict(run_in_workers(worker_tasks.square, range(20), workers=2))
    assert {task: result[0] for task, result in results.items()} == {n: n * n for n in range(20)}
    processes = {pid for _, pid in results.values()}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes


def test_tasks_are_taken_when_a_worker_is_free():
    taken = []
    with contextlib.closing(
        run_in_workers(worker_tasks.square, (taken.append(n) or n for n in range(10)), workers=1)
    ) as results:
        for count, _ in enumerate(results, 1):
            assert len(taken) <= count + 1


@posix
def test_a_killed_worker_is_replaced_and_its_task_tried_again(tmp_path):
    marks = [str(tmp_path / name) for name in "abc"]
    assert sorted(run_in_workers(worker_tasks.die_once, marks, workers=2)) == [(mark, "done") for mark in marks]


@posix
def test_a_task_that_kills_its_workers_is_lost_and_the_others_are_done():
    results = dict(run_in_workers(worker_tasks.die_where_told, ["a", "die", "b"], workers=1))
    assert results == {"a": "a", "b": "b", "die": WorkerLost("signal 9")}


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_in_good_order_with_their_parent(tmp_path, number):
    code = f"from data.worker_tasks import supervise; supervise({str(tmp_path)!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])},
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    process.send_signal(number)
    process.wait()
    wait_for(lambda: not any(map(is_alive, workers)))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no safe path")
def test_modules_of_the_working_folder_are_not_run(tmp_path, monkeypatch):
    (tmp_path / "signal.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert [result for _, (result, _) in run_in_workers(worker_tasks.square, [3], workers=1)] == [9]
    assert "PYTHONSAFEPATH" not in os.environ


@posix
def test_a_working_folder_that_is_gone_is_told(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(OutputError, match="cannot enter the working folder: no such file or directory"):
        check_working_folder()
    monkeypatch.chdir(tmp_path)
    check_working_folder()


FIRST_WORKER = """
import signal
from lightsaft_infer.worker_process import WorkerProcess

def blocked(pipe):
    pipe.send(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))

if __name__ == "__main__":
    worker = WorkerProcess(blocked)
    print(worker.pipe.recv())
    worker.end()
"""


@posix
def test_interrupts_are_held_in_the_first_worker_too(tmp_path):
    # Ctrl-C while it imports its modules would print a traceback.
    script = tmp_path / "script.py"
    script.write_text(FIRST_WORKER)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("True\n", "")
