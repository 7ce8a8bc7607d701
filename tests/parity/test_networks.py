"""Whole networks of the literature, and the habits of those who train them: step for step the numbers of PyTorch.

Every function of the tables is a script as one writes it for PyTorch; it is run with either library.
"""

# ruff: noqa: N803 - F is what scripts call torch.nn.functional

import copy

import numpy as np
import pytest

import tinyconv as tc

STEPS = 4


def numbers(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng([seed, *shape]).standard_normal(shape)


def filled(lib, model):
    """The model in float64, every weight the same for either library."""
    model = model.double()
    with lib.no_grad():
        for seed, parameter in enumerate(model.parameters()):
            scale = 1 / max(1, parameter[0].numel()) ** 0.5 if parameter.dim() > 1 else 0.3
            values = numbers(*parameter.shape, seed=seed, scale=scale)
            parameter.copy_(lib.tensor(values if parameter.dim() > 1 else values + 0.5, dtype=lib.float64))
    return model


def images(lib, *shape, seed=100):
    return lib.tensor(numbers(*shape, seed=seed))


def classes(lib, count, *shape):
    return lib.tensor(np.random.default_rng(1).integers(0, count, shape))


# --- networks: build(nn, F, lib) gives the model and the shape of a batch of its images ---


def lenet(nn, F, lib):
    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.c1 = nn.Conv2d(1, 6, 5, padding=2)
            self.c3 = nn.Conv2d(6, 16, 5)
            self.c5 = nn.Linear(16 * 3 * 3, 24)
            self.f6 = nn.Linear(24, 10)

        def forward(self, x):
            x = F.avg_pool2d(lib.tanh(self.c1(x)), 2)
            x = F.avg_pool2d(lib.tanh(self.c3(x)), 2)
            x = x.view(-1, 16 * 3 * 3)
            return F.log_softmax(self.f6(lib.tanh(self.c5(x))), dim=1)

    return LeNet(), (4, 1, 20, 20)


def vgg_block(nn, F, lib):
    layers = []
    for before, after in ((3, 6), (6, 8)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        layers += [
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.ReLU(True),
            nn.MaxPool2d(2, 2),
            nn.Dropout2d(0),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(8, 5)), (4, 3, 13, 12)


def resnet(nn, F, lib):
    class Block(nn.Module):
        def __init__(self, before, after, stride=1):
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(after)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(after)
            self.downsample = None
            if stride != 1 or before != after:
                self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

        def forward(self, x):
            identity = x
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            if self.downsample is not None:
                identity = self.downsample(x)
            out += identity
            return self.relu(out)

    stem = [nn.Conv2d(3, 6, 7, 2, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(8, 5)]
    return nn.Sequential(*stem, Block(6, 6), Block(6, 8, 2), *head), (4, 3, 17, 16)


def u_net(nn, F, lib):
    def double(before, after):
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(after), nn.ReLU(True),
            nn.Conv2d(after, after, 3, padding=1), nn.GroupNorm(2, after), nn.SiLU(True),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([double(2, 4), double(4, 6), double(6, 8)])
            self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
            self.right = nn.ModuleList([double(12, 6), double(10, 4)])
            self.last = nn.Conv2d(4, 3, 1)

        def forward(self, x):
            a = self.down[0](x)
            b = self.down[1](F.max_pool2d(a, 2))
            c = self.down[2](F.max_pool2d(b, 2))
            up = self.up(c)
            up = F.pad(up, (0, b.size(3) - up.size(3), 0, b.size(2) - up.size(2)))
            x = self.right[0](lib.cat([b, up], dim=1))
            x = F.interpolate(x, size=a.shape[2:], mode="bilinear", align_corners=False)
            x = self.right[1](lib.cat((a, x), 1))
            return F.adaptive_avg_pool2d(self.last(x), (1, 1)).squeeze(-1).squeeze(-1)

    return UNet(), (2, 2, 14, 11)


def dense_net(nn, F, lib):
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleDict()
            for number in range(3):
                width = 4 + 3 * number
                self.layers[f"layer{number}"] = nn.Sequential(
                    nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.Conv2d(width, 3, 3, padding=1, bias=False)
                )
            self.norm = nn.BatchNorm2d(13)
            self.classifier = nn.Linear(13, 5)

        def forward(self, x):
            found = [x]
            for layer in self.layers.values():
                found.append(layer(lib.cat(found, 1)))
            return self.classifier(F.relu(self.norm(lib.cat(found, 1))).mean((2, 3)))

    return Dense(), (3, 4, 9, 8)


def mobile_net(nn, F, lib):
    class SqueezeExcite(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.fc1, self.fc2 = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

        def forward(self, x):
            scale = F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1)), inplace=True)
            return x * F.hardsigmoid(self.fc2(scale), inplace=True)

    class Inverted(nn.Module):
        def __init__(self, channels, act):
            super().__init__()
            wide = 2 * channels
            self.conv = nn.Sequential(
                nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide, momentum=0.01), act(inplace=True),
                nn.Conv2d(wide, wide, 3, 1, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), act(inplace=True),
                SqueezeExcite(wide), nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels, eps=1e-3),
            )  # fmt: skip

        def forward(self, x):
            return x + self.conv(x)

    stem = [nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.Hardswish(inplace=True)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0, inplace=True), nn.Linear(4, 5)]
    return nn.Sequential(*stem, Inverted(4, nn.ReLU6), Inverted(4, nn.Hardswish), *head), (4, 3, 12, 13)


def conv_next(nn, F, lib):
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
            self.norm = nn.LayerNorm(width, eps=1e-6)
            self.pwconv1, self.pwconv2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
            self.gamma = nn.Parameter(0.1 * lib.ones(width))

        def forward(self, x):
            y = self.dwconv(x).permute(0, 2, 3, 1)
            y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(self.norm(y))))
            return x + y.permute(0, 3, 1, 2)

    return nn.Sequential(
        nn.Conv2d(3, 4, 2, 2), Block(4), Block(4), nn.Flatten(2), nn.AdaptiveMaxPool1d(1), nn.Flatten()
    ), (2, 3, 12, 14)


def shuffle_net(nn, F, lib):
    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(4, 4, 3, padding="same", groups=2), nn.InstanceNorm2d(4, affine=True), nn.PReLU(4)
            )

        def forward(self, x):
            a, b = x.chunk(2, dim=1)
            return F.channel_shuffle(lib.cat((a, self.branch(b)), 1), 2)

    return nn.Sequential(nn.PixelUnshuffle(2), Unit(), Unit(), nn.LPPool2d(2, 2), nn.Flatten(), nn.Linear(8 * 9, 5)), (
        3,
        2,
        12,
        12,
    )


def one_pixel(nn, F, lib):
    """A batch of one, maps of 1x1."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.GroupNorm(3, 6), nn.ELU(inplace=True), nn.Conv2d(6, 6, 1, groups=6),
        nn.LocalResponseNorm(3), nn.MaxPool2d(3, 1, 1), nn.Upsample(scale_factor=2),
        nn.ReflectionPad2d(1), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(24, 5),
    ), (1, 3, 1, 1)  # fmt: skip


NETWORKS = [lenet, vgg_block, resnet, u_net, dense_net, mobile_net, conv_next, shuffle_net, one_pixel]


# --- trainings: train(nn, F, lib) gives the numbers met on the way ---


def autoencoder(nn, F, lib):
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Conv2d(1, 4, 3, padding=1), nn.ConvTranspose2d(4, 1, 3, padding=1)
            self.pool, self.unpool = nn.MaxPool2d(3, 2, return_indices=True), nn.MaxUnpool2d(3, 2)

        def forward(self, x):
            x = F.relu(self.encode(x))
            code, places = self.pool(x)
            return self.decode(self.unpool(code, places, output_size=x.size())).sigmoid()

    model, x = filled(lib, Autoencoder()), images(lib, 3, 1, 10, 9)
    optimizer = lib.optim.ASGD(model.parameters(), lr=0.5, t0=1)
    for _ in range(STEPS):
        loss = F.mse_loss(model(x), x)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss


def gan(nn, F, lib):
    generator = filled(lib, nn.Sequential(
        nn.ConvTranspose2d(5, 6, 3, 1, 0, bias=False), nn.BatchNorm2d(6), nn.ReLU(True),
        nn.ConvTranspose2d(6, 2, 4, 2, 1, bias=False), nn.Tanh()))  # fmt: skip
    critic = filled(lib, nn.Sequential(
        nn.Conv2d(2, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(), nn.Linear(6, 1), nn.Sigmoid()))  # fmt: skip
    of_g = lib.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    of_d = lib.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.999))
    criterion, x = nn.BCELoss(), images(lib, 4, 2, 6, 6)
    real, made = lib.full((4,), 0.9, dtype=lib.float64), lib.zeros(4, dtype=lib.float64)
    for step in range(STEPS):
        critic.zero_grad()
        loss = criterion(critic(x).view(-1), real)
        loss.backward()
        fake = generator(images(lib, 4, 5, 1, 1, seed=step))
        other = criterion(critic(fake.detach()).view(-1), made)
        other.backward()
        of_d.step()
        generator.zero_grad()
        last = criterion(critic(fake).view(-1), real)
        last.backward()
        of_g.step()
        yield loss + other
        yield last


def wgan_gp(nn, F, lib):
    critic = filled(lib, nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1), nn.InstanceNorm2d(4, affine=True), nn.LeakyReLU(0.2), nn.Conv2d(4, 6, 3),
        nn.LayerNorm([6, 2, 2]),
        nn.SiLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 1)))  # fmt: skip
    optimizer = lib.optim.RMSprop(critic.parameters(), lr=1e-3)
    real, fake = images(lib, 3, 2, 8, 8), images(lib, 3, 2, 8, 8, seed=7)
    alpha = lib.tensor([0.2, 0.5, 0.9], dtype=lib.float64).view(3, 1, 1, 1).expand_as(real)
    for _ in range(STEPS):
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = critic(mixed)
        (slope,) = lib.autograd.grad(
            outputs=scores, inputs=mixed, grad_outputs=lib.ones_like(scores), create_graph=True, retain_graph=True
        )
        penalty = ((slope.reshape(3, -1).norm(2, dim=1) - 1) ** 2).mean()
        loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        yield loss
        yield penalty


def small(nn):
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


def accumulation_and_clipping(nn, F, lib):
    model, x, y = filled(lib, small(nn)), images(lib, 8, 2, 6, 6), classes(lib, 3, 8)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
    warm = lib.optim.lr_scheduler.LinearLR(optimizer, 0.2, total_iters=2)
    cosine = lib.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    schedule = lib.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[2])
    criterion = nn.CrossEntropyLoss(weight=lib.tensor([1.0, 2.0, 0.5], dtype=lib.float64), label_smoothing=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        for part, label in zip(x.split(3), y.split(3), strict=True):
            (criterion(model(part), label) / 3).backward()
        yield nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.2)
        nn.utils.clip_grad_value_(model.parameters(), 0.05)
        optimizer.step()
        schedule.step()
        yield optimizer.param_groups[0]["lr"]
        yield schedule.get_last_lr()[0]
        with lib.no_grad():
            yield criterion(model(x), y)


def moving_average_of_weights(nn, F, lib):
    model, x, y = filled(lib, small(nn)), images(lib, 5, 2, 6, 6), classes(lib, 3, 5)
    shadow = copy.deepcopy(model).eval()
    for parameter in shadow.parameters():
        parameter.requires_grad_(False)
    optimizer = lib.optim.NAdam(model.parameters(), lr=0.05)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        with lib.no_grad():
            for mean, now in zip(shadow.parameters(), model.parameters(), strict=True):
                mean.mul_(0.9).add_(now, alpha=0.1)
            for mean, now in zip(shadow.buffers(), model.buffers(), strict=True):
                mean.copy_(now)
        yield F.cross_entropy(shadow(x), y)
        assert not any(p.requires_grad or p.grad is not None for p in shadow.parameters())


def transfer_learning(nn, F, lib):
    model, x, y = filled(lib, small(nn)), images(lib, 5, 2, 6, 6), classes(lib, 4, 5)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model[5] = nn.Linear(model[5].in_features, 4)
    filled(lib, model)
    optimizer = lib.optim.SGD(
        [{"params": model[5].parameters()}, {"params": model[0].parameters(), "lr": 0.01}], lr=0.1
    )
    for step in range(2 * STEPS):
        if step == STEPS:  # thaw the first layer
            model[0].requires_grad_(True)
            optimizer.add_param_group({"params": list(model[1].parameters()), "momentum": 0.5, "lr": 0.02})
        model.train()
        model[1].eval()
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss


def grad_cam(nn, F, lib):
    model, x = filled(lib, small(nn)).eval(), images(lib, 2, 2, 7, 6)
    kept = {}
    forward = model[2].register_forward_hook(lambda module, inputs, output: kept.update(maps=output))
    backward = model[2].register_full_backward_hook(lambda module, inputs, outputs: kept.update(slope=outputs[0]))
    scores = model(x)
    model.zero_grad()
    scores.gather(1, scores.argmax(dim=1, keepdim=True)).sum().backward()
    weights = kept["slope"].mean(dim=(2, 3), keepdim=True)
    cam = F.relu((weights * kept["maps"]).sum(dim=1, keepdim=True))
    cam = F.interpolate(cam, x.shape[2:], mode="bilinear", align_corners=True)
    cam = (cam - cam.amin((2, 3), keepdim=True)) / (cam.amax((2, 3), keepdim=True) + 1e-8)
    yield from cam.detach().reshape(-1)
    forward.remove()
    backward.remove()
    kept.clear()
    model(x).sum().backward()
    assert not kept


def resumed_half_way(nn, F, lib):
    x, y = images(lib, 5, 2, 6, 6), classes(lib, 3, 5)

    def start():
        model = filled(lib, small(nn))
        optimizer = lib.optim.AdamW(model.parameters(), lr=0.02, amsgrad=True)
        return model, optimizer, lib.optim.lr_scheduler.CyclicLR(optimizer, 0.01, 0.03, 2, cycle_momentum=False)

    model, optimizer, schedule = start()
    for step in range(2 * STEPS):
        if step == STEPS:
            states = [copy.deepcopy(each.state_dict()) for each in (model, optimizer, schedule)]
            model, optimizer, schedule = start()
            for each, state in zip((model, optimizer, schedule), states, strict=True):
                each.load_state_dict(state)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss


TRAININGS = [
    autoencoder,
    gan,
    wgan_gp,
    accumulation_and_clipping,
    moving_average_of_weights,
    transfer_learning,
    grad_cam,
    resumed_half_way,
]


def run(train, lib):
    with np.errstate(all="ignore"):
        met = train(lib.nn, lib.nn.functional, lib)
        return [number if isinstance(number, float) else number.item() for number in met]


@pytest.mark.parametrize("train", TRAININGS, ids=lambda train: train.__name__)
def test_a_training_meets_the_same_numbers(train):
    torch = pytest.importorskip("torch")
    theirs = run(train, torch)
    assert np.isfinite(theirs).all()
    assert run(train, tc) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def record(build, lib):
    """The losses of some steps, then every number of the state, and what the network says in evaluation mode."""
    nn, F = lib.nn, lib.nn.functional
    model, shape = build(nn, F, lib)
    model = filled(lib, model)
    x = images(lib, *shape).requires_grad_()
    y = classes(lib, 3, shape[0])
    optimizer = lib.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for _ in range(STEPS):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    state = {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}
    return losses, x.grad.numpy(), state, model.eval()(x).detach().numpy()


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_network_trains_as_it_does_in_pytorch(build):
    torch = pytest.importorskip("torch")
    losses, slope, state, said = record(build, torch)
    ours = record(build, tc)
    assert len(set(losses)) == STEPS
    assert ours[0] == pytest.approx(losses, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(ours[1], slope, rtol=1e-8, atol=1e-9)
    assert list(ours[2]) == list(state)
    for name, values in state.items():
        np.testing.assert_allclose(ours[2][name], values, rtol=1e-8, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(ours[3], said, rtol=1e-8, atol=1e-9)
