"""R11, figures 3–5: of step size, momentum and batch size of SGD on a small CNN, the step size decides.

The study's CNN (two convolutions with pooling, three affine layers, ReLU) on pictures of 3 x 32 x 32 in [-1, 1],
trained by SGD on the mean cross-entropy of a batch. Scientific: lr {0.0005, 0.001, 0.01} x momentum {0.9, 0.95} x batch
{8, 32, 64}, 10 epochs, nothing else tuned. The study names the best of 18 on the test set; here validation chooses, and
the test accuracy that is reported is that of the chosen one. The study used CIFAR-10; where no pictures are given, the
runs are on drawn ``shapes``, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from statistics import fmean
from typing import Any

from experiments.claims import Claim, Expect
from experiments.config import NET, Config
from experiments.experiment import Experiment, Grid, Picture
from experiments.measures import best_accuracy, final_accuracy, restlessness, test_accuracy_at_best

RATES, MOMENTA, BATCHES = (0.0005, 0.001, 0.01), (0.9, 0.95), (8, 32, 64)
SIMILAR_ACCURACY = 0.01
"""Accuracies closer than one percentage point are called similar, as in R10; the study speaks of 0.001."""
BEST = (0.001, 0.95)
"""What the study found best: its lr and its momentum."""


def label(lr: float, momentum: float, batch_size: int) -> str:
    """A cell of the grid in words."""
    return f"lr {lr:g}, momentum {momentum:g}, batch {batch_size}"


VARIANTS: Mapping[str, Mapping[str, Any]] = {
    label(*cell): dict(zip(("lr", "momentum", "batch_size"), cell, strict=True))
    for cell in product(RATES, MOMENTA, BATCHES)
}


def cells(rates: Iterable[float] = RATES, momenta: Iterable[float] = MOMENTA) -> tuple[str, ...]:
    """The labels of all cells with these settings, for every batch size."""
    return tuple(label(*cell) for cell in product(rates, momenta, BATCHES))


def per_pair(values: Iterable[float]) -> float:
    """Twice the mean of *values*: of a sum of two settings its mean over the batch sizes."""
    return 2 * fmean(values)


def compared(of: Iterable[str], against: Iterable[str]) -> Mapping[str, Any]:
    """The sides of a claim about these cells, and what they are for one batch size alone."""
    sides = tuple(of), tuple(against)
    return {
        "of": sides[0],
        "against_of": sides[1],
        "parts": {f"batch {size}": tuple(_with_batch(size, side) for side in sides) for size in BATCHES},
    }


def _with_batch(size: int, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if VARIANTS[name]["batch_size"] == size)


_WORST = "validation accuracy after the last epoch, mean over momenta and batch sizes"

CNN_GRID = Experiment(
    name="cnn_grid",
    row="R11",
    title="Step size, momentum and batch size of a CNN",
    question=(
        "Which step size, momentum and batch size train the study's CNN best in ten epochs, and how much does each of "
        "them matter? All 18 combinations; nothing else differs."
    ),
    base=Config(
        experiment="cnn_grid",
        dataset="shapes",
        train_points=10_000,
        validation_points=2_000,
        test_points=2_000,
        epochs=10,
        batch_size=8,
        lr=0.001,
        momentum=0.9,
        reduction="mean",
        dtype="float32",
        **NET,
    ),
    variants=VARIANTS,
    tuned={"the best of all": tuple(VARIANTS)},
    grid=Grid(rows="lr", columns="momentum", panels="batch_size"),
    remark=(
        "Settings with one lr / (1 − momentum), the length of all steps that a gradient causes in the end, learn "
        "nearly alike: the line of lr 0.0005 with momentum 0.95 lies on that of lr 0.001 with momentum 0.9."
    ),
    seeds=(0, 1, 2, 3, 4),
    quick_seeds=(0,),
    quick={"epochs": 2, "train_points": 1_000, "validation_points": 400, "test_points": 400},
    pictures=(
        Picture(figure=3, title="Training accuracy", measure="train_accuracy"),
        Picture(figure=4, title="Test accuracy", measure="test_accuracy"),
        Picture(figure=5, title="Training loss", measure="loss_epoch_mean", dotted="loss_running_mean"),
    ),
    claims=(
        *(
            Claim(
                text="lr 0.01 is worst: the step is too large.",
                measured=_WORST,
                measure=final_accuracy,
                variant="lr 0.01",
                against=f"lr {other:g}",
                **compared(cells([0.01]), cells([other])),
                expect=Expect.LOWER,
            )
            for other in (0.001, 0.0005)
        ),
        Claim(
            text="The best is lr 0.001 with momentum 0.95.",
            measured="test accuracy of the batch size (and setting) and epoch that validation chooses for each side",
            measure=test_accuracy_at_best,
            choose=best_accuracy,
            variant="lr 0.001, momentum 0.95",
            against="the best of all other settings",
            of=cells([BEST[0]], [BEST[1]]),
            against_of=tuple(name for name in cells() if name not in cells([BEST[0]], [BEST[1]])),
            expect=Expect.HIGHER,
        ),
        Claim(
            text="Momentum matters little at lr 0.001.",
            measured="validation accuracy after the last epoch, mean over batch sizes",
            measure=final_accuracy,
            variant="momentum 0.95",
            against="momentum 0.9",
            **compared(cells([0.001], [0.95]), cells([0.001], [0.9])),
            expect=Expect.SIMILAR,
            margin=SIMILAR_ACCURACY,
        ),
        Claim(
            text="At lr 0.001 the lower momentum is more volatile.",
            measured="scatter of test accuracy about a line in the second half of the epochs, mean over batch sizes",
            measure=restlessness,
            variant="momentum 0.9",
            against="momentum 0.95",
            **compared(cells([0.001], [0.9]), cells([0.001], [0.95])),
            expect=Expect.HIGHER,
        ),
        Claim(
            text="Momentum matters more at lr 0.0005.",
            measured="gain in last validation accuracy by momentum 0.95 over 0.9, mean over batch sizes",
            measure=final_accuracy,
            variant="lr 0.0005",
            against="lr 0.001",
            **compared(
                cells([0.0005], [0.95]) + cells([0.001], [0.9]), cells([0.0005], [0.9]) + cells([0.001], [0.95])
            ),
            combine=per_pair,
            expect=Expect.HIGHER,
        ),
    ),
)
