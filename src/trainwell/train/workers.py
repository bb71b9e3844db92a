"""Tasks in forked processes, a few at a time: two processes on two cores do almost twice the work of two threads.

A child inherits data and networks as they are, computes on one core, tells every measurement over a socket and waits for the
observers' answer, so that they see and may stop it as if it ran here. What it leaves is files.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainwell.core.errors import TrainingError, TrainwellError
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Observer

#: A task: it is given the observer to tell its measurements to.
Task = Callable[[Observer], Any]


def can_fork() -> bool:
    """Whether this system has processes that inherit everything (not Windows; macOS's frameworks do not bear it)."""
    return sys.platform == "linux"


def run_tasks(tasks: Sequence[Task], observer: Observer, *, workers: int) -> list[Any]:
    """Run tasks in at most `workers` processes at a time; their results, which must be plain data, in order.

    Args:
        tasks: what is done; a task that raises ends the whole.
        observer: sees the rows of all tasks, in the order in which they come.
        workers: processes at a time.

    Raises:
        KeyboardInterrupt: a signal came; it was passed on, and the tasks have saved and ended.
        TrainingError: a process died, or a task failed.

    Example:
        >>> run_tasks([lambda tell: 1, lambda tell: 2], lambda row: None, workers=2)
        [1, 2]
    """
    results: dict[int, Any] = {}
    cores = sorted(os.sched_getaffinity(0))
    waiting, running = list(enumerate(tasks)), selectors.DefaultSelector()
    with Interruption() as interruption:
        try:
            while waiting or running.get_map():
                while waiting and not interruption and len(running.get_map()) < workers:
                    number, task = waiting.pop(0)
                    taken = {key.data.core for key in running.get_map().values()}
                    core = next((c for c in cores if c not in taken), cores[0])
                    child = _start(number, task, core)
                    running.register(child.channel, selectors.EVENT_READ, child)
                if interruption:
                    waiting.clear()
                    _stop(running, interruption.signal)
                for key, _ in running.select(timeout=0.2):
                    _listen(key.data, running, observer, results)
        finally:
            _stop(running, signal.SIGKILL)
            for key in list(running.get_map().values()):
                os.waitpid(key.data.process, 0)
                key.data.channel.close()
            running.close()
    if interruption.signal == signal.SIGTERM:
        raise SystemExit(128 + signal.SIGTERM)
    if interruption:
        raise KeyboardInterrupt
    return [results[number] for number in range(len(tasks))]


@dataclass
class _Child:
    number: int
    process: int
    core: int
    channel: socket.socket
    heard: bytes = b""
    told: int = 0


def _start(number: int, task: Task, core: int) -> _Child:
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Newer Pythons warn that other threads do not live on in the child; it uses none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        ours.close()
        os.sched_setaffinity(0, {core})
        _live(task, theirs)
    theirs.close()
    return _Child(number, process, core, ours)


#: Linux: be killed when the parent dies, so that nobody trains on unseen.
_PR_SET_PDEATHSIG = 1


def _live(task: Task, channel: socket.socket) -> None:
    """The child's life: the task, its result, and the end of the process without any of the parent's clean-up."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which passes it on once
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    answers = channel.makefile("rb")
    code = 0

    def tell(row: dict[str, Any]) -> bool:
        channel.sendall(json.dumps({"row": row}).encode() + b"\n")
        return answers.read(1) == b"1"

    try:
        torch.set_num_threads(1)
        message: dict[str, Any] = {"result": task(tell)}
    except TrainwellError as error:
        message = {"what": error.what, "where": error.where, "remedy": error.remedy}
    except (KeyboardInterrupt, SystemExit):
        message = {"interrupted": True}
    except BaseException:
        traceback.print_exc()
        message, code = {"what": "a worker process failed; its complaint is above", "where": "", "remedy": ""}, 1
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
        channel.close()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit


def _listen(child: _Child, running: selectors.BaseSelector, observer: Observer, results: dict[int, Any]) -> None:
    """Take what a child has said; when it has ended, its result."""
    said = child.channel.recv(1 << 16)
    child.heard += said
    *lines, child.heard = child.heard.split(b"\n")
    for line in lines:
        message = json.loads(line)
        if "row" in message:
            child.channel.sendall(b"1" if observer(message["row"]) else b"0")
        elif "result" in message or "interrupted" in message:
            results[child.number] = message.get("result")
        else:
            raise TrainingError(message["what"], where=message["where"], remedy=message["remedy"])
    if not said:
        running.unregister(child.channel)
        child.channel.close()
        _, status = os.waitpid(child.process, 0)
        if child.number not in results:
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
            raise TrainingError(f"a worker process died ({how})", remedy="Call again: it continues from the last checkpoint.")


def _stop(running: selectors.BaseSelector, number: int) -> None:
    for key in running.get_map().values():
        if key.data.told != number:
            key.data.told = number
            try:
                os.kill(key.data.process, number)
            except ProcessLookupError:
                continue
