"""Train a network of two convolutions on handwritten digits: an ordinary PyTorch script.

    python examples/mnist_style.py

As it stands it needs PyTorch. With its imports renamed it trains with tinyconv, and nothing else changes: the README
has a command that does it, and compare_curves.py renames, runs and compares.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, Sampler


class Net(nn.Module):
    def __init__(self, dropout=True):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, 1)
        self.conv2 = nn.Conv2d(16, 32, 3, 1, padding=1)
        self.dropout1 = nn.Dropout(0.25 if dropout else 0.0)
        self.dropout2 = nn.Dropout(0.5 if dropout else 0.0)
        self.fc1 = nn.Linear(288, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(x)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.fc1(x)
        x = F.relu(x)
        x = self.dropout2(x)
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


class Digits(Dataset):
    """The 1,797 digits of 8 x 8 pixels that scikit-learn carries; every fifth one is held out for testing."""

    def __init__(self, train, transform=None):
        digits = load_digits()
        chosen = (np.arange(len(digits.target)) % 5 != 0) == train
        self.images, self.targets = digits.images[chosen], digits.target[chosen]
        self.transform = transform

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        image = self.images[index]
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.targets[index])


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image


class ToTensor:
    def __init__(self, dtype):
        self.dtype = dtype

    def __call__(self, image):
        return torch.from_numpy(image).to(self.dtype).unsqueeze(0) / 16


class Normalize:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, image):
        return (image - self.mean) / self.std


class NumpyOrder(Sampler):
    """A new order in every epoch, drawn with NumPy: the same in every library."""

    def __init__(self, length, seed):
        self.length, self.generator = length, np.random.default_rng(seed)

    def __iter__(self):
        return iter(self.generator.permutation(self.length).tolist())

    def __len__(self):
        return self.length


def initialize_with_numpy(model, seed):
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            bound = 1 / np.sqrt(parameter[0].numel()) if name.endswith("weight") else 0.1
            parameter.copy_(torch.from_numpy(generator.uniform(-bound, bound, tuple(parameter.shape))))


def train(args, model, device, train_loader, optimizer, epoch, losses):
    model.train()
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if batch_idx % args.log_interval == 0:
            done = batch_idx * len(data)
            print(f"Train Epoch: {epoch} [{done}/{len(train_loader.dataset)}]\tLoss: {loss.item():.6f}")


def test(model, device, test_loader):
    model.eval()
    test_loss = 0
    correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    count = len(test_loader.dataset)
    accuracy = 100.0 * correct / count
    print(f"Test set: Average loss: {test_loss / count:.4f}, Accuracy: {correct}/{count} ({accuracy:.1f}%)")
    return accuracy


def main():
    parser = argparse.ArgumentParser(description="Digits with two convolutions")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--test-batch-size", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--gamma", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--num-workers", type=int, default=2)
    parser.add_argument("--log-interval", type=int, default=10)
    parser.add_argument("--no-dropout", action="store_true")
    parser.add_argument("--double", action="store_true", help="train in float64")
    parser.add_argument("--numpy-random", action="store_true", help="draw initial weights and orders with NumPy")
    parser.add_argument("--save-model", metavar="FILE", help="write the weights, and read them back")
    parser.add_argument("--record", metavar="FILE", help="write the loss of every step and the accuracies as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float64 if args.double else torch.float32

    transform = Compose([ToTensor(dtype), Normalize(0.3053, 0.3761)])
    train_data, test_data = Digits(True, transform), Digits(False, transform)
    order = {"sampler": NumpyOrder(len(train_data), args.seed)} if args.numpy_random else {"shuffle": True}
    workers = {"num_workers": args.num_workers, "pin_memory": torch.cuda.is_available()}
    train_loader = DataLoader(train_data, batch_size=args.batch_size, **order, **workers)
    test_loader = DataLoader(test_data, batch_size=args.test_batch_size, **workers)

    model = Net(dropout=not args.no_dropout).to(device, dtype)
    if args.numpy_random:
        initialize_with_numpy(model, args.seed)
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)

    losses, accuracies = [], []
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, train_loader, optimizer, epoch, losses)
        accuracies.append(test(model, device, test_loader))
        scheduler.step()

    if args.save_model:
        torch.save(model.state_dict(), args.save_model)
        restored = Net().to(device, dtype)
        restored.load_state_dict(torch.load(args.save_model, map_location=device, weights_only=True))
        accuracies.append(test(restored, device, test_loader))
    if args.record:
        Path(args.record).write_text(json.dumps({"losses": losses, "accuracies": accuracies}))


if __name__ == "__main__":
    main()
