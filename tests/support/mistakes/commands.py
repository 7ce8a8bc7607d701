"""Mistakes on the command line, and what the message must name."""

from __future__ import annotations

import json
import shutil
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from command import Outcome, tinyconv
from PIL import Image
from tiny_run import train_tiny_run, write_dataset

Mistake = Callable[[Path], Outcome]
COMMANDS: dict[str, tuple[Mistake, tuple[str, ...]]] = {}


def command(title: str, *words: str) -> Callable[[Mistake], Mistake]:
    """Add a mistake on the command line; ``words`` must stand in its message."""

    def add(mistake: Mistake) -> Mistake:
        COMMANDS[title] = mistake, words
        return mistake

    return add


def simple(title: str, arguments: str, *words: str) -> None:
    """Add a mistake that needs no preparation. ``{d}``: the folder of ``prepare``."""
    COMMANDS[title] = (lambda folder: tinyconv(*arguments.replace("{d}", str(folder)).split())), words


TRAIN = "train --data npz:{d}/data.npz --out {d}/new "

simple("unknown verb", "trian", "trian", "did you mean 'train'")
simple("unknown option", "train --epoch-count 3", "--epoch-count", "'--epochs'")
simple("unknown dataset", "train --data lfw-subsets", "lfw-subsets", "did you mean 'lfw-subset'")
simple("folder that does not exist", "train --data folder:{d}/nowhere", "nowhere", "does not exist")
simple("--data folder without its path", "train --data folder", "folder:PATH")
simple("npz dataset that does not exist", "train --data npz:{d}/none.npz", "none.npz", "does not exist")
simple("npz dataset that is an image", "train --data npz:{d}/image.png", "image.png")
simple("more images per class than any has", TRAIN + "--min-per-class 25", "0 of 2 classes", "24", "--min-per-class")
simple("MNIST where it is not", "train --data mnist:{d}/empty", "empty", "train-images-idx3-ubyte")
simple("CIFAR-10 where it is not", "train --data cifar10:{d}/empty", "empty", "test_batch.bin", "folder:PATH")
simple("photographs of LFW where they are not", "train --data lfw:{d}/empty", "empty", "lfw_home/lfw_funneled")
simple("ONNX file that does not exist", "import {d}/none.onnx --out {d}/new", "none.onnx", "does not exist")
simple("ONNX file that is a folder", "import {d}/empty --out {d}/new", "empty", "folder", ".onnx")
simple("mean that is no number", "import {d}/x.onnx --mean 0.5,grey", "--mean", "0.5,grey", "0.485,0.456,0.406")
simple("unknown model", TRAIN + "--model facenett", "facenett", "did you mean 'facenet'")
simple("unknown optimizer", TRAIN + "--optimizer adamax", "adamax", "adam, adamw, sgd")
simple("negative learning rate", TRAIN + "--lr -0.1", "--lr", "-0.1")
simple("learning rate that is no number", TRAIN + "--lr nan", "learning rate", "nan")
simple(
    "learning rate far too high",
    "train --data npz:{d}/data.npz --out {d}/diverged --optimizer sgd --lr 1e30",
    "loss became",
    "epoch 1, step",
    "--lr",
)
simple("unknown schedule", TRAIN + "--schedule cosin", "cosin", "one-cycle, cosine, step, constant")
simple("momentum of an optimizer that has none", TRAIN + "--momentum 0.5", "momentum", "'sgd'", "'adamw'")
simple("averages that never forget", TRAIN + "--ema 1", "--ema", "0<=x<1")
simple("a warm-up longer than the training", TRAIN + "--epochs 2 --warmup 3", "warmup of 3 epochs", "training of 2")
simple("a model's option without a value", TRAIN + "--model-option dropout", "--model-option", "dropout=0.3")
simple(
    "a model's option of another kind", TRAIN + "--model mobilenet_v2 --model-option width_mult=wide",
    "width_mult is a number", "'wide'",
)  # fmt: skip
simple("a model's option that it does not have", TRAIN + "--model-option depth=3", "'depth'", "its options")
simple(
    "settings that do not exist", "train --config {d}/none.toml", "none.toml", "does not exist", "config.toml of a run"
)
simple("settings in a file that is none of TOML", "train --config {d}/image.png", "image.png", "no TOML file")
simple("a search for a rate, and a run folder", TRAIN + "--find-lr", "--find-lr", "--out")
simple("a picture for a folder that does not exist", "train --find-lr {d}/none/rates.png", "rates.png", "make it")
simple("weights that are not there", TRAIN + "--weights {d}/none.npz", "--weights", "none.npz", "not exist")
simple("weights that are an image", TRAIN + "--weights {d}/image.png", "image.png", "damaged, or no safetensors")
simple("weights of another network", TRAIN + "--model lenet --weights {d}/run", "fit 0 of the", "LeNet")
simple("training for no epochs", TRAIN + "--epochs 0", "--epochs", "0")
simple("batch size of zero", TRAIN + "--batch-size 0", "--batch-size", "0")
simple("seed below zero", TRAIN + "--seed -1", "--seed", "-1")
simple("seed that is no number", TRAIN + "--seed today", "--seed", "today", "not a valid whole number")
simple("more threads than the machine has", TRAIN + "--threads 4096", "4096", "threads")
simple("a GPU that no machine has", TRAIN + "--device cuda:7", "cuda", "cpu")
simple("image size of one letter", TRAIN + "--image-size big", "big", "56x46")
simple("images too small for the model", TRAIN + "--model lenet --image-size 8", "lenet", "12x12", "8x8")
simple("held-out share above one", TRAIN + "--test-fraction 1.5", "--test-fraction", "1.5")
simple("two ways to split the images", TRAIN + "--test-fraction 0.5 --train-per-class 3", "exclude each other")
simple("more training images than there are", TRAIN + "--train-per-class 500", "class left", "24", "501")
simple(
    "feature epochs after the last", TRAIN + "--epochs 1 --feature-epochs 0,3", "epoch 3", "after 1 epoch (--epochs)"
)
simple(
    "--force on a folder that is not a run",
    "train --data npz:{d}/data.npz --out {d}/full --force",
    "full",
    "not a run folder",
)
simple("images read from a run folder", "train --data folder:{d}/run", "is a run folder")
simple("feature epochs in words", TRAIN + "--feature-epochs first,last", "first,last", "0,1,2,5,10")
simple("run folder in use", "train --data npz:{d}/data.npz --out {d}/run", "run", "not empty", "--force")
simple("run folder that is a file", "train --data npz:{d}/data.npz --out {d}/data.npz", "data.npz", "file")
simple("run folder that cannot be made", "train --data npz:{d}/data.npz --out {d}/data.npz/run", "data.npz/run")
simple("--force without a folder", "train --force", "--out")
simple("run to resume that does not exist", "train --resume {d}/nowhere", "nowhere", "does not exist")
simple("--resume with another learning rate", "train --resume {d}/run --lr 0.1", "--resume", "leave --lr out")
simple(
    "more epochs than the schedule was laid out for",
    "train --resume {d}/run --epochs 9",
    "run cannot go on to 9 epochs",
    "one-cycle schedule",
    "laid out for 2",
    "train anew with --epochs 9",
)
simple("fewer epochs than a run was begun with", "train --resume {d}/run --epochs 1", "with 2 epochs", "not with 1")
simple("checkpoints every zero steps", TRAIN + "--checkpoint-every 0", "--checkpoint-every", "0")
simple("run that does not exist", "predict {d}/nowhere {d}/image.png", "nowhere", "does not exist")
simple("folder that is no run", "predict {d}/empty {d}/image.png", "empty", "run.json")
simple("image that does not exist", "predict {d}/run {d}/no.png", "no.png", "does not exist")
simple("image that is text", "predict {d}/run {d}/text.png", "text.png", "not an image")
simple("both --json and --csv", "predict {d}/run {d}/image.png --json --csv", "exclude each other")
simple("unknown layer", "features {d}/run {d}/image.png --layers conf1 --out {d}/maps", "conf1", "did you mean 'conv1'")
simple("channel range backwards", "features {d}/run {d}/image.png --channels 9-3 --out {d}/maps", "9-3", "backwards")
simple(
    "channel that a layer lacks", "features {d}/run {d}/image.png --layers conv1 --channels 999 --out {d}/maps", "999"
)
simple("channels that no layer has", "features {d}/run {d}/image.png --channels 999 --out {d}/maps", "no channel 999")
simple("unknown picture format", "features {d}/run {d}/image.png --format gif --out {d}/maps", "gif", "png")
simple("feature folder in use", "features {d}/run {d}/image.png --out {d}/full", "not empty", "--force")
simple(
    "unknown layer, with a feature folder in use",
    "features {d}/run {d}/image.png --layers zzz --out {d}/full",
    "no layer matches 'zzz'",
)
simple("evolution of a folder that is no run", "evolve {d}/empty", "empty", "run.json")
simple(
    "evolution of a layer that was not recorded",
    "evolve {d}/run --layers conf1 --out {d}/films",
    "did you mean 'conv1'",
)
simple(
    "evolution of an image that was not recorded", "evolve {d}/run --image 9 --out {d}/films", "image 9", "recorded 1"
)
simple("evolution as a film of no known kind", "evolve {d}/run --format mp4 --out {d}/films", "mp4", "html, gif")
simple("evolution into a folder in use", "evolve {d}/run --out {d}/full", "full", "not empty", "--force")
simple("kernels of a layer that there is not", "kernels {d}/run --layers conf1 --out {d}/k", "did you mean 'conv1'")
simple("kernels of a layer without any", "kernels {d}/run --layers pool1 --out {d}/k", "no layer matches 'pool1'")
simple("kernels of channels that no layer has", "kernels {d}/run --channels 999 --out {d}/k", "no channel 999")
simple("kernels in a format of no picture", "kernels {d}/run --format gif --out {d}/k", "gif", "png")
simple("kernels into a folder in use", "kernels {d}/run --out {d}/full", "full", "not empty", "--force")
simple("maximising a layer that there is not", "maximize {d}/run --layer conf1 --out {d}/m", "did you mean 'conv1'")
simple("maximising channels that a layer lacks", "maximize {d}/run --layer conv1 --channels 999 --out {d}/m", "999")
simple("maximising channels of no layer", "maximize {d}/run --channels 0-3 --out {d}/m", "--layer")
simple("maximising a class that there is not", "maximize {d}/run --classes lefd --out {d}/m", "did you mean 'left'")
simple("maximising classes of a layer", "maximize {d}/run --layer conv1 --classes left --out {d}/m", "leave one out")
simple("maximising by no known recipe", "maximize {d}/run --recipe yosinski --out {d}/m", "--recipe", "yosinski-1")
simple("maximising in no steps", "maximize {d}/run --steps 0 --out {d}/m", "--steps", "0")
simple("maximising into a folder in use", "maximize {d}/run --out {d}/full", "full", "not empty", "--force")
simple("inversion of a layer that there is not", "invert {d}/run {d}/image.png --layers conf1 --out {d}/m", "'conv1'")
simple("inversion of an image that is text", "invert {d}/run {d}/text.png --out {d}/m", "text.png", "not an image")
simple("inversion into a folder in use", "invert {d}/run {d}/image.png --out {d}/full", "full", "--force")
simple("inversion with a negative weight", "invert {d}/run {d}/image.png --tv-weight -1 --out {d}/m", "--tv-weight")
simple("units of no layer", "units {d}/run --out {d}/m", "--layer")
simple("units of a layer that there is not", "units {d}/run --layer pool9 --out {d}/m", "pool9", "did you mean 'pool")
simple("units over images of no dataset", "units {d}/run --layer conv1 --data lfv --out {d}/m", "did you mean 'lfw'")
simple("units into a folder in use", "units {d}/run --layer conv1 --out {d}/full", "full", "not empty", "--force")
simple("dissection with masks that are not there", "dissect {d}/run {d}/none.npz --out {d}/m", "none.npz", "not exist")
simple(
    "dissection of images without masks", "dissect {d}/run {d}/data.npz --out {d}/m", "data.npz", "masks", "concepts"
)
simple("dissection with a share above one", "dissect {d}/run {d}/data.npz --quantile 2 --out {d}/m", "--quantile", "2")
simple("health of a folder that is no run", "health {d}/empty", "empty", "run.json")
simple("health of a layer that there is not", "health {d}/run --layers conf1", "conf1", "did you mean 'conv1'")
simple("health over images of no dataset", "health {d}/run --data lfv", "lfv", "did you mean 'lfw'")
simple("health in a file that is something else", "health {d}/run --csv {d}/text.png", "text.png", "another file")
simple("search of a folder that is no run", "find {d}/empty {d}/image.png", "empty", "run.json")
FIND = "find {d}/run {d}/image.png --out {d}/f "
simple("search for nothing named", FIND, "--class NAME", "left, right")
simple("search for a class that there is not", FIND + "--class lefft", "--class", "did you mean 'left'")
simple("search with a probability above one", FIND + "--class left --threshold 1.5", "--threshold", "1.5")
simple("search without votes", FIND + "--class left --votes 0", "--votes", "0")
simple(
    "search for what is larger than the photograph", FIND + "--class left --smallest 500", "image.png", "16x16", "500"
)
simple("search from large to small", FIND + "--class left --smallest 15 --largest 13", "13 pixels", "less than", "15")
simple("search in an image that is text", "find {d}/run {d}/text.png --class left --out {d}/f", "not an image")
simple("search into a folder in use", "find {d}/run {d}/image.png --class left --out {d}/full", "full", "--force")
simple("search with a truth that is not there", FIND + "--class left --truth {d}/none.json", "none.json", "not exist")
simple("search with a truth that is an image", FIND + "--class left --truth {d}/image.png", "image.png", "no JSON file")
simple("evaluation of a folder that is no run", "evaluate {d}/empty", "empty", "run.json")
simple("evaluation on a dataset that does not exist", "evaluate {d}/run --data lfv", "lfv", "did you mean 'lfw'")
simple("evaluation on images of other classes", "evaluate {d}/run --data digits", "no class of digits", "left, right")
simple("evaluation into a folder in use", "evaluate {d}/run --out {d}/full", "full", "not empty", "--out")
EXPLAIN = "explain {d}/run {d}/image.png --out {d}/why "
simple(
    "explanation by an unknown method", EXPLAIN + "--method gradcam", "gradcam", "did you mean 'grad-cam'", "occlusion"
)
simple("layers of a method that has none", EXPLAIN + "--method occlusion --layers", "--layers", "occlusion", "lrp-0")
simple("explanation of an unknown class", EXPLAIN + "--target lefft", "lefft", "did you mean 'left'", "left, right")
simple("explanation of an image that is none", "explain {d}/run {d}/text.png --out {d}/why", "text.png", "not an image")
simple(
    "explanations in a folder in use", "explain {d}/run {d}/image.png --out {d}/full", "full", "not empty", "--force"
)
simple("score with an unknown replacement", "score {d}/run --replace gray --out {d}/why", "'gray'", "grey, noise")
simple("score of an unknown method", "score {d}/run --method lrp --out {d}/why", "'lrp'", "lrp-0")
simple("score with regions as large as the image", "score {d}/run --region 12 --out {d}/why", "12x12", "1 to 11")
simple("score in more steps than regions", "score {d}/run --steps 99 --out {d}/why", "99 steps", "1 to 36")
simple("a report of a folder that is no run", "report {d}/empty", "empty", "run.json")
simple("a report over a file of the user's", "report {d}/run -o {d}/full/note.txt", "note.txt", "--force")
simple("a report into a folder", "report {d}/run -o {d}/full", "full", "is a folder", "--out")
simple("a report where there is no folder", "report {d}/run -o {d}/none/report.html", "none", "make it")
simple("a report with a seed below zero", "report {d}/run --seed -1", "--seed", "-1")
simple("verification of a folder that is no run", "verify {d}/empty", "empty", "run.json")
simple("verification on no images", "verify {d}/run --images 0", "--images", "0")
simple("verification on a dataset that does not exist", "verify {d}/run --data lfv", "lfv", "did you mean 'lfw'")
simple("comparison of one run", "compare {d}/run", "at least two runs", "1")
simple("comparison of a run with itself", "compare {d}/run {d}/run/", "given twice")
simple("comparison with a folder that is no run", "compare {d}/run {d}/empty", "empty", "run.json")
TUNE = "tune --data npz:{d}/data.npz --epochs 1 --out {d}/search "
simple("search over one number", TUNE + "--lr 0.1", "--lr", "0.1", "0.001,0.1")
simple("search range upside down", TUNE + "--lr 0.1,0.001", "lr", "0.1,0.001", "smaller first")
simple("search over the width of a model without one", TUNE + "--model lenet --width 0.5,2", "lenet", "no width")
simple("search in a folder in use", "tune --data npz:{d}/data.npz --out {d}/full", "full", "not empty", "--out")
simple("search that was not begun", "tune --resume {d}/empty", "empty", "tune.json")
simple("an export of no run", "export {d}/empty {d}/model.onnx", "not a run folder")
simple("an export without a file name", "export {d}/run", "MODEL.onnx")
simple("an export over another file", "export {d}/run {d}/image.png", "image.png exists", "--force")
simple("a drawing over another file", "summary lenet --graph {d}/image.png", "image.png exists", "--force")
simple("a drawing of all models", "summary --all --graph {d}/all.svg", "leave --graph out")
simple("summary of nothing known", "summary resnet5000", "resnet5000", "facenet")
simple("summary of a run with another size", "summary {d}/run --input-size 32", "--input-size")
simple("summary of a run with options of a model", "summary {d}/run --model-option width=8", "--model-option")
simple("summary of nothing", "summary", "name of a model", "--all")
simple("summary of all models and of one", "summary vgg16 --all", "--all", "leave MODEL out")
simple("summary of all models with other images", "summary --all --input-size 32", "--all", "leave --input-size out")
simple("summary with an option that the model lacks", "summary lenet --model-option width=8", "'width'", "its options")
simple("a head that there is not", "summary vgg16 --model-option head=wide", "'wide'", "published, linear")
simple("images too small for AlexNet", "summary alexnet --input-size 32", "63x63", "32x32", "third 3x3 pooling")


@command("evolution of a run without feature maps", "has no feature maps", "--probes")
def _no_recording(folder: Path) -> Outcome:
    copy = changed_run(folder)
    (copy / "features" / "features.npz").unlink()
    return tinyconv("evolve", copy, "--out", folder / "films")


@command("images of one class only", "one class", "left")
def _one_class(folder: Path) -> Outcome:
    shutil.copytree(folder / "photos" / "left", folder / "single" / "left")
    return tinyconv("train", "--data", f"folder:{folder / 'single'}")


@command("empty folder", "empty")
def _empty_folder(folder: Path) -> Outcome:
    return tinyconv("train", "--data", f"folder:{folder / 'empty'}")


@command("a class of which every image is damaged", "class left", "damaged")
def _corrupt_images(folder: Path) -> Outcome:
    shutil.copytree(folder / "photos", folder / "damaged")
    for image in (folder / "damaged" / "left").iterdir():
        image.write_bytes(image.read_bytes()[:40])
    return tinyconv("train", "--data", f"folder:{folder / 'damaged'}")


@command("npz without images", "nothing.npz", "empty", "(0, 1, 12, 12)")
def _no_images(folder: Path) -> Outcome:
    np.savez(folder / "nothing.npz", images=np.empty((0, 12, 12), np.float32), labels=np.empty(0, np.int64))
    return tinyconv("train", "--data", f"npz:{folder / 'nothing.npz'}")


@command("npz dataset with fewer labels than images", "5 images", "4 labels")
def _labels_short(folder: Path) -> Outcome:
    np.savez(folder / "short.npz", images=np.zeros((5, 12, 12), np.float32), labels=np.array([0, 1, 0, 1]))
    return tinyconv("train", "--data", f"npz:{folder / 'short.npz'}")


@command("pixels that were not scaled", "255", "[0, 1]")
def _unscaled(folder: Path) -> Outcome:
    np.savez(folder / "bright.npz", images=np.full((4, 12, 12), 255.0), labels=np.array([0, 1, 0, 1]))
    return tinyconv("train", "--data", f"npz:{folder / 'bright.npz'}")


@command("ORL faces that are not installed", "tinyconv[faces]")
def _no_orl(folder: Path) -> Outcome:
    with mock.patch("importlib.util.find_spec", return_value=None):
        return tinyconv("train", "--data", "orl")


@command("LFW without a network", "lfw", "connect once", "SCIKIT_LEARN_DATA", "lfw-subset")
def _offline(folder: Path) -> Outcome:
    refused = urllib.error.URLError("no network")
    with (
        mock.patch("sklearn.datasets._lfw._fetch_remote", side_effect=refused),
        mock.patch.dict("os.environ", SCIKIT_LEARN_DATA=str(folder / "downloads")),
    ):
        return tinyconv("train", "--data", "lfw")


def changed_run(folder: Path, **changes: Any) -> Path:
    """A copy of the run whose ``run.json`` has other entries."""
    copy = folder / f"run-{len(list(folder.iterdir()))}"
    shutil.copytree(folder / "run", copy)
    record = json.loads((copy / "run.json").read_text()) | changes
    (copy / "run.json").write_text(json.dumps(record))
    return copy


@command("run of a newer tinyconv", "format version 99", "upgrade")
def _newer(folder: Path) -> Outcome:
    return tinyconv("predict", changed_run(folder, format_version=99), folder / "image.png")


@command("checkpoint of another model", "last.safetensors", 'classes[0] is "left"', '"cat" in the run')
def _other_model(folder: Path) -> Outcome:
    return tinyconv("predict", changed_run(folder, classes=["cat", "dog"]), folder / "image.png")


@command("images that changed since the run was begun", "data.npz", "restore them")
def _changed_images(folder: Path) -> Outcome:
    changed = changed_run(folder, status="running")
    record = json.loads((changed / "run.json").read_text())
    record["data"]["digest"] = "0" * 64
    (changed / "run.json").write_text(json.dumps(record))
    return tinyconv("train", "--resume", changed)


@command("damaged checkpoint of a training", "state.safetensors", "damaged")
def _damaged_state(folder: Path) -> Outcome:
    changed = changed_run(folder, status="running")
    (changed / "state.safetensors").write_bytes(b"\x00" * 100)
    return tinyconv("train", "--resume", changed)


@command("damaged run.json", "run.json", "damaged", "line 1")
def _damaged_record(folder: Path) -> Outcome:
    copy = changed_run(folder)
    (copy / "run.json").write_text('{"format": "tiny')
    return tinyconv("predict", copy, folder / "image.png")


@command("damaged checkpoint", "last.safetensors", "damaged")
def _damaged_checkpoint(folder: Path) -> Outcome:
    copy = changed_run(folder)
    (copy / "last.safetensors").write_bytes(b"\x00" * 100)
    return tinyconv("predict", copy, folder / "image.png")


@command("checkpoint that is gone", "last.safetensors", "best.safetensors")
def _no_checkpoint(folder: Path) -> Outcome:
    copy = changed_run(folder)
    (copy / "last.safetensors").unlink()
    return tinyconv("predict", copy, folder / "image.png")


@command("dissection with masks of another size", "(48, 1, 8, 8)", "(48, 1, 12, 12)")
def _other_masks(folder: Path) -> Outcome:
    with np.load(folder / "data.npz") as data:
        np.savez(folder / "masks.npz", images=data["images"], masks=np.ones((48, 1, 8, 8)), concepts=["bar"])
    return tinyconv("dissect", folder / "run", folder / "masks.npz", "--out", folder / "m")


@command("dissection of images that are too large", "24x24", "12x12", "resize")
def _large_masks(folder: Path) -> Outcome:
    np.savez(folder / "large.npz", images=np.zeros((2, 24, 24)), masks=np.ones((2, 24, 24)), concepts=["all"])
    return tinyconv("dissect", folder / "run", folder / "large.npz", "--out", folder / "m")


def prepare(folder: Path) -> Path:
    """The files that the mistakes are made with."""
    train_tiny_run(folder)
    write_dataset(folder / "data.npz")
    random = np.random.default_rng(0)
    for name in ("left", "right"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(0, 256, (16, 16), np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    shutil.copy(folder / "photos" / "left" / "0.png", folder / "image.png")
    (folder / "text.png").write_text("not a picture")
    (folder / "empty").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "note.txt").write_text("mine")
    return folder


@command("settings with a name that does not exist", "mine.toml", "'epohcs'", "did you mean 'epochs'")
def _(folder: Path) -> Outcome:
    return _with_settings(folder, "epohcs = 3")


@command("settings with a value of another kind", "mine.toml", "epochs = 2.5", "not a valid whole number")
def _(folder: Path) -> Outcome:
    return _with_settings(folder, "epochs = 2.5")


def _with_settings(folder: Path, text: str) -> Outcome:
    (folder / "mine.toml").write_text(text)
    return tinyconv("train", "--config", folder / "mine.toml")
