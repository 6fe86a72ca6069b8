"""While an op is verified torch has one thread; afterwards it has what it had."""

from __future__ import annotations

import sys

import pytest

from gradspec import Op, real, verify
from gradspec.threads import one_thread

torch = pytest.importorskip("torch")

THREADS = 3


@pytest.fixture(autouse=True)
def several() -> object:
    """A person who has set a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def test_one_thread_while_ops_are_verified() -> None:
    """However it is called; also where the op raises."""
    seen: list[int] = []

    def forward(x: object) -> object:
        seen.append(torch.get_num_threads())
        return x, None

    op = Op(name="same", forward=forward, vjp=lambda _, y_bar: (y_bar.copy(),), inputs={"x": real("n")})
    verify(op, examples=2)
    assert {1} == set(seen)
    assert torch.get_num_threads() == THREADS
    with pytest.raises(KeyError), one_thread(op):
        raise KeyError
    assert torch.get_num_threads() == THREADS


def test_torch_is_not_loaded_for_an_op_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import takes a second."""
    monkeypatch.delitem(sys.modules, "torch")
    op = Op(name="same", forward=lambda x: (x, None), vjp=lambda _, y_bar: (y_bar,), inputs={"x": real("n")})
    with one_thread(op):
        assert "torch" not in sys.modules
    monkeypatch.setitem(sys.modules, "torch", torch)


def test_a_broken_torch_is_left_to_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose libraries are missing raises OSError where it is imported."""

    def broken(_: str) -> object:
        raise OSError("libtorch.so: not found")

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr("gradspec.threads.import_module", broken)
    op = Op(
        name="same",
        forward=lambda x: (x, None),
        vjp=lambda _, y_bar: (y_bar,),
        inputs={"x": real("n")},
        torch="torch.abs",
    )
    with one_thread(op):
        pass
    monkeypatch.setitem(sys.modules, "torch", torch)
