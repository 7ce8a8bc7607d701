"""Every network of the zoo as published, written as an ONNX file: what ONNX Runtime makes of it, and read back.

Weights and running statistics are drawn so that something of the images arrives at the end. Differences are the largest
of all logits, relative to the largest logit, on images of another number than the file was written with; ONNX Runtime
computes in float32 as we do, so they are roundings.
"""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.report import keep

IMAGES = 3


@click.command("export", help=__doc__)
@click.option("--only", metavar="WORDS", help="Networks whose names have one of these words, as 'resnet vgg16'.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(only: str | None, out: Path | None) -> None:
    """Print a line for each network as it comes, then the table."""
    from tinyconv.models import registry

    rows = []
    for name in registry.names():
        if only and not any(word in name for word in only.lower().split()):
            continue
        rows.append(row_of(name))
        click.echo(f"{time.strftime('%H:%M:%S')} " + " ".join(f"{key} {value}" for key, value in rows[-1].items()))
        gc.collect()
    if not rows:
        raise click.UsageError(f"no network has one of the words {only!r}")
    Console(width=120).print(table(rows))
    keep(out, "export", rows, images=IMAGES)


def row_of(name: str) -> dict[str, Any]:
    """Write, run and read back one network."""
    import onnxruntime

    import tinyconv as tc
    from tinyconv.interop.onnx import export, load
    from tinyconv.models import registry

    tc.manual_seed(0)
    in_channels, classes, size = registry.published(name)
    model = registry.build(name, in_channels, classes, size)
    x = np.random.default_rng(0).standard_normal((IMAGES, in_channels, *size)).astype(np.float32)
    settle(model, tc.tensor(x))
    with tc.no_grad(), tc.set_float32_precision("exact"):
        expected = logits_of(model(tc.tensor(x)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.onnx"
        written = export(model, tc.zeros(2, in_channels, *size), file)
        megabytes = file.stat().st_size / 1e6
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        theirs = session.run(None, {"images": x})[0]
        del session
        with tc.no_grad(), tc.set_float32_precision("exact"):
            again = logits_of(load(file)(tc.tensor(x)))
    return {
        "name": name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "operators": written.operators,
        "megabytes": round(megabytes, 1),
        "onnx_runtime": difference(theirs, expected),
        "read_back": difference(again, expected),
    }


def settle(model: Any, images: Any) -> None:
    """Make ``model`` one in which something of the images arrives at the end, and put it into evaluation mode.

    As networks with batch norm start, before any training, their logits would be the last biases and little else.
    """
    import tinyconv as tc

    draw = np.random.default_rng(0)
    norms = [module for module in model.modules() if isinstance(module, tc.nn.BatchNorm2d)]
    for module in model.modules() if norms else ():
        if isinstance(module, tc.nn.Conv2d | tc.nn.Linear):
            tc.nn.init.kaiming_normal_(module.weight)
    for norm in norms:
        norm.running_mean.array[...] = draw.uniform(-0.1, 0.1, norm.num_features)
        norm.running_var.array[...] = draw.uniform(0.8, 1.2, norm.num_features)
    if hasattr(model, "learn_unsupervised"):
        model.learn_unsupervised(images, lambda _: None)
    model.eval()


def logits_of(output: Any) -> np.ndarray:
    """The first of several outputs."""
    return np.asarray((output[0] if isinstance(output, tuple | list) else output).numpy())


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest, relative to the largest logit."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def table(rows: list[dict[str, Any]]) -> Table:
    """All networks."""
    found = Table(title="the zoo as ONNX files", header_style="bold")
    found.add_column("network")
    for heading in ("parameters", "operators", "MB", "ONNX Runtime", "read back"):
        found.add_column(heading, justify="right")
    for row in rows:
        found.add_row(
            row["name"],
            f"{row['parameters']:,}",
            str(row["operators"]),
            f"{row['megabytes']:.1f}",
            f"{row['onnx_runtime']:.1e}",
            f"{row['read_back']:.1e}",
        )
    worst = max(row["onnx_runtime"] for row in rows)
    found.caption = f"{len(rows)} networks; the largest difference from ONNX Runtime is {worst:.1e}"
    return found
