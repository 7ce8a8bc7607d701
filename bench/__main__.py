"""`python -m bench`: one subcommand per kind of measurement."""

from __future__ import annotations

import importlib

import click

SUITES = {
    "conv": "Single convolutions, forward and both gradients, beside PyTorch and NumPy.",
    "layers": "Pooling, normalisation, activations, losses, optimiser steps, beside PyTorch.",
    "step": "Whole training steps, beside PyTorch and torch.compile.",
    "inference": "Trained networks on new images, beside ONNX Runtime and PyTorch.",
    "threads": "What more threads bring.",
    "scaling": "Speed over batch and image size, beside PyTorch.",
    "memory": "The peak memory of training steps, beside PyTorch.",
    "startup": "How long a user waits before anything happens.",
    "error": "The error of every convolution against float64.",
    "accuracy": "Held-out accuracy over several seeds, beside a linear classifier.",
    "faces": "Faces of LFW: held-out accuracy, beside PyTorch and eigenfaces + SVM.",
    "export": "The zoo as ONNX files, run by ONNX Runtime and read back.",
    "onnx": "ONNX's own cases for its operators: how many pass, fail, and are refused.",
    "zoo": "Every network of the zoo as published: one training step beside PyTorch; 32 images learnt by heart.",
    "leak": "Memory over many training steps.",
    "memory-flat": "Memory over a whole training, with everything that a run does.",
    "kills": "A training that is killed again and again, and resumed: bit for bit as if it had not been.",
    "communication": "Several processes under mpiexec, and a model of many machines.",
    "harness": "The harness itself: equal sides must give 1.",
    "cuda": "Every kernel on a GPU, against float64 and beside PyTorch.",
}


class Bench(click.Group):
    """Loads a measurement when it is asked for: peers take seconds to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUITES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUITES:
            raise click.UsageError(f"no measurement {cmd_name!r}; there are {', '.join(SUITES)}", ctx)
        found: click.Command = importlib.import_module(f"bench.suites.{cmd_name.replace('-', '_')}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Measurements"):
            formatter.write_dl(list(SUITES.items()))


@click.command(cls=Bench, context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Measure tinyconv. Each command prints a table; with --out it also writes one JSON file."""


if __name__ == "__main__":
    bench(prog_name="python -m bench")
