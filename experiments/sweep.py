"""Many runs: which are finished, which are missing, and the computing of the missing ones.

A finished run is read, not run again; a started one goes on from its last checkpoint. A corrupt directory is renamed,
so that nothing in it is lost, and its run is computed anew. A run that cannot be finished is told and stops no other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from experiments.attempt import Bug, attempt
from experiments.config import Config
from experiments.data import Place
from experiments.directory import Progress, RunDirectory
from experiments.errors import CorruptRunError
from experiments.execute import Done
from experiments.executors import is_killed_worker
from experiments.lease import open_lease
from experiments.progress import Tell, silent
from experiments.workers import WorkerDiedError
from gradspec.errors import GradspecError

Runs = Mapping[str, Sequence[Config]]
"""What to compute: a name for people -> the runs of that name."""
POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class FailedRun:
    """A run that could not be finished.

    Attributes:
        name: Its name for people.
        config: What it is.
        reason: Why, in one line.
    """

    name: str
    config: Config
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a sweep.

    Attributes:
        runs: Name -> its finished runs, in the order of their configs.
        failed: The others, in their order.
    """

    runs: Mapping[str, Sequence[Done]]
    failed: tuple[FailedRun, ...]


@dataclass(kw_only=True)
class _Job:
    """One run and what is known of it.

    Attributes:
        name: Its name for people; the first one, where several have the same run.
        config: What it is.
        label: One of its own among the jobs, for people.
        before: Its epochs that were done before.
        copies: How many names have it.
        told: Its epochs that were told.
        deaths: How many workers died while they had it.
        result: What became of it.
    """

    name: str
    config: Config
    label: str
    before: int
    copies: int = 1
    told: int = 0
    deaths: int = 0
    result: Done | str | None = None

    def shown(self, tell: Tell, count: int, text: str = "") -> None:
        """Tell that *count* of its epochs are done, each of them once."""
        units = max(count - self.told, 0)
        self.told += units
        tell(units, text, part=self.label, of=self.config.epochs - self.before)

    def end(self, result: Done | str, tell: Tell) -> None:
        """Keep the result and tell it; the epochs that it will never have count as done."""
        self.result = result
        text = f"{self.label}: {result}" if isinstance(result, str) else _describe(self.label, result)
        self.shown(tell, self.config.epochs, text)
        tell((self.copies - 1) * (self.config.epochs - self.before))


def _jobs(runs: Runs, root: Path) -> dict[str, _Job]:
    """The runs by their ids, each once."""
    jobs: dict[str, _Job] = {}
    labels: set[str] = set()
    for name, configs in runs.items():
        for config in configs:
            key = config.run_id
            if key in jobs:
                jobs[key].copies += 1
                continue
            label = f"{name}, seed {config.seed}"
            label = f"{label} ({key})" if label in labels else label
            labels.add(label)
            before = RunDirectory(root, config).rows_written()
            jobs[key] = _Job(name=name, config=config, label=label, before=before, told=before)
    return jobs


def sweep(
    runs: Runs,
    root: Path,
    *,
    executor: Executor | None,
    place: Place,
    listeners: tuple[str, ...] = (),
    tell: Tell = silent,
    retries: int = 2,
) -> Outcome:
    """Finish all runs; which executor does it makes no difference to a bit of what they write.

    Args:
        runs: Name -> configs. A run that has several names is computed once.
        root: The folder of run directories; the workers of *executor* must see it under the same path.
        executor: What :func:`~experiments.executors.open_executor` gave: workers, or None for this process.
        place: Where data are.
        listeners: Who is told of each epoch, where it is computed.
        tell: Told of epochs that are done and of runs that were computed.
        retries: How often a run is taken up again from its checkpoint after its worker died.

    Returns:
        What is finished, and what could not be.

    Raises:
        GradspecError: The outside is not as it should be. Finished runs and checkpoints are kept.
        OSError: A file cannot be written. The same holds.
    """
    jobs = _jobs(runs, root)
    tell(sum(job.copies * job.before for job in jobs.values()))
    if executor is None:
        for job in jobs.values():
            _here(job, root, place, listeners, tell)
    else:
        with open_lease(root.absolute()) as lease:
            _Pool(executor, root.absolute(), _absolute(place), listeners, lease, tell, retries).finish(jobs.values())
    results = {key: job.result for key, job in jobs.items()}
    done = {name: [results[one.run_id] for one in configs] for name, configs in runs.items()}
    return Outcome(
        runs={name: [one for one in group if isinstance(one, Done)] for name, group in done.items()},
        failed=tuple(
            FailedRun(name=name, config=config, reason=reason)
            for name, configs in runs.items()
            for config in configs
            if isinstance(reason := results[config.run_id], str)
        ),
    )


def _here(job: _Job, root: Path, place: Place, listeners: tuple[str, ...], tell: Tell) -> None:
    job.shown(tell, job.before)

    def on_epoch() -> None:
        job.shown(tell, RunDirectory(root, job.config).rows_written())

    result = attempt(job.config, root, place=place, listeners=listeners, on_epoch=on_epoch)
    job.end(result.reason if isinstance(result, Bug) else result, tell)


class _Pool:
    """Runs in the hands of an executor."""

    def __init__(
        self,
        executor: Executor,
        root: Path,
        place: Place,
        listeners: tuple[str, ...],
        lease: Path,
        tell: Tell,
        retries: int,
    ) -> None:
        self._executor = executor
        self._root = root
        self._place = place
        self._listeners = listeners
        self._lease = lease
        self._tell = tell
        self._retries = retries
        self._pending: dict[Future[Done | Bug], _Job] = {}
        self._ended: SimpleQueue[Future[Done | Bug]] = SimpleQueue()
        self._suspects: deque[_Job] = deque()

    def finish(self, jobs: Iterable[_Job]) -> None:
        """Wait for all *jobs*; those of which nobody knows whether they kill workers come last, one at a time."""
        try:
            for job in jobs:
                self._submit(job)
            self._wait(alone=False)
            while self._suspects:
                self._submit(self._suspects.popleft())
                self._wait(alone=True)
        finally:
            for future in self._pending:
                future.cancel()

    def _submit(self, job: _Job) -> None:
        future = self._executor.submit(
            attempt, job.config, self._root, place=self._place, listeners=self._listeners, lease=self._lease
        )
        self._pending[future] = job
        future.add_done_callback(self._ended.put)

    def _wait(self, *, alone: bool) -> None:
        while self._pending:
            ended = self._next_ended()
            for future, job in self._pending.items():
                count = RunDirectory(self._root, job.config).rows_written()
                if count > job.told or future.running():
                    job.shown(self._tell, count)
            for future in ended:
                self._take(future, self._pending.pop(future), alone=alone)

    def _next_ended(self) -> list[Future[Done | Bug]]:
        """The calls that have ended, after a moment.

        ``concurrent.futures.wait`` holds the locks of all calls for a moment; Ctrl-C just then left them locked, and
        Dask's own thread waited for them for ever.
        """
        try:
            ended = [self._ended.get(timeout=POLL_SECONDS)]
        except Empty:
            return []
        while not self._ended.empty():
            ended.append(self._ended.get())
        return ended

    def _take(self, future: Future[Done | Bug], job: _Job, *, alone: bool) -> None:
        try:
            result = future.result()
        except WorkerDiedError as error:
            job.deaths += 1
            if job.deaths > self._retries:
                job.end(f"{error}, {job.deaths} times during this run", self._tell)
            else:
                self._submit(job)
        except (GradspecError, OSError, CancelledError):  # cancelled: by a Dask client that lost its scheduler
            raise
        except Exception as error:
            if not is_killed_worker(error):
                job.end(" ".join(f"{type(error).__name__}: {error}".split()), self._tell)
            elif alone:
                job.end("every worker that was given this run died", self._tell)
            else:  # Dask blames every run that a dead worker held, also those that were only waiting there
                self._suspects.append(job)
        else:
            job.end(result.reason if isinstance(result, Bug) else result, self._tell)


def _absolute(place: Place) -> Place:
    """The same place for a process with another working folder and other variables."""
    root = place.data_root()
    return replace(place, root=root and root.absolute(), cache=place.cache and place.cache.absolute())


def _describe(label: str, done: Done) -> str:
    """A run that was computed, in one line; "" for one that was only read."""
    if not done.computed:
        return ""
    result, last = done.record.result, done.record.epochs[-1]
    return (
        f"{label}: {result.status} after {result.epochs} epoch{'s' if result.epochs != 1 else ''}, "
        f"loss {last.loss_epoch_mean:.4g}, validation accuracy {last.validation_accuracy:.4f}"
    )


def finished(configs: Iterable[Config], root: Path) -> int:
    """How many of these runs are finished; a corrupt one is not."""
    return sum(state_of(config, root) == Progress.FINISHED.value for config in configs)


def state_of(config: Config, root: Path) -> str:
    """``missing``, ``started``, ``finished`` or ``corrupt``."""
    try:
        return RunDirectory(root, config).progress().value
    except CorruptRunError:
        return "corrupt"
