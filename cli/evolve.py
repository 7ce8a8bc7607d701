"""``tinyconv evolve``: how the feature maps of a run changed while it learned."""

from __future__ import annotations

from pathlib import Path

import click

from .options import WholeNumber, say


@click.command("evolve")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    default="*",
    show_default=True,
    metavar="PATTERNS",
    help="Layers by name, shell-style and separated by commas, as in 'conv*,pool2'.",
)
@click.option(
    "--format", "formats", default="html,gif", show_default=True, metavar="FORMATS", help="html, gif or both."
)
@click.option(
    "--image",
    type=WholeNumber(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Which of the recorded images the GIFs show; the page has them all.",
)
@click.option(
    "--scale",
    type=click.Choice(["shared", "channel", "layer"]),
    default="shared",
    show_default=True,
    help="One colour scale for all channels and epochs of a layer, one for each channel, or one for each epoch.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write.  [default: RUN/features/evolution]",
)
@click.option("--force", is_flag=True, help="Replace what is in the folder already.")
def command(run_folder: Path, layers: str, formats: str, image: int, scale: str, out: Path | None, force: bool) -> None:
    """Show how the feature maps of a few images changed along the training in the folder RUN.

    A page (evolution.html) with every recorded layer, image and epoch, a slider and a play button: one file that needs
    no network. And an animated GIF for each layer. The paths of the files written are printed.

    \b
    Examples:
      tinyconv evolve runs/0001
      tinyconv evolve runs/0001 --layers 'conv*' --format gif --image 2 --out films
    """
    from tinyconv.core.errors import RunError
    from tinyconv.features import write_evolution

    folder = out or run_folder / "features" / "evolution"
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise RunError(
            f"folder {folder} exists and is not empty; choose another (--out), or replace what it has (--force)"
        )
    write_evolution(
        run_folder,
        folder,
        patterns=[pattern.strip() for pattern in layers.split(",")],
        formats=[part.strip() for part in formats.split(",")],
        image=image,
        scale=scale,
        wrote=say,
    )
