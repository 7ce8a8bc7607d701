"""A loss or gradient that is not finite ends the training, and the error names where it began."""

from __future__ import annotations

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.train import Callback, Trainer

IMAGES = tc.from_numpy(np.random.default_rng(0).normal(size=(4, 1, 2, 2)).astype(np.float32))
LABELS = tc.tensor([0, 1, 0, 1])
DATA = [(IMAGES, LABELS)] * 3


class Inverse(nn.Module):
    def forward(self, x: tc.Tensor) -> tc.Tensor:
        return 1 / x


class Root(nn.Module):
    def forward(self, x: tc.Tensor) -> tc.Tensor:
        return x.sqrt()


def trainer(model: nn.Module, *callbacks: Callback, **options: object) -> Trainer:
    return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), None, callbacks, **options)


def network() -> nn.Sequential:
    tc.manual_seed(0)
    inner = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3))
    return nn.Sequential(nn.Flatten(), inner, nn.Linear(3, 2))


class Poisoning(Callback):
    """Makes one weight infinite after a step of the training."""

    def __init__(self, step: int, layer: nn.Linear) -> None:
        self.step, self.layer = step, layer

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        if trainer.step == self.step:
            self.layer.weight.data = self.layer.weight.detach() * float("inf")


def test_the_first_layer_in_the_order_of_the_forward_is_named_with_the_step() -> None:
    model = network()
    with pytest.raises(TinyconvError) as error:
        trainer(model, Poisoning(4, model[1][2])).fit(DATA, epochs=3)
    message = str(error.value)
    assert "at epoch 2, step 2 of 3 (5 of the training)" in message
    assert "the first layer whose output is not finite is 1.2 (Linear(in_features=3, out_features=3" in message
    assert "because 1.2.weight is not" in message
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_without_weights_is_named_and_what_is_inside_before_what_is_around() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.ReLU(), Inverse()), nn.Linear(4, 2))
    with pytest.raises(TinyconvError, match=r"whose output is not finite is 1\.1 \(Inverse\(\)\); lower"):
        trainer(model).fit(DATA)


@pytest.mark.parametrize("seed", range(4))
def test_the_second_forward_drops_out_what_the_first_did(seed: int) -> None:
    tc.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1), nn.Dropout(0.5), Inverse(), nn.Linear(1, 2))
    images = tc.ones(1, 1, 1, 1)
    with pytest.raises(TinyconvError, match=r"not finite is 3 \(Inverse"):
        trainer(model).fit([(images, tc.tensor([0]))] * 50)


def test_images_that_are_not_finite_are_named_first() -> None:
    with pytest.raises(TinyconvError, match="the images of this batch have values that are not finite themselves"):
        trainer(network()).fit([(IMAGES * float("nan"), LABELS)])


def rooted() -> nn.Sequential:
    """Finite forward; the root's slope at 0 is not."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False), Root(), nn.Linear(3, 2))
    model[1].weight.data = tc.zeros(3, 4)
    return model


def test_a_gradient_that_is_clipped_is_looked_at_before_the_step() -> None:
    model = rooted()
    message = (
        r"the gradients' norm became nan at epoch 1, step 1 of 3 \(1 of the training\); "
        r"backward came first to that of the weight of 1 \(Linear"
    )
    with pytest.raises(TinyconvError, match=message):
        trainer(model, clip_norm=1.0).fit(DATA)
    assert np.isfinite(model[1].weight.detach().numpy()).all()


def test_a_gradient_that_is_not_shows_in_the_next_forward() -> None:
    message = r"step 2 of 3 .*not finite is 1 \(Linear.*because 1\.weight is not; the gradient went wrong in the step"
    with pytest.raises(TinyconvError, match=message):
        trainer(rooted()).fit(DATA)


def test_held_out_data_are_searched_too_and_the_weights_that_are_evaluated() -> None:
    class Awkward(nn.Module):
        def forward(self, x: tc.Tensor) -> tc.Tensor:
            return x if self.training else 1 / (x * 0)

    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), Awkward())
    with pytest.raises(TinyconvError, match=r"held-out loss became nan after epoch 1; .* is 2 \(Awkward"):
        trainer(model).fit(DATA, DATA)
    assert model.training


def test_a_loss_alone_can_be_it() -> None:
    model = network()
    broken = Trainer(model, lambda *_: tc.tensor(float("inf")), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(TinyconvError, match="the outputs of all layers are finite, it is the loss that is not"):
        broken.fit(DATA)
