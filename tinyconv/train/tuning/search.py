"""The search: trials one after the other, each a run folder; whatever ends it, finished trials are kept.

Every trial is trained to the end of the same number of epochs. Ending the weaker ones early (successive halving) would
save time, but under a schedule that falls to the end, such as one cycle, the middle of a training tells little of its
end, and short trainings prefer high rates and no augmentation.

The images that ``tinyconv train`` would hold out stay untouched: trials are judged on a part of the others. All have
the same split, seed and order of images, so that they differ by their parameters alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device
from tinyconv.core.errors import RunError
from tinyconv.data import sources
from tinyconv.data.images import ImageData
from tinyconv.data.splits import split, stratified_split
from tinyconv.train.callbacks import Callback
from tinyconv.train.checkpoint import load_checkpoint
from tinyconv.train.config import config_text
from tinyconv.train.experiment import Experiment
from tinyconv.train.loading import read_record
from tinyconv.train.non_finite import NonFiniteError
from tinyconv.train.resuming import data_digest
from tinyconv.train.run_folder import RunFolder
from tinyconv.train.run_writer import RunWriter
from tinyconv.train.tuning.picture import tuning_png
from tinyconv.train.tuning.settings import FORMAT, FORMAT_VERSION, TUNE_FILE, Tuning
from tinyconv.train.tuning.space import varied
from tinyconv.train.tuning.trials import DIVERGED, FINISHED, Trial, ranked
from tinyconv.utils.files import write_atomically

PICTURE_FILE, BEST_FILE, TRIALS = "tune.png", "best.toml", "trials"
DEFAULT_PARENT = Path("tune")


def tune(
    folder: Path,
    tuning: Tuning,
    data: ImageData | None = None,
    callbacks: Callable[[], Iterable[Callback]] = tuple,
    on_trial: Callable[[Trial, Sequence[Trial]], None] | None = None,
) -> list[Trial]:
    """Run the trials of ``tuning`` that are not finished in ``folder``; all of them, the best first.

    A trial that was cut off goes on after its last epoch, with the same result. ``data``: of ``tuning.spec``, where it
    was loaded already. ``callbacks``: makes those of a trial. ``on_trial``: called after each trial that was trained
    now, with it and all that are finished.

    Writes ``tune.json`` (settings and results), ``trials/NNN`` (run folders), and at the end ``tune.png`` and
    ``best.toml``, by which ``tinyconv train --config`` trains the best on all training images.

    Raises: ``RunError`` where nothing can be written, the data have changed since the search began, or every trial
        failed.

    >>> from tinyconv.train import tune
    >>> tune.__name__
    'tune'
    """
    data = sources.load(tuning.spec, **tuning.options) if data is None else data
    parts = validation_parts(data, tuning)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"folder {folder} cannot be made ({error.strerror}); choose another (--out)") from None
    digest = data_digest(Experiment.prepare(data, tuning.recipe, tuning.seed, parts=parts))
    _check_data(folder, digest, tuning.spec)
    done = _finished(folder, tuning)
    _write(folder, tuning, digest, done)
    for number in range(tuning.trials):
        if any(trial.number == number for trial in done):
            continue
        trial = _train(folder, tuning, data, parts, digest, number, callbacks())
        done = [*done, trial]
        _write(folder, tuning, digest, done)
        if on_trial is not None:
            on_trial(trial, done)
    best = ranked(done)
    if best[0].accuracy is None:
        raise RunError(
            f"every trial in {folder} failed: their losses became NaN or infinite; search lower rates (--lr)"
        )
    write_atomically(folder / PICTURE_FILE, tuning_png(best, tuning.recipe, data.name))
    write_atomically(folder / BEST_FILE, best_config(tuning, best[0]).encode())
    return best


def validation_parts(data: ImageData, tuning: Tuning) -> tuple[Array, Array]:
    """Indices of the images that trials learn from, and of those they are judged on; neither is among those held out.

    Raises: ``DataError`` where a class has too few training images to be divided again.
    """
    recipe = tuning.recipe
    training, _ = split(data, recipe.test_fraction, recipe.train_per_class, tuning.seed)
    learnt, judged = stratified_split(
        data.labels[training],
        tuning.validation_fraction,
        seed=tuning.seed,
        classes=data.classes,
        groups=None if data.groups is None else data.groups[training],
    )
    return training[learnt], training[judged]


def best_config(tuning: Tuning, best: Trial) -> str:
    """The TOML file that trains the recipe of trial ``best`` on all training images."""
    size = tuning.options.get("image_size")
    settings = {
        "data": tuning.spec,
        "min_per_class": tuning.options.get("min_per_class"),
        "image_size": None if size is None else "x".join(map(str, size)),
        "seed": tuning.seed,
        **varied(tuning.recipe, best.parameters).choices(),
    }
    share = "" if best.accuracy is None else f": {best.accuracy:.2%} of its validation images"
    return f"# Trial {best.number} of a search over {tuning.trials}{share}.\n{config_text(settings)}"


def check_new(folder: Path) -> None:
    """Raise ``RunError`` where ``folder`` holds anything: a search begins in an empty one."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; give the search a folder of its own (--out)")
    if folder.is_dir() and any(folder.iterdir()):
        known = (folder / TUNE_FILE).is_file()
        way_out = "go on with the search in it (--resume)" if known else "choose another (--out)"
        raise RunError(f"folder {folder} exists and is not empty; {way_out}")


def _trial_folder(folder: Path, number: int) -> RunFolder:
    return RunFolder(folder / TRIALS / f"{number:03d}")


def _train(
    folder: Path,
    tuning: Tuning,
    data: ImageData,
    parts: tuple[Array, Array],
    digest: str,
    number: int,
    callbacks: Iterable[Callback],
) -> Trial:
    """Train trial ``number``, from where it was cut off if it was."""
    parameters = tuning.space.parameters(tuning.seed, number)
    recipe = varied(tuning.recipe, parameters)
    run = _trial_folder(folder, number)
    experiment = Experiment.prepare(data, recipe, tuning.seed, Device(tuning.device), parts=parts)
    configuration = experiment.configuration()
    configuration["data"] |= {"spec": tuning.spec, "options": tuning.options, "digest": digest}
    configuration["trial"] = {"number": number, "parameters": parameters}
    title = f"{data.name}, {recipe.model}, trial {number}"
    state, record, left = None, None, recipe.epochs
    if run.state.is_file() and run.run_file.is_file():
        checkpoint = load_checkpoint(run.state)
        state, record = checkpoint["trainer"], read_record(run)
        left = 0 if checkpoint["stopped"] else recipe.epochs - int(state["epoch"])
    elif run.path.exists():
        shutil.rmtree(run.path)  # begun, and cut off before there was anything to go on from
    run.path.mkdir(parents=True, exist_ok=True)
    writer = RunWriter(run, configuration, title, experiment.splits(), resumed=record)
    trainer = experiment.trainer([*callbacks, writer])
    if state is not None:
        trainer.load_state_dict(state)
    trial = Trial(number, parameters, run.path, DIVERGED, None, None, 0)
    try:
        trainer.fit(experiment.train_batches(), experiment.test_batches(), left)
    except NonFiniteError:
        return replace(trial, epochs=trainer.epoch)  # a rate too high for this network is a result too
    return _read(trial) or trial


def _finished(folder: Path, tuning: Tuning) -> list[Trial]:
    """The trials that need not be run again: of those that diverged ``tune.json`` tells, of the others their runs."""
    done = []
    for number in range(tuning.trials):
        parameters = tuning.space.parameters(tuning.seed, number)
        begun = Trial(number, parameters, _trial_folder(folder, number).path, DIVERGED, None, None, 0)
        if (trial := _read(begun)) is not None:
            done.append(trial)
    known = {trial.number for trial in done}
    if (folder / TUNE_FILE).is_file():
        record = json.loads((folder / TUNE_FILE).read_text(encoding="utf-8"))
        diverged = [Trial.from_json(entry, folder) for entry in record["trials"] if entry["status"] == DIVERGED]
        done += [trial for trial in diverged if trial.number not in known and trial.number < tuning.trials]
    return done


def _read(trial: Trial) -> Trial | None:
    """What its run folder tells of ``trial``; None where it is not finished."""
    run = RunFolder(trial.folder)
    if not run.run_file.is_file():
        return None
    record = read_record(run)
    if record.get("trial", {}).get("parameters") != trial.parameters:
        raise RunError(f"{run.path} is not trial {trial.number} of this search: it has other parameters")
    result = record.get("result") or {}
    if record.get("status") != FINISHED or "held_out_accuracy" not in result:
        return None
    accuracy, loss = float(result["held_out_accuracy"]), float(result["held_out_loss"])
    return replace(trial, status=FINISHED, accuracy=accuracy, loss=loss, epochs=int(result["epochs"]))


def _check_data(folder: Path, digest: str, spec: str) -> None:
    file = folder / TUNE_FILE
    if file.is_file() and json.loads(file.read_text(encoding="utf-8")).get("digest") != digest:
        raise RunError(
            f"the search in {folder} cannot go on: the images of {spec}, their classes or their order are not those "
            "that it was begun with; restore them, or begin a new search"
        )


def _write(folder: Path, tuning: Tuning, digest: str, done: Sequence[Trial]) -> None:
    best = ranked(done)
    record = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "status": "finished" if len(done) == tuning.trials else "running",
        "settings": tuning.to_json(),
        "digest": digest,
        "best": best[0].number if best and best[0].accuracy is not None else None,
        "trials": [trial.to_json(folder) for trial in sorted(done, key=lambda trial: trial.number)],
    }
    write_atomically(folder / TUNE_FILE, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
