"""R10, figure 2: with a residual connection the loss starts lower and drops faster; the final accuracy is similar.

An MLP with two hidden layers of equal width, with and without h2 = σ(W2 h1) + h1, trained as in R9. Scientific: the
connection. Fixed, as in the study: sigmoid, width 4 x input, batch 128, 20 epochs, lr 0.01.
"""

from __future__ import annotations

from experiments.claims import Claim, Expect
from experiments.config import Config
from experiments.experiment import Experiment, Picture
from experiments.measures import LOW_LOSS, epochs_to_low_loss, final_accuracy, first_loss, share_left

SIMILAR_ACCURACY = 0.01
"""Accuracies closer than one percentage point are called similar: the study's figure does not show less."""

RESIDUAL = Experiment(
    name="residual",
    row="R10",
    title="With and without a residual connection",
    question=(
        "Does adding the first hidden layer to the second, h2 = σ(W2 h1) + h1, make a small MLP learn faster? "
        "Two hidden layers of equal width, plain SGD, and nothing but the connection differs."
    ),
    base=Config(experiment="residual", layers=2),
    variants={"plain": {"residual": False}, "residual": {"residual": True}},
    pictures=(
        Picture(
            figure=2,
            title="Training loss per point (logarithmic)",
            measure="loss_epoch_mean",
            dotted="loss_running_mean",
            logarithmic=True,
        ),
        Picture(figure=2, title="Validation accuracy", measure="validation_accuracy"),
    ),
    claims=(
        Claim(
            text="The residual network starts at a lower loss.",
            measured="training loss, mean of epoch 1",
            measure=first_loss,
            variant="residual",
            against="plain",
            expect=Expect.LOWER,
        ),
        Claim(
            text="Its loss drops faster.",
            measured=f"epochs until the mean training loss is below {LOW_LOSS}",
            measure=epochs_to_low_loss,
            variant="residual",
            against="plain",
            expect=Expect.LOWER,
        ),
        Claim(
            text="Its loss drops faster.",
            measured="share of epoch 1's mean training loss that is left in epoch 2",
            measure=share_left,
            variant="residual",
            against="plain",
            expect=Expect.LOWER,
        ),
        Claim(
            text="The final accuracy is similar.",
            measured="validation accuracy after the last epoch",
            measure=final_accuracy,
            variant="residual",
            against="plain",
            expect=Expect.SIMILAR,
            margin=SIMILAR_ACCURACY,
        ),
    ),
)
