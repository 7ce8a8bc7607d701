"""The checks against float64: they pass for the processor's own functions, and see what is wrong with others."""

import dataclasses
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from bench.gpu import convolution_checks, kernels, large, place
from bench.gpu.checks import Check, Draw, Host, Way
from tinyconv.backends import cpu, reference
from tinyconv.utils.speed.shapes import ConvolutionShape

PLACE = dataclasses.replace(place.Place.processor(), modes=("exact",))
SMALL = 3_000

NOT_CHECKED = {"small_network", "picked", "uniform_rows", "warped"}
"""What the processor alone has, or does: it prepares batches."""


def size(check):
    return max(np.asarray(each).size for each in check.make(Draw("float32")) if isinstance(each, np.ndarray))


ALL = list(kernels.checks())


def test_every_function_is_checked():
    assert {check.function for check in ALL} == set(reference.__all__) - NOT_CHECKED


def test_no_two_cases_have_the_same_name():
    names = [check.case(PLACE).name for check in ALL]
    assert len(set(names)) == len(names)


FIRST = {check.function: check for check in reversed(ALL)}


@pytest.mark.parametrize("function", FIRST)
def test_the_processor_passes(function):
    for line in FIRST[function].lines(PLACE):
        assert line["passed"], line["says"]


def test_layers_of_networks_are_checked_with_few_images():
    shapes = {check.title for check in ALL if check.function == "conv2d"}
    assert "1x64x224x224 -> 64, 3x3 p1" in shapes
    shape = ConvolutionShape((64, 3, 1000, 1000), 8, (3, 3))
    assert convolution_checks.smaller(shape).x == (1, 3, 1000, 1000)


@pytest.mark.parametrize("name", large.functions(PLACE, (4, 6, 6)))
def test_the_last_images_of_many_are_what_they_are_alone(name, monkeypatch):
    (line,) = large.compared(name, PLACE, (4, 6, 6), 1000)
    assert line["passed"]
    assert line["title"] == "8 images"


def test_images_that_are_not_reached_are_seen(monkeypatch):
    def forgets(x):
        y = cpu.relu(x)
        y[7:] = 0
        return y

    functions = large.functions(PLACE, (4, 6, 6)) | {"relu": (4, forgets)}
    monkeypatch.setattr(large, "functions", lambda place, image: functions)
    (line,) = large.compared("relu", PLACE, (4, 6, 6), 1000)
    assert not line["passed"]


def relu_with(change):
    def relu(x):
        y = cpu.relu(x)
        return change(y)

    return relu


def one(value):
    def change(y):
        y[0, 0, 0, 0] += value
        return y

    return change


FAULTS = {
    "not written": (one(np.nan), "wrong"),
    "wrong": (one(1e-3), "wrong"),
    "another order": (lambda y: np.ascontiguousarray(y), "engine's order"),
    "another shape": (lambda y: y[:1], "not (2, 3, 5, 7)"),
    "more results": (lambda y: (y, y), "2 results, not 1"),
    "raises": (lambda y: 1 / 0, "ZeroDivisionError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault, monkeypatch):
    change, says = FAULTS[fault]
    monkeypatch.setattr(place.Place, "backend", SimpleNamespace(relu=relu_with(change)))
    check = Check("relu", "", lambda draw: (draw.normal(2, 3, 5, 7),))
    for line in check.lines(PLACE):
        assert line["passed"] is False
        assert says in line["says"]


def test_two_runs_must_have_the_same_bits(monkeypatch):
    noise = iter([0.0, 1e-7, 0.0, 1e-16])
    monkeypatch.setattr(place.Place, "backend", SimpleNamespace(relu=lambda x: cpu.relu(x) + np.float32(next(noise))))
    check = Check("relu", "", lambda draw: (draw.normal(6),))
    assert ["two runs differ" in line["says"] for line in check.lines(PLACE)] == [True, True]


def test_integers_must_be_equal(monkeypatch):
    monkeypatch.setattr(place.Place, "backend", SimpleNamespace(f=lambda x: x + (x == 3)))
    monkeypatch.setattr(cpu, "f", lambda x: x, raising=False)
    (first, _) = Check("f", "", lambda draw: (np.arange(5),)).lines(PLACE)
    assert "1 of 5 elements differ" in first["says"]


def test_what_is_written_into_arguments_is_the_result(monkeypatch):
    monkeypatch.setattr(place.Place, "backend", SimpleNamespace(add=lambda x, y, z: np.add(x, y, out=z)))
    check = FIRST["add"]
    assert all(line["passed"] for line in check.lines(PLACE))
    monkeypatch.setattr(place.Place, "backend", SimpleNamespace(add=lambda x, y, z: None))
    assert not any(line["passed"] for line in check.lines(PLACE))


def test_a_bound_knows_the_precision():
    check = next(convolution_checks.convolution(ConvolutionShape((1, 8, 5, 5), 4, (3, 3))))
    arguments = check.make(Draw("float32"))
    of = check.bound(arguments)
    limits = [of(Way("float32", mode)) for mode in ("exact", "fast", "tf32")]
    wholes = [whole for _, whole in limits]
    assert wholes == sorted(wholes)
    assert wholes[0] < 3e-6 < 1e-3 < wholes[2] < 2e-3
    assert all((first < second).all() for (first, _), (second, _) in pairwise(limits))


def test_arguments_of_the_host_stay_there(monkeypatch):
    seen = []
    monkeypatch.setattr(place.Place, "there", lambda self, array: array.astype(np.float16))
    monkeypatch.setattr(place.Place, "backend", SimpleNamespace(f=lambda x, rates: seen.append((x.dtype, rates.dtype))))
    monkeypatch.setattr(cpu, "f", lambda x, rates: None, raising=False)
    list(Check("f", "", lambda draw: (draw.normal(2), Host(np.ones(2)))).lines(PLACE))
    assert seen[0] == (np.float16, np.float64)
