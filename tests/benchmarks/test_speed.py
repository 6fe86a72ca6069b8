"""The benchmark of speed does what it says: the same work on all sides, whole rows, a record; times are not judged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from benchmarks.speed import __main__ as command
from benchmarks.speed import each_op, graph, memory, networks, steps, turns, vugrad
from benchmarks.speed.op_work import NONE_OF_TORCH, WORK, Work, arrays_of, params_of, work_of
from benchmarks.speed.reasons import REASONS
from benchmarks.speed.turns import MYGRAD, OURS, TORCH, VUGRAD
from experiments import speed as page
from ops import OPS, add, matmul, relu, sum, tanh  # noqa: A004 -- the op
from ops.threads import THREADS

ENGINES = [OURS, TORCH, VUGRAD, *([] if networks.without_mygrad() else [MYGRAD])]
SMALL = Work(sizes=dict.fromkeys("nmdf", 3), lead=(2, 3))


def is_spread(values: list[float]) -> bool:
    """Three positive numbers in order."""
    low, middle, high = values
    return 0 < low <= middle <= high


def are_whole(sides: Mapping[str, Any], names: list[str]) -> bool:
    """Every side has seconds and ratios; torch's ratio is 1."""
    found = all(is_spread(row["seconds"]) and is_spread(row["ratio"]) for row in sides.values())
    return found and [*sides] == names and sides[TORCH]["ratio"] == [1, 1, 1]


def test_a_step_of_the_cnn() -> None:
    """Ours and torch's, with losses that agree and go down."""
    row = steps.of_net(2, 1, rounds=2)
    assert (2, 1, 2) == (row["batch"], row["threads"], row["rounds"])
    assert are_whole(row["sides"], [OURS, TORCH])
    assert row["losses_apart"] <= turns.AGREE
    step = networks.net_step(OURS, 2)
    losses = [step() for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert ["CNN, batch 2, 1 thread"] == [line.split("  ")[0] for line in steps.lines(row)]


def test_a_step_of_the_mlp() -> None:
    """Every engine that is there learns the same."""
    row = steps.of_mlp(5, 1, rounds=2, batch=4)
    assert are_whole(row["sides"], ENGINES)
    assert row["losses_apart"] <= turns.AGREE
    assert (784, 5, 4) == (row["features"], row["hidden"], row["batch"])


def test_losses_that_do_not_agree_are_an_error() -> None:
    """Also where one is no number."""
    with pytest.raises(RuntimeError, match=r"a step: in step 1 the loss of ours is 2\.01, that of torch 2\.0"):
        turns.apart({OURS: [1.0, 2.01], TORCH: [1.0, 2.0]}, "a step")
    with pytest.raises(RuntimeError, match="nan"):
        turns.apart({OURS: [float("nan")], TORCH: [1.0]}, "a step")


def test_each_side_has_its_turn_in_both_orders() -> None:
    """Each turn begins with a call that is not timed; short calls are repeated."""
    calls: list[str] = []
    sides: dict[str, Callable[[], Any]] = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = turns.in_turns(sides, 2)
    assert "aabb" + "aabb" + "bbaa" == "".join(calls)
    assert {"a": 2, "b": 2} == {name: len(took) for name, took in seconds.items()}
    calls.clear()
    turns.in_turns(sides, 1, least=1e-3)
    assert len(calls) > 50


def test_ratios_are_taken_round_by_round() -> None:
    """A slow round of both is no slow side."""
    found = turns.measured({OURS: [1.0, 20.0, 3.0], TORCH: [2.0, 40.0, 2.0]})
    assert {"seconds": [2.0, 3.0, 11.5], "ratio": [0.5, 0.5, 1.0]} == found[OURS]


def test_threads_are_the_same_for_all_and_given_back() -> None:
    """Those of BLAS are limited where the ops have their own, and where there is to be one."""

    def present() -> tuple[int, int, set[int]]:
        blas = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
        return torch.get_num_threads(), THREADS.count, blas

    before = present()
    with turns.threads(2):
        assert (2, 2, {1}) == present()
    with turns.threads(2, of_blas=True):
        assert (2, 1, {2}) == present()
    with turns.threads(1):
        assert (1, 1, {1}) == present()
    assert before == present()


def test_what_a_node_costs() -> None:
    """All engines give the gradient 1, also one that recurses deeper than Python lets it by default."""
    limit = sys.getrecursionlimit()
    for operation in graph.OPERATIONS:
        row = graph.per_node(operation, nodes=limit, rounds=1)
        assert are_whole(row["sides"], ENGINES)
    assert limit == sys.getrecursionlimit()


def test_a_deep_chain() -> None:
    """An engine that recurses fails, and the record says how."""
    found = graph.deep(nodes=3 * sys.getrecursionlimit(), rounds=2)
    assert ENGINES == [*found["sides"]]
    assert "RecursionError: maximum recursion depth exceeded" in found["sides"][VUGRAD]["error"]
    assert is_spread(found["sides"][OURS]["build"])
    assert is_spread(found["sides"][TORCH]["sweep"])
    assert len(ENGINES) == len([*graph.lines(found)])


def test_the_teaching_engine_is_right() -> None:
    """Its gradients are torch's, and float64 though the values are float32."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4), (4, 2))]
    x, w = map(vugrad.Tensor, arrays)
    product = vugrad.Multiply.apply(hidden := vugrad.Relu.apply(vugrad.MatrixMultiply.apply(x, w)), hidden)
    vugrad.CrossEntropy.apply(product, labels=np.array([0, 1, 1])).backward()
    x_torch, w_torch = (torch.from_numpy(array).requires_grad_() for array in arrays)
    torch.nn.functional.cross_entropy((x_torch @ w_torch).relu() ** 2, torch.tensor([0, 1, 1])).backward()
    for mine, theirs in ((x, x_torch), (w, w_torch)):
        assert np.float64 == mine.grad.dtype
        np.testing.assert_allclose(mine.grad, theirs.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", [add, tanh, sum, matmul], ids=lambda op: op.name)
def test_an_op(op: Any) -> None:
    """Forward and vjp, ours and torch's; results are compared."""
    row = each_op.of_op(op, 1, SMALL, least=0.0)
    assert all(are_whole(row[way], [OURS, TORCH]) for way in each_op.WAYS)
    assert [*op.inputs] == [*row["shapes"]]
    assert [f"{op.name}, forward", f"{op.name}, vjp"] == [line.split("  ")[0] for line in each_op.lines(row)]


def test_an_op_with_other_results_is_an_error() -> None:
    """What is timed is the same work."""
    other = tanh.replace(vjp=lambda saved, y_bar: (1.01 * tanh.vjp(saved, y_bar)[0],))
    with pytest.raises(RuntimeError, match="tanh, vjp: another result than torch's"):
        each_op.of_op(other, 1, SMALL)
    with pytest.raises(RuntimeError, match="tanh, forward: another result than torch's"):
        each_op.of_op(tanh.replace(torch=lambda x: x), 1, SMALL)


def test_every_op_of_the_registry_has_work() -> None:
    """About a million numbers in at least one input, less for products of matrices; params that it takes."""
    names = {op.name for op in OPS}
    assert names >= {*WORK, *NONE_OF_TORCH, *(name for name, _ in REASONS)}
    for op in OPS:
        if op.name in NONE_OF_TORCH:
            continue
        work = work_of(op)
        largest = max(array.size for array in arrays_of(op, work))
        assert 9_000 <= largest <= 2_000_000 or op.name == "outer"  # whose result is large
        assert [*op.params] == [*params_of(op, work)]


def test_the_worst() -> None:
    """The highest ratio first; what is not measured is no op."""
    row = {"op": "relu", "forward": {OURS: {"ratio": [1, 2, 3]}}, "vjp": {OURS: {"ratio": [1, 4, 5]}}}
    assert [(4, "relu", "vjp"), (2, "relu", "forward")] == each_op.worst([row, {"op": "hinge", "skipped": "why"}])
    assert each_op.of_op(next(op for op in OPS if op.name == "hinge"))["skipped"] == NONE_OF_TORCH["hinge"]


def test_memory_is_that_of_a_process_of_its_own() -> None:
    """The peak of a first step and of a later one, on both sides."""
    found = memory.of_net(batch=2, rounds=1)
    assert {OURS: {"first", "later"}, TORCH: {"first", "later"}} == {
        side: {*row} for side, row in found["bytes"].items()
    }
    assert (2, 1, memory.PROMISED) == (found["batch"], found["rounds"], found["promised"])
    assert 2 == len([*memory.lines(found)])
    unknown = {**found, "bytes": dict.fromkeys((OURS, TORCH), dict.fromkeys(memory.KINDS))}
    assert {"first step: this system does not tell the peak"} < {*memory.lines(unknown)}


@contextmanager
def tiny(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything as small as it can be."""
    for module, values in {
        steps: {"BATCHES": (2,), "THREADS": (1,), "WIDTHS": (3,), "MLP_BATCH": 2},
        command: {"OPS": (add, relu, next(op for op in OPS if op.name == "hinge")), "QUICK": 2},
    }.items():
        for name, value in values.items():
            patch.setattr(module, name, value)
    patch.setattr(graph.per_node, "__defaults__", (20, 2))
    patch.setattr(graph.deep, "__defaults__", (5_000, 1))
    patch.setattr(memory, "_in_a_process", lambda side, batch, count: {"first": 2 * batch, "later": batch})
    patch.setattr(each_op, "work_of", lambda op: SMALL)
    yield


def test_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It has every part, the page can read it, and a part may be measured again alone."""
    path = tmp_path / "speed.json"
    with tiny(monkeypatch):
        assert 0 == command.main(["--quick", "--record", str(path)])
        record = json.loads(path.read_text())
        assert {*command.PARTS} < {*record}
        assert [2, True] == [record["net"][0]["rounds"], record["quick"]]
        read = page.speed(path)
        assert read is not None
        assert {"add", "relu"} == {row.op for row in read.ops}
        assert [("hinge", NONE_OF_TORCH["hinge"])] == read.skipped
        assert {side for side in ENGINES if side != TORCH} == {row.side for row in read.mlp}
        command.main(["--quick", "--only", "graph", "--record", str(path)])
        again = json.loads(path.read_text())
        assert {name: record[name] for name in ("net", "ops", "memory")} == {
            name: again[name] for name in ("net", "ops", "memory")
        }
        with pytest.raises(SystemExit):
            command.main(["--only", "graph", "--record", str(path)])
    printed = capsys.readouterr()
    assert "chain of 5,000 nodes" in printed.out
    assert "the slowest ops beside torch:" in printed.out
    assert "is of other code, versions or rounds: measure all parts" in printed.err


def test_a_slow_op_without_a_reason_is_told() -> None:
    """Nobody has to look for it."""
    timed = {OURS: {"ratio": [2.5, 2.6, 2.7]}, TORCH: {"ratio": [1, 1, 1]}}
    fast = {OURS: {"ratio": [0.5, 0.6, 0.7]}, TORCH: {"ratio": [1, 1, 1]}}
    rows = [{"op": "one", "forward": timed, "vjp": fast, "why": {}}]
    assert "one, forward: 2.60 × torch, not looked into yet" in command.summary({"ops": rows})
    rows[0]["why"] = {"forward": "a reason"}
    assert not [line for line in command.summary({"ops": rows}) if "looked into" in line]
