"""Layers, training, checkpoints and feature maps on a GPU, beside the same on the CPU."""

import copy
import io

import numpy as np
import pytest
from device_arrays import DeviceArray, synchronisations
from stand_in import cuda_without_gpu

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.features import capture, feature_extractor
from tinyconv.models.summary import summary
from tinyconv.models.zoo import facenet, lenet
from tinyconv.train import Batches, Callback, Preprocessing, Trainer, steps


@pytest.fixture(autouse=True)
def device(exact):
    with cuda_without_gpu():
        yield


def network():
    tc.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


def batches(count=4, size=5):
    random = np.random.default_rng(0)
    return [
        (tc.tensor(random.standard_normal((size, 1, 8, 8)).astype(np.float32)), tc.tensor(random.integers(0, 3, size)))
        for _ in range(count)
    ]


def moved(list_):
    return [tuple(part.to("cuda") for part in batch) for batch in list_]


# --- layers ---------------------------------------------------------------------------------------------------------


def test_a_module_moves_with_its_buffers_and_gradients_and_keeps_its_parameters():
    model = network()
    weight = model[0].weight
    model(batches()[0][0]).sum().backward()
    assert model.to("cuda") is model
    assert model[0].weight is weight
    assert all(tensor.is_cuda for tensor in model.state_dict().values())
    assert all(parameter.grad.is_cuda for parameter in model.parameters())
    model.cpu()
    assert not any(tensor.is_cuda for tensor in model.state_dict().values())


def test_layers_can_be_made_on_the_device_with_the_numbers_that_they_have_on_the_cpu():
    for make in (
        lambda device: nn.Conv2d(2, 3, 3, device=device),
        lambda device: nn.Linear(4, 5, device=device),
        lambda device: nn.BatchNorm2d(3, device=device),
        lambda device: nn.LayerNorm(4, device=device),
    ):
        tc.manual_seed(5)
        here = make("cpu").state_dict()
        tc.manual_seed(5)
        there = make("cuda").state_dict()
        for name, value in there.items():
            assert value.is_cuda
            np.testing.assert_array_equal(value.cpu().numpy(), here[name].numpy())


def test_hooks_see_tensors_of_the_device():
    model, seen = network().to("cuda"), []
    model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.is_cuda))
    model[0].register_full_backward_hook(lambda module, given, arrived: seen.append(arrived[0].is_cuda))
    model[0].weight.register_hook(lambda gradient: seen.append(gradient.is_cuda))
    x = batches()[0][0].to("cuda").requires_grad_()
    model(x).sum().backward()
    assert seen == [True, True, True]
    assert x.grad.is_cuda


def test_evaluation_in_rows_of_prepared_and_fused_layers():
    x = batches()[0][0]
    here, there = network().eval(), network().to("cuda").eval()
    with tc.no_grad():
        for _ in range(3):  # the third call is the first that a prepared row answers
            np.testing.assert_allclose(there(x.to("cuda")).cpu().numpy(), here(x).numpy(), atol=1e-6)
    fused = nn.utils.fuse_conv_bn_eval(there[0], there[1])
    assert fused.weight.is_cuda
    np.testing.assert_allclose(
        fused(x.to("cuda")).detach().cpu().numpy(), here[1](here[0](x)).detach().numpy(), atol=1e-5
    )


def test_a_copy_of_a_model_stays_on_the_device():
    copied = copy.deepcopy(network().to("cuda"))
    assert all(tensor.is_cuda for tensor in copied.state_dict().values())


# --- training -------------------------------------------------------------------------------------------------------


def trained(device, make_optimizer, steps=4, clip=None):
    model = network().to(device)
    optimizer = make_optimizer(model.parameters())
    losses = []
    tc.manual_seed(2)
    for images, labels in batches(steps) if device == "cpu" else moved(batches(steps)):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        if clip:
            losses.append(float(clip(model.parameters())))
        optimizer.step()
        losses.append(float(loss.item()))
    return model, optimizer, losses


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_comes_to_the_losses_of_the_cpu(name):
    here, _, expected = trained("cpu", OPTIMIZERS[name])
    there, optimizer, losses = trained("cuda", OPTIMIZERS[name])
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name_, value in there.state_dict().items():
        np.testing.assert_allclose(value.cpu().numpy(), here.state_dict()[name_].numpy(), rtol=1e-3, atol=1e-5)
    moments = [value for state in optimizer.state.values() for value in state.values() if value is not None]
    assert all(value.is_cuda or value.shape == () for value in moments)


@pytest.mark.parametrize("kind", [2.0, 1.0, float("inf")])
def test_gradients_are_clipped_as_on_the_cpu(kind):
    clip = lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.5, kind)  # noqa: E731
    _, _, expected = trained("cpu", OPTIMIZERS["SGD"], clip=clip)
    _, _, losses = trained("cuda", OPTIMIZERS["SGD"], clip=clip)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_training_step_waits_for_nothing(name):
    """Forward, loss, backward, clipping and step are handed to the GPU; the host waits when it asks for the loss."""
    model = network().to("cuda")
    optimizer = OPTIMIZERS[name](model.parameters())
    for number, (images, labels) in enumerate(moved(batches(3))):
        with synchronisations() as waits:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        assert waits == [], f"step {number}"
    with synchronisations() as waits:
        loss.item()
    assert len(waits) == 1


@pytest.mark.parametrize(("first", "second"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_checkpoint_goes_on_on_the_other_device(first, second):
    model, optimizer, _ = trained(first, OPTIMIZERS["Adam"])
    file = io.BytesIO()
    tc.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    saved = tc.load(io.BytesIO(file.getvalue()))
    results = {}
    for device in (first, second):
        again = network().to(device)
        again.load_state_dict(saved["model"])
        optimizer = OPTIMIZERS["Adam"](again.parameters())
        optimizer.load_state_dict(saved["optimizer"])
        images, labels = (part.to(device) for part in batches(1)[0])
        tc.manual_seed(9)
        nn.functional.cross_entropy(again(images), labels).backward()
        optimizer.step()
        results[device] = {name: value.cpu().numpy() for name, value in again.state_dict().items()}
        kinds = {type(value.array) for value in again.state_dict().values()}
        assert kinds == {DeviceArray if device == "cuda" else np.ndarray}
    for name, value in results[second].items():
        np.testing.assert_allclose(value, results[first][name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_trainer_trains_and_evaluates_on_the_device():
    random = np.random.default_rng(0)
    images, labels = random.random((12, 1, 8, 8)).astype(np.float32), random.integers(0, 3, 12)
    preprocessing = Preprocessing.fit(images)
    records = {}
    for device in ("cpu", "cuda"):
        model = network().to(device)
        optimizer = optim.SGD(model.parameters(), lr=0.05)
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=9)
        trainer = Trainer(model, nn.CrossEntropyLoss(label_smoothing=0.1), optimizer, schedule)
        tc.manual_seed(4)
        source = Batches(images, labels, 4, preprocessing, shuffle=True, device=tc.device(device))
        records[device] = trainer.fit(source, source, epochs=3)
        assert trainer.evaluation.samples == 12
    for here, there in zip(records["cpu"], records["cuda"], strict=True):
        np.testing.assert_allclose(there.train_loss, here.train_loss, rtol=1e-4)
        np.testing.assert_allclose(there.test_loss, here.test_loss, rtol=1e-4)


def test_the_loss_of_a_step_is_read_when_the_next_was_started_and_every_one_is_told(monkeypatch):
    moments = []

    class Loss(nn.CrossEntropyLoss):
        def forward(self, scores, labels):
            moments.append("forward")
            return super().forward(scores, labels)

    class Notes(Callback):
        def on_batch_end(self, trainer, loss, images):
            moments.append(f"told {images}")

    original = steps.on_its_way

    def on_its_way(array):
        wait = original(array)
        return lambda: moments.append("read") or wait()

    monkeypatch.setattr(steps, "on_its_way", on_its_way)
    model = network().to("cuda")
    trainer = Trainer(model, Loss(), optim.SGD(model.parameters(), lr=0.1), callbacks=[Notes()])
    trainer.fit([batch for size in (5, 4, 3) for batch in moved(batches(1, size))])
    both = ["read", "read"]  # the loss and the hits
    assert moments == [
        *("forward", "forward"), *both, "told 5", "forward", *both, "told 4", *both, "told 3",
    ]  # fmt: skip


def test_a_class_outside_the_range_makes_the_loss_nan_and_one_that_is_left_out_does_not():
    scores = tc.tensor(np.random.default_rng(0).standard_normal((4, 3)), device="cuda", requires_grad=True)
    loss = nn.functional.cross_entropy(scores, tc.tensor([0, -100, 2, 1], device="cuda"))
    expected = nn.functional.cross_entropy(scores.detach().cpu(), tc.tensor([0, -100, 2, 1]))
    np.testing.assert_allclose(loss.item(), expected.item())
    wrong = nn.functional.cross_entropy(scores, tc.tensor([0, 3, 2, 1], device="cuda"))
    assert np.isnan(wrong.item())


# --- what a network learns ------------------------------------------------------------------------------------------


def test_feature_maps_are_arrays_of_the_host():
    x = batches()[0][0]
    found = {}
    for device in ("cpu", "cuda"):
        model = network().to(device)
        with capture(model) as found[device]:
            model(x.to(device))
        middle = feature_extractor(model, ["conv2"])(x.to(device))["conv2"]
        np.testing.assert_array_equal(middle, found[device]["conv2"])
    assert list(found["cuda"]) == list(found["cpu"])
    for name, maps in found["cuda"].items():
        assert isinstance(maps, np.ndarray)
        np.testing.assert_allclose(maps, found["cpu"][name], atol=1e-6)


def test_models_and_their_summaries():
    size = (1, 32, 32)
    for build in (lenet.LeNet, facenet.FaceNet):
        tc.manual_seed(0)
        here = build(1, 4, size[1:])
        there = copy.deepcopy(here).to("cuda")
        x = tc.tensor(np.random.default_rng(0).standard_normal((2, *size)).astype(np.float32))
        here.eval(), there.eval()
        np.testing.assert_allclose(there(x.to("cuda")).detach().cpu().numpy(), here(x).detach().numpy(), atol=1e-5)
        assert summary(there, size).to_dict() == summary(here, size).to_dict()
