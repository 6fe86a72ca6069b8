"""A run's directory: written so that a kill at any moment loses at most the current epoch, read with suspicion.

``config.json``, ``metrics.jsonl``, ``checkpoint.npz`` and ``result.json`` are equal to the bit when a run is run again;
what may differ (versions, machine, seconds) is in ``env.json`` and ``timing.jsonl``.

The order of writing is what makes resuming safe: an epoch's row first, then the checkpoint that contains that epoch,
``result.json`` last. So a checkpoint of epoch e finds at least e rows, and rows after e are of an epoch that is redone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from experiments.config import Config
from experiments.environment import facts
from experiments.errors import ConfigError, CorruptRunError
from experiments.files import canonical_json, naming, readable_json, write_atomic
from experiments.records import Epoch, Result, RunRecord, State

try:
    import fcntl
except ImportError:  # Windows: two commands at once on one folder of runs are then the user's care
    fcntl = None  # type: ignore[assignment]

CONFIG, METRICS, RESULT = "config.json", "metrics.jsonl", "result.json"
ENVIRONMENT, TIMING, CHECKPOINT = "env.json", "timing.jsonl", "checkpoint.npz"


class Progress(Enum):
    """How far the run in a directory is."""

    MISSING = "missing"
    STARTED = "started"
    FINISHED = "finished"


class RunDirectory:
    """The directory of one run below *root*; its name is the run's id."""

    def __init__(self, root: Path, config: Config) -> None:
        self.config = config
        self.root = root
        self.path = root / config.run_id

    def progress(self) -> Progress:
        """How far the run is.

        Raises:
            CorruptRunError: The directory is another run's, or no run's.
        """
        if not self.path.exists():
            return Progress.MISSING
        if not self.path.is_dir():
            raise CorruptRunError(self.path, "is a file where the directory of a run should be")
        if not (self.path / CONFIG).exists():
            # A kill before it was written leaves the environment and torn attempts, and nothing else.
            names = [entry.name for entry in self.path.iterdir()]
            strange = [name for name in names if name != ENVIRONMENT and not name.endswith(".tmp")]
            if strange:
                raise CorruptRunError(self.path / CONFIG, f"is missing, but {min(strange)} is there")
            return Progress.MISSING
        self._check_config()
        return Progress.FINISHED if (self.path / RESULT).exists() else Progress.STARTED

    def start(self, environment: Mapping[str, Any]) -> None:
        """Make the directory and write what is known before the first epoch."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._remove_torn()
        write_atomic(self.path / ENVIRONMENT, readable_json(environment))
        write_atomic(self.path / CONFIG, readable_json(self.config.to_dict()))

    def resume(self) -> tuple[State | None, list[Epoch]]:
        """The last checkpoint and the rows up to it; later rows and a torn last line are removed.

        Returns:
            None and no rows where no epoch was finished.

        Raises:
            CorruptRunError: A file is damaged in a way that a kill cannot explain.
        """
        self._remove_torn()
        self._environment()  # the record needs it: better known before the epochs than after them
        path = self.path / CHECKPOINT
        state = None
        if path.exists():
            try:
                state = State.from_npz(path.read_bytes())
            except ValueError as error:
                raise CorruptRunError(path, str(error)) from error
        kept = state.epoch if state else 0
        rows = self._rows(whole=False)[:kept]
        if len(rows) < kept:
            raise CorruptRunError(
                self.path / METRICS, f"has {len(rows)} whole rows, but {CHECKPOINT} is of epoch {kept}"
            )
        write_atomic(self.path / METRICS, "".join(map(_line, rows)))
        return state, rows

    def rows_written(self) -> int:
        """How many epochs have a row by now, whoever writes them; 0 where nothing can be read."""
        try:
            rows = (self.path / METRICS).read_bytes().count(b"\n")
        except OSError:
            return 0
        return min(rows, self.config.epochs)

    def go_on_in(self, environment: Mapping[str, Any]) -> None:
        """Note where a started run goes on, if that is another environment than before.

        Raises:
            CorruptRunError: Its ops are other ones now: what was computed and what would follow are no one run.
        """
        before = self._environment()
        ops, ops_now = ({name: row["hash"] for name, row in env["verified"].items()} for env in (before, environment))
        changed = sorted(name for name in ops.keys() | ops_now.keys() if ops.get(name) != ops_now.get(name))
        if changed:
            raise CorruptRunError(self.path / ENVIRONMENT, f"was begun with other versions of {', '.join(changed)}")
        places = [before, *before.get("resumed", [])]
        if facts(places[-1]) != facts(environment):
            later = [*before.get("resumed", []), environment]
            write_atomic(self.path / ENVIRONMENT, readable_json({**before, "resumed": later}))

    def append(self, row: Epoch, state: State, seconds: float) -> None:
        """Write an epoch: its row, then its checkpoint."""
        metrics, timing = self.path / METRICS, self.path / TIMING
        with naming(metrics), metrics.open("a", encoding="utf-8") as file:
            file.write(_line(row))
            file.flush()
            os.fsync(file.fileno())  # before the checkpoint that says it is there, also when the power fails
        with naming(timing), timing.open("a", buffering=1, encoding="utf-8") as file:
            file.write(canonical_json({"epoch": row.epoch, "seconds": round(seconds, 6)}) + "\n")
        write_atomic(self.path / CHECKPOINT, state.to_npz())

    def finish(self, result: Result) -> None:
        """Write the result: from now on the run is finished and never run again."""
        write_atomic(self.path / RESULT, readable_json(asdict(result)))

    def metrics_sha256(self) -> str:
        """The digest of ``metrics.jsonl`` as it is now."""
        return hashlib.sha256((self.path / METRICS).read_bytes()).hexdigest()

    def read(self) -> RunRecord:
        """Read a finished run back.

        Raises:
            CorruptRunError: A file is missing or damaged, or does not fit the others.
        """
        self._check_config()
        values = self._json(RESULT)
        try:
            result = Result.from_dict(values)
        except (TypeError, ValueError) as error:
            raise CorruptRunError(self.path / RESULT, f"is no result of a run ({error})") from error
        rows = self._rows(whole=True)
        if len(rows) != result.epochs or self.metrics_sha256() != result.metrics_sha256:
            raise CorruptRunError(self.path / METRICS, f"was changed after {RESULT} was written")
        return RunRecord(
            config=self.config,
            epochs=tuple(rows),
            result=result,
            environment=self._environment(),
            seconds=self._seconds(len(rows)),
        )

    def set_aside(self) -> Path:
        """Rename the directory to ``<id>.corrupt-N``: nothing in it is lost, and its name is free.

        Returns:
            Where it is now.
        """
        number = 1
        while (target := self.root / f"{self.path.name}.corrupt-{number}").exists():
            number += 1
        return self.path.rename(target)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of this run; they wait, and then find it finished.

        The system drops the lock of a killed process. The lock file lies beside the directory, which may be renamed.
        """
        if fcntl is None:
            yield
            return
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / self.path.name).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remove_torn(self) -> None:
        """Remove what a kill in the middle of a write left."""
        for torn in self.path.glob("*.tmp"):
            torn.unlink()

    def _check_config(self) -> None:
        try:
            found = Config.from_dict(self._json(CONFIG))
        except ConfigError as error:
            raise CorruptRunError(self.path / CONFIG, f"is no config of a run ({error})") from error
        if found != self.config:
            raise CorruptRunError(self.path / CONFIG, f"is the config of another run, {found.run_id}")

    def _environment(self) -> dict[str, Any]:
        values = self._json(ENVIRONMENT)
        try:
            facts(values)
            [row["hash"] for row in values["verified"].values()]
        except (KeyError, AttributeError, TypeError) as error:
            raise CorruptRunError(self.path / ENVIRONMENT, f"is no environment of a run ({error!r})") from error
        return values

    def _seconds(self, epochs: int) -> tuple[float, ...]:
        """What each epoch took, the last time it was done; () where that is not known for all: it decides nothing."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            lines = map(json.loads, (self.path / TIMING).read_text(encoding="utf-8").splitlines())
            seconds = {int(line["epoch"]): float(line["seconds"]) for line in lines}
            return tuple(seconds[epoch] for epoch in range(1, epochs + 1))
        return ()

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            values = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise CorruptRunError(path, "is missing") from error
        except (ValueError, RecursionError) as error:
            raise CorruptRunError(path, f"is not JSON ({error})") from error
        if not isinstance(values, dict):
            raise CorruptRunError(path, "is not a JSON object")
        return values

    def _rows(self, *, whole: bool) -> list[Epoch]:
        """The rows of ``metrics.jsonl``: all of them, or (not *whole*) those before the first torn line."""
        path = self.path / METRICS
        rows: list[Epoch] = []
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for number, line in enumerate(lines[:-1] if lines else [], start=1):
            row = None
            with suppress(KeyError, TypeError, ValueError, RecursionError):
                row = Epoch.from_dict(json.loads(line))
            if row is None or row.epoch != number:
                if whole:
                    raise CorruptRunError(path, f"line {number} is not the row of epoch {number}")
                break
            rows.append(row)
        return rows


def _line(row: Epoch) -> str:
    return canonical_json(row.to_dict()) + "\n"
