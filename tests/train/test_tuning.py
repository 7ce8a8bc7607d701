"""A search: what its trials are, that it touches nothing held out, and that it can be cut off anywhere."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from tiny_run import write_dataset

from tinyconv import TinyconvError
from tinyconv.data import sources
from tinyconv.data.splits import split
from tinyconv.models import registry
from tinyconv.train import (
    Callback,
    Recipe,
    SearchSpace,
    Trainer,
    Trial,
    Tuning,
    load_run,
    recipe_for,
    tune,
    tuning_png,
)
from tinyconv.train.tuning.search import check_new, validation_parts
from tinyconv.train.tuning.space import varied
from tinyconv.train.tuning.trials import ranked

RECIPE = Recipe(model_options={"widths": [8, 16]}, epochs=2, batch_size=8, shift=2, degrees=10.0, scale=0.1)


def tuning(folder: Path, trials: int = 3, **changes: object) -> Tuning:
    data = write_dataset(folder / "data.npz")
    settings = {"space": SearchSpace.around(RECIPE), "recipe": RECIPE, **changes}
    return Tuning(f"npz:{data}", {"image_size": None, "min_per_class": None}, trials=trials, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tuning, list[Trial]]:
    folder = tmp_path_factory.mktemp("tuning")
    search = tuning(folder)
    return folder / "tune", search, tune(folder / "tune", search)


def test_a_trial_is_a_function_of_seed_and_number_and_lies_in_its_ranges() -> None:
    space = SearchSpace((1e-4, 1e-1), (0.5, 2.0), (0.0, 2.0), (1e-4, 1e-2), (16, 32))
    drawn = [space.parameters(7, number) for number in range(1, 200)]
    assert drawn[4] == space.parameters(7, 5)
    assert drawn[4] != space.parameters(8, 5)
    for name in ("lr", "width", "augmentation", "weight_decay"):
        low, high = getattr(space, name)
        values = np.array([parameters[name] for parameters in drawn])
        assert low <= values.min() < low + 0.1 * (high - low)
        assert values.max() <= high
    # Evenly in the logarithm: a third of the rates lies in each decade.
    decades = np.bincount(np.floor(np.log10([p["lr"] for p in drawn]) + 4).astype(int), minlength=3)
    assert decades.min() > 45
    assert {parameters["batch_size"] for parameters in drawn} == {16, 32}
    assert space.parameters(7, 0) == {}


def test_what_else_is_searched_does_not_change_the_values_of_a_parameter() -> None:
    alone, together = SearchSpace(width=(0.5, 2)), SearchSpace(lr=(1e-4, 1e-1), width=(0.5, 2), batch_size=(8, 16))
    assert [alone.parameters(0, n)["width"] for n in (1, 2)] == [together.parameters(0, n)["width"] for n in (1, 2)]


@pytest.mark.parametrize(
    "name", [name for name in registry.names() if {"width", "width_mult"} & registry.defaults(name).keys()]
)
def test_every_width_that_is_tried_makes_a_network(name: str) -> None:
    for factor in (0.01, 0.37, 1.6):
        registry.outline(name, **varied(Recipe(model=name), {"width": factor}).model_options)


def test_parameters_change_the_recipe_as_they_say() -> None:
    changed = varied(RECIPE, {"lr": 0.02, "width": 2.0, "augmentation": 0.5, "weight_decay": 0.1, "batch_size": 16})
    assert (changed.lr, changed.weight_decay, changed.batch_size) == (0.02, 0.1, 16)
    assert changed.model_options == {"widths": [16, 32]}
    assert (changed.shift, changed.degrees, changed.scale) == (1, 5.0, 0.05)
    assert varied(RECIPE, {}) == RECIPE
    assert varied(Recipe(model="resnet18"), {"width": 0.5}).model_options == {"width": 32}
    assert varied(Recipe(model="mobilenet_v2"), {"width": 0.5}).model_options == {"width_mult": 0.5}
    assert varied(RECIPE, {"width": 0.01}).model_options == {"widths": [8, 8]}
    assert varied(RECIPE, {"augmentation": 100.0}).scale < 1


def test_only_what_a_recipe_has_is_searched() -> None:
    assert SearchSpace.around(Recipe(model="lenet")).width is None
    assert SearchSpace.around(Recipe(augment=False)).augmentation is None
    with pytest.raises(TinyconvError, match="model lenet has no width"):
        SearchSpace.around(Recipe(model="lenet"), width=(0.5, 2.0))
    with pytest.raises(TinyconvError, match="no augmentation"):
        SearchSpace.around(Recipe(augment=False), augmentation=(0.5, 2.0))
    with pytest.raises(TinyconvError, match=r"lr is searched between two positive numbers, .* got 0.1,0.01"):
        SearchSpace(lr=(0.1, 0.01))
    with pytest.raises(TinyconvError, match="positive numbers"):
        SearchSpace(width=(0.0, 1.0))


def test_the_most_accurate_trial_is_the_best_then_that_of_the_lowest_loss() -> None:
    results = [(0.9, 0.5), (0.95, 0.7), (None, None), (0.95, 0.6)]
    trials = [Trial(number, {}, Path(), "", *result, 1) for number, result in enumerate(results)]
    assert [trial.number for trial in ranked(trials)] == [3, 1, 0, 2]


def test_trials_neither_learn_from_nor_are_judged_on_what_training_holds_out(
    finished: tuple[Path, Tuning, list[Trial]],
) -> None:
    _, search, trials = finished
    data = sources.load(search.spec)
    training, held_out = split(data, RECIPE.test_fraction, RECIPE.train_per_class, search.seed)
    learnt, judged = validation_parts(data, search)
    assert sorted([*learnt, *judged]) == training.tolist()
    for trial in trials:
        parts = json.loads((trial.folder / "splits.json").read_text())
        used = {*parts["training"]["indices"], *parts["held_out"]["indices"]}
        assert used == set(training)
        assert not used & set(held_out)
        assert parts["held_out"]["indices"] == judged.tolist()


def test_every_trial_is_a_run_and_the_record_has_them_all(finished: tuple[Path, Tuning, list[Trial]]) -> None:
    folder, search, trials = finished
    record = json.loads((folder / "tune.json").read_text())
    assert (record["status"], record["best"]) == ("finished", trials[0].number)
    assert [entry["parameters"] for entry in record["trials"]] == [search.space.parameters(0, n) for n in range(3)]
    for trial in trials:
        run = load_run(trial.folder)
        assert run.record["result"]["held_out_accuracy"] == trial.accuracy
        assert run.record["recipe"] == varied(RECIPE, trial.parameters).to_json()
    best = tomllib.loads((folder / "best.toml").read_text())
    assert best["data"] == search.spec
    recipe = recipe_for(sources.load(search.spec))
    chosen = {name: value for name, value in best.items() if name in Recipe.__dataclass_fields__}
    assert recipe.changed(**chosen) == varied(RECIPE, trials[0].parameters)


class Cut(Callback):
    """Ctrl-C in the second trial, after its first epoch."""

    def __init__(self) -> None:
        self.epochs = 0

    def on_epoch_start(self, trainer: Trainer) -> None:
        self.epochs += 1
        if self.epochs == 2 * RECIPE.epochs:
            raise KeyboardInterrupt


def test_a_search_that_was_cut_off_goes_on_with_the_same_result(
    finished: tuple[Path, Tuning, list[Trial]], tmp_path: Path
) -> None:
    folder, search, trials = finished
    cut = Cut()
    with pytest.raises(KeyboardInterrupt):
        tune(tmp_path / "tune", search, callbacks=lambda: [cut])
    record = json.loads((tmp_path / "tune" / "tune.json").read_text())
    assert (record["status"], [entry["number"] for entry in record["trials"]]) == ("running", [0])
    assert (tmp_path / "tune" / "trials" / "001" / "state.safetensors").exists()
    kept = (tmp_path / "tune" / "trials" / "000" / "run.json").read_bytes()
    trained: list[int] = []
    again = tune(
        tmp_path / "tune", Tuning.read(tmp_path / "tune"), on_trial=lambda trial, done: trained.append(trial.number)
    )
    assert trained == [1, 2]
    assert (tmp_path / "tune" / "trials" / "000" / "run.json").read_bytes() == kept
    assert [(trial.number, trial.accuracy, trial.loss) for trial in again] == [
        (trial.number, trial.accuracy, trial.loss) for trial in trials
    ]
    assert "resumed" in json.loads((tmp_path / "tune" / "trials" / "001" / "run.json").read_text())
    for name in ("tune.png", "best.toml", "trials/001/last.safetensors"):
        assert (tmp_path / "tune" / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_trial_that_diverges_is_a_result_and_is_not_tried_again(tmp_path: Path) -> None:
    search = tuning(tmp_path, trials=2, space=SearchSpace(lr=(1e30, 1e30)))
    trials = tune(tmp_path / "tune", search)
    assert [(trial.number, trial.status) for trial in trials] == [(0, "finished"), (1, "diverged")]
    trained: list[Trial] = []
    assert tune(tmp_path / "tune", search, on_trial=lambda trial, done: trained.append(trial)) == trials
    assert trained == []


def test_a_search_on_data_that_changed_and_a_folder_in_use_are_refused(tmp_path: Path) -> None:
    search = tuning(tmp_path, trials=1)
    tune(tmp_path / "tune", search)
    write_dataset(tmp_path / "data.npz", images=40)
    with pytest.raises(TinyconvError, match="cannot go on: the images of npz:"):
        tune(tmp_path / "tune", search)
    with pytest.raises(TinyconvError, match=r"not empty; go on with the search in it \(--resume\)"):
        check_new(tmp_path / "tune")
    with pytest.raises(TinyconvError, match=r"not empty; choose another \(--out\)"):
        check_new(tmp_path)
    with pytest.raises(TinyconvError, match="no folder of tinyconv tune"):
        Tuning.read(tmp_path)


def test_the_picture_has_a_panel_for_each_parameter() -> None:
    def width(parameters: dict[str, float]) -> int:
        trials = [Trial(1, parameters, Path(), "finished", 0.9, 0.1, 1), Trial(0, {}, Path(), "finished", 0.8, 0.2, 1)]
        picture = tuning_png(trials, RECIPE, "title")
        assert picture == tuning_png(trials, RECIPE, "title")
        return int.from_bytes(picture[16:20], "big")

    assert width({"lr": 0.1, "width": 1.0, "batch_size": 8}) > width({"lr": 0.1, "width": 1.0}) > 700
