"""``tinyconv score``: which explanation methods to trust on a trained run, in a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .methods import chosen_methods, method_option
from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, shown_table, threads

if TYPE_CHECKING:
    from tinyconv.explain.scoring import PerturbationTrial, ScoreRecord
    from tinyconv.train import LoadedRun

REPLACEMENTS = ("grey", "noise")
SCORES_FILE, CURVES_FILE = "scores.json", "scores.png"


@click.command("score")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@method_option(default="all")
@click.option(
    "--data",
    metavar="NAME",
    help="Other images, named as in tinyconv train; their classes are matched by name.  [default: what RUN held out]",
)
@click.option(
    "--images",
    type=WholeNumber(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="How many images, of all classes in turn.",
)
@click.option(
    "--replace",
    default="grey",
    show_default=True,
    metavar="WHAT",
    help="By what regions are replaced: grey (the training's mean pixel), noise (as in the source; slow), or both.",
)
@click.option(
    "--region",
    type=WholeNumber(min=1),
    metavar="PIXELS",
    help="The side of a region.  [default: an eighth of the image]",
)
@click.option(
    "--steps", type=WholeNumber(min=1), metavar="N", help="How many regions are replaced.  [default: 16% of them]"
)
@click.option(
    "--draws", type=WholeNumber(min=1), default=10, show_default=True, metavar="N", help="Of noise, for each region."
)
@click.option(
    "--answer",
    type=click.Choice(["logit", "probability"]),
    default="logit",
    show_default=True,
    help="What falls: the class's score before the softmax, or after it.",
)
@click.option("--seed", type=WholeNumber(min=0), default=0, show_default=True, metavar="N", help="For what is drawn.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write.  [default: RUN/explanations/scores]",
)
@click.option("--force", is_flag=True, help="Measure anew what is in the folder already.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    methods: str,
    data: str | None,
    images: int,
    replace: str,
    region: int | None,
    steps: int | None,
    draws: int,
    answer: str,
    seed: int,
    out: Path | None,
    force: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Score explanation methods on the model trained in the folder RUN.

    AOPC: the regions of each image that a method calls most relevant are replaced, one after another, and the class's
    score falls; the faster, the better. AOPC is the mean fall over the steps, beside that for regions in random order,
    with the share of images on which the method does better, and the probability p of so much by chance (Wilcoxon's
    test). Shuffled: the rank correlation of a method's map with that of the same network when the weights in the upper
    half of its layers are shuffled; near 1, the map shows the image, not what was learnt.

    Writes scores.json and scores.png. What is there already is kept: methods can be measured one by one.

    \b
    Examples:
      tinyconv score runs/0001
      tinyconv score runs/0001 --method gradient,grad-cam,lrp-epsilon --images 200 --replace grey,noise
    """
    from tinyconv.core.devices import Device
    from tinyconv.explain.methods import run_options
    from tinyconv.explain.scoring import ScoreRecord, write_scores_png
    from tinyconv.train import load_run

    apply_threads(threads)
    names = chosen_methods(methods)
    kinds = _replacements(replace)
    run = load_run(run_folder, checkpoint, Device(device))
    options = {"side": region, "steps": steps, "draws": draws, "answer": answer, "seed": seed}
    subject, trials = _trials(run, data, images, kinds, options)
    folder = out or run.path / "explanations" / "scores"
    if force:
        (folder / SCORES_FILE).unlink(missing_ok=True)
    record = ScoreRecord(folder / SCORES_FILE, subject)
    told = {name: run_options(name, run.preprocessing, seed) for name in names}
    refused = {}
    with announce_compilation():
        for method, found in record.add(trials, names, told):
            if isinstance(found, str):
                refused[method] = found
            else:
                say(f"{method}: {found.seconds:.1f} s for the maps", err=True)
    say(_table(record, names, kinds))
    for method, reason in refused.items():
        say(f"{method} cannot explain this model: {reason}")
    say(folder / SCORES_FILE)
    if record.methods:
        say(write_scores_png(folder / CURVES_FILE, record))


def _replacements(text: str) -> list[str]:
    kinds = list(dict.fromkeys(part.strip() for part in text.split(",")))
    wrong = [kind for kind in kinds if kind not in REPLACEMENTS]
    if wrong:
        raise click.UsageError(
            f"--replace {wrong[0]!r} does not exist: write grey, noise or grey,noise", click.get_current_context()
        )
    return kinds


def _trials(
    run: LoadedRun, data: str | None, count: int, kinds: list[str], options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, PerturbationTrial]]:
    """What is scored, in words, and the trials by what regions are replaced by."""
    import numpy as np

    from tinyconv.explain.scoring import PerturbationTrial
    from tinyconv.features import choose_probes
    from tinyconv.train import held_out_images, other_images

    judged = held_out_images(run) if data is None else other_images(run, data)
    chosen = sorted(choose_probes(judged.labels, count))
    pixels = judged.images[chosen]
    images = np.ascontiguousarray(run.preprocessing.normalize(pixels), np.float32)
    targets = run.logits(pixels).argmax(axis=1)
    black, white = (np.array(bound)[:, None, None] for bound in run.preprocessing.bounds())
    # The normalisation makes the mean pixel of the training 0.
    replaced: dict[str, dict[str, Any]] = {"grey": {"fill": 0.0}, "noise": {"noise": (black, white)}}
    trials = {kind: PerturbationTrial(run.model, images, targets, **replaced[kind], **options) for kind in kinds}
    first = trials[kinds[0]]
    subject = {
        "run": run.path.name,
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "epoch": run.epoch,
        "data": judged.source,
        "images": len(chosen),
        "predicted_right": float((targets == judged.labels[chosen]).mean()),
        "regions": first.regions.count,
        **options,
        "side": first.regions.side,
        "steps": first.length,
    }
    return subject, trials


def _table(record: ScoreRecord, names: list[str], kinds: list[str]) -> str:
    rows = []
    for name in names:
        row = record.methods.get(name)
        if row is not None:
            cells = [cell for kind in kinds if kind in row for cell in _cells(row[kind])]
            flag = " insensitive" if row["insensitive_to_the_weights"] else ""
            shuffled = f"{row['correlation_with_upper_half_shuffled']:.2f}{flag}"
            rows.append((name, *cells, shuffled))
    titles = [title for kind in kinds for title in (f"AOPC, {kind}", "random", "better on", "p")]
    subject = record.subject
    what = (
        f"{subject['images']} images of {subject['data']}, {subject['run']} ({subject['checkpoint']}, epoch "
        f"{subject['epoch']}); {subject['steps']} of {subject['regions']} regions of {subject['side']}x"
        f"{subject['side']} pixels replaced; AOPC: mean fall of the {subject['answer']}"
    )
    return what + "\n" + shown_table(("method", *titles, "shuffled"), rows, "l" + "rrrr" * len(kinds) + "l")


def _cells(score: dict[str, Any]) -> tuple[str, str, str, str]:
    p = score["p_value"]
    error = "" if score["standard_error"] is None else f" ± {score['standard_error']:.2f}"
    return (
        f"{score['aopc']:.2f}{error}",
        f"{score['random']:.2f}",
        f"{100 * score['share_better_than_random']:.0f}%",
        "" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}",
    )
