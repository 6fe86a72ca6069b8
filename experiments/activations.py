"""R9, figure 1: ReLU improves accuracy faster at first than sigmoid, but has the higher loss.

An MLP with one hidden layer of 4 x input units, log-softmax and cross-entropy summed over the batch, trained by plain
SGD on ``synth``. Scientific: the activation. Fixed, as in the study: batch 128, 20 epochs, lr 0.01. No nuisance
parameter is tuned, so the claim is about these settings.
"""

from __future__ import annotations

from experiments.claims import Claim, Expect
from experiments.config import Config
from experiments.experiment import Experiment, Picture
from experiments.measures import final_loss, final_running_loss, first_accuracy

ACTIVATIONS = Experiment(
    name="activations",
    row="R9",
    title="Sigmoid against ReLU",
    question=(
        "Does the activation of a small MLP change how fast it learns and how far it gets? "
        "One hidden layer, plain SGD, and nothing but the activation differs."
    ),
    base=Config(experiment="activations"),
    variants={"sigmoid": {"activation": "sigmoid"}, "ReLU": {"activation": "relu"}},
    pictures=(
        Picture(
            figure=1,
            title="Training loss per point (logarithmic)",
            measure="loss_epoch_mean",
            dotted="loss_running_mean",
            logarithmic=True,
        ),
        Picture(figure=1, title="Validation accuracy", measure="validation_accuracy"),
    ),
    claims=(
        Claim(
            text="ReLU improves accuracy faster at first.",
            measured="validation accuracy after epoch 1",
            measure=first_accuracy,
            variant="ReLU",
            against="sigmoid",
            expect=Expect.HIGHER,
        ),
        Claim(
            text="ReLU has the higher loss.",
            measured="training loss, mean of the last epoch",
            measure=final_loss,
            variant="ReLU",
            against="sigmoid",
            expect=Expect.HIGHER,
        ),
        Claim(
            text="ReLU has the higher loss.",
            measured="training loss as the study plots it: running mean since the start",
            measure=final_running_loss,
            variant="ReLU",
            against="sigmoid",
            expect=Expect.HIGHER,
        ),
    ),
)
