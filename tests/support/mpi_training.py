"""A training for ``mpiexec``: dropout, augmentation, ragged batches, every rank its part. See tests/train/test_mpi.py.

python mpi_training.py RESULT.npz float64 [--raise-on RANK] [--kill RANK] [--interrupt RANK]

An interrupted training leaves RESULT.state.safetensors; where that lies, it goes on.
"""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.data.transforms import Augmentation, RandomHorizontalFlip, RandomShift
from tinyconv.optim import lr_scheduler
from tinyconv.train import Batches, Callback, Preprocessing, Trainer, load_checkpoint, save_checkpoint
from tinyconv.train.parallel import DataParallel, check_alike, join_world, world

SAMPLES, BATCH, EPOCHS, TROUBLE = 67, 7, 5, 13
"""Ten batches an epoch, of 7 and of 6 samples, so 50 steps; in one of them there is trouble."""


class Losses(Callback):
    """Keeps the loss of each step, of the whole batch; and makes trouble in one of them."""

    def __init__(self, wanted: argparse.Namespace) -> None:
        self.losses: list[float] = []
        self.wanted = wanted

    def on_batch_end(self, trainer: Any, loss: float, images: int) -> None:
        self.losses.append(loss)
        if trainer.step == TROUBLE:
            if self.wanted.raise_on == world().rank:
                raise ValueError("a mistake on this process alone")
            if self.wanted.kill == world().rank:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.wanted.interrupt == world().rank:
                os.kill(os.getpid(), signal.SIGINT)


def network() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.2)),
        *(nn.Conv2d(6, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(32, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("result")
    parser.add_argument("dtype")
    for trouble in ("--raise-on", "--kill", "--interrupt"):
        parser.add_argument(trouble, type=int)
    wanted = parser.parse_args()
    communicator = join_world()
    random = np.random.default_rng(0)
    images = random.random((SAMPLES, 1, 8, 8)).astype(np.float32)
    labels = np.arange(SAMPLES) % 3
    images[labels == 1, :, :4] *= 0.3  # dark above, or dark below, or neither
    images[labels == 2, :, 4:] *= 0.3
    tc.manual_seed(communicator.rank)  # other weights on each: all get those of the first
    model = nn.SyncBatchNorm.convert_sync_batchnorm(network())
    tc.manual_seed(1)
    preprocessing = Preprocessing.fit(images)
    if wanted.dtype == "float64":
        model, images = model.double(), images.astype(np.float64)
    part = {"rank": communicator.rank, "ranks": communicator.ranks}
    augmentation = Augmentation([RandomHorizontalFlip(), RandomShift(1)], 3)
    train = Batches(images, labels, BATCH, preprocessing, augmentation=augmentation, shuffle=True, mixup=0.2, **part)
    test = Batches(images[:20], labels[:20], BATCH, preprocessing, **part)
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-3)
    losses = Losses(wanted)
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(label_smoothing=0.1),
        optimizer,
        lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=50),
        [losses],
        clip_norm=1.0,
        communicator=DataParallel(communicator, bucket_bytes=2000),
    )
    state = Path(wanted.result).with_suffix(".state.safetensors")
    if state.exists():
        trainer.load_state_dict(load_checkpoint(state))
    try:
        trainer.fit(train, test, EPOCHS - trainer.epoch)
    except KeyboardInterrupt:
        check_alike(np.array([trainer.step]), communicator, "another step", "all stop at the same one")
        if communicator.rank == 0:
            save_checkpoint(state, trainer.state_dict())
    if communicator.rank == 0:
        state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        records = [(r.train_loss, r.train_accuracy, r.test_loss, r.test_accuracy) for r in trainer.history]
        np.savez(wanted.result, losses=losses.losses, records=records, outcome=trainer.outcome, **state)


main()
