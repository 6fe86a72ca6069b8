"""R12, figure 6: Adam is less stable than SGD on the test set.

The CNN of R11 with batch 32, trained by Adam and by SGD with momentum 0.9 on the mean cross-entropy. Scientific: the
optimizer. Tuned for each, with as many trials of one spacing: the step size, by the mean over seeds of the best
validation accuracy. Fixed: everything else, Adam's other numbers as their authors propose them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.claims import Claim, Expect
from experiments.config import NET, Config
from experiments.experiment import Experiment, Picture
from experiments.measures import lost_from_best, restlessness, test_accuracy_at_best

SGD_RATES, ADAM_RATES = (0.001, 0.003, 0.01, 0.03), (0.0003, 0.001, 0.003, 0.01)
SGD, ADAM = "SGD, tuned", "Adam, tuned"

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    **{f"SGD, lr {lr:g}": {"optimizer": "sgd", "momentum": 0.9, "lr": lr} for lr in SGD_RATES},
    **{f"Adam, lr {lr:g}": {"optimizer": "adam", "momentum": 0.0, "lr": lr} for lr in ADAM_RATES},
}

OPTIMIZERS = Experiment(
    name="optimizers",
    row="R12",
    title="Adam against SGD",
    question=(
        "Does Adam train the study's CNN as steadily as SGD with momentum, if the step size of each is tuned with "
        "equal care? Four step sizes for each; validation chooses one of them."
    ),
    base=Config(
        experiment="optimizers",
        dataset="shapes",
        train_points=10_000,
        validation_points=2_000,
        test_points=2_000,
        epochs=10,
        batch_size=32,
        lr=0.001,
        momentum=0.9,
        reduction="mean",
        dtype="float32",
        **NET,
    ),
    variants=VARIANTS,
    tuned={
        SGD: tuple(name for name in VARIANTS if name.startswith("SGD")),
        ADAM: tuple(name for name in VARIANTS if name.startswith("Adam")),
    },
    seeds=(0, 1, 2, 3, 4),
    quick_seeds=(0,),
    quick={"epochs": 2, "train_points": 1_000, "validation_points": 400, "test_points": 400},
    pictures=(
        Picture(figure=6, title="Test accuracy", measure="test_accuracy"),
        Picture(figure=6, title="Training loss", measure="loss_epoch_mean", logarithmic=True),
    ),
    claims=(
        Claim(
            text="Adam is less stable on the test set.",
            measured="scatter of test accuracy about a line in the second half of the epochs",
            measure=restlessness,
            variant=ADAM,
            against=SGD,
            expect=Expect.HIGHER,
        ),
        Claim(
            text="Adam is less stable on the test set.",
            measured="best test accuracy of any epoch minus that of the last",
            measure=lost_from_best,
            variant=ADAM,
            against=SGD,
            expect=Expect.HIGHER,
        ),
        Claim(
            text="Both get as far.",
            of_study=False,
            measured="test accuracy at the epoch that validation chooses",
            measure=test_accuracy_at_best,
            variant=ADAM,
            against=SGD,
            expect=Expect.SIMILAR,
            margin=0.01,
        ),
    ),
)
