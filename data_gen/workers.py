"""Many calls of one function: on all cores, or on a Ray cluster."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

Task = tuple[Any, ...]  # the arguments of a call
# Takes a function, its tasks, their number, and what is told each call's result.
Spread = Callable[
    [Callable[..., int], Iterable[Task], int, Callable[[int], None]], None
]
_AHEAD = 3  # tasks under way for each worker


def spread_over_processes(
    function: Callable[..., int],
    tasks: Iterable[Task],
    num_tasks: int,
    report: Callable[[int], None],
    *,
    workers: int,
) -> None:
    """Calls a function for each task in processes; a few tasks are under way.

    Args:
        function: what `pickle` can send.
        tasks: drawn as they are needed.
        num_tasks: how many there are.
        report: called with each result.
        workers: number of processes at most; 1 is this one.

    Raises:
        ChildProcessError: If a process was killed.
    """
    workers = min(workers, num_tasks)
    if workers == 1:
        for task in tasks:
            report(function(*task))
        return
    executor = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),  # fork is unsafe beside threads
        _start_worker,
    )
    pending: deque[Future[int]] = deque()
    try:
        for task in tasks:
            pending.append(executor.submit(function, *task))
            if len(pending) > _AHEAD * workers:
                report(pending.popleft().result())
        for future in pending:
            report(future.result())
    except BrokenProcessPool:
        raise ChildProcessError(
            "A worker was killed, perhaps because memory ran out; expected all to "
            f"live. Fewer need less. Received: workers={workers}"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def spread_over_ray(
    function: Callable[..., int],
    tasks: Iterable[Task],
    num_tasks: int,
    report: Callable[[int], None],
    *,
    address: str,
) -> None:
    """Calls a function for each task on a Ray cluster; a few tasks are under way.

    Args:
        function: what `pickle` can send.
        tasks: drawn as they are needed.
        num_tasks: not used; a cluster starts its workers itself.
        report: called with each result.
        address: `auto` for the cluster this machine belongs to, `local` for a new one
            of this machine alone, or a head's address.

    Raises:
        ConnectionError: If there is no such cluster.
        ModuleNotFoundError: If Ray is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Ray is not installed; expected pip install 'keras-xai[ray]'."
        ) from None

    ray.init(
        address,
        log_to_driver=False,
        include_dashboard=False,
        logging_level=logging.ERROR,
    )
    try:
        call = ray.remote(num_cpus=1)(_call)
        limit = _AHEAD * int(ray.cluster_resources()["CPU"])
        pending: list[Any] = []
        for task in tasks:
            pending.append(call.remote(function, *task))
            if len(pending) > limit:
                done, pending = ray.wait(pending)
                report(sum(ray.get(done)))
        for future in pending:
            report(ray.get(future))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    finally:
        ray.shutdown()


def _call(function: Callable[..., int], *task: Any) -> int:
    return function(*task)


def _start_worker() -> None:
    """Leaves Ctrl-C to the parent, and ends with it, should it be killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
