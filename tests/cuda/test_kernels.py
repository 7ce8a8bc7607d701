"""What a kernel is compiled for, and what of that is kept on the disk."""

import warnings

import pytest
from ptx.compiling import compiling

from tinyconv.backends import notices
from tinyconv.backends.cuda import kernels
from tinyconv.backends.cuda.compiler import cuda
from tinyconv.backends.cuda.kernels import Kernel, all_kernels, kernel
from tinyconv.backends.cuda.parameters import Floats


def double(x: Floats):
    """x = 2 x."""
    i = cuda.grid(1)
    if i < x.size:
        x[i] += x[i]


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """The names of the kernels that are compiled, not read; the disk is empty."""
    monkeypatch.setenv("TINYCONV_CACHE_DIR", str(tmp_path))
    names = []
    stop = notices.on_first_compile(names.append)
    yield names
    stop()


def runs_on(least, capability):
    return Kernel(double, "double", least=least).runs_on(capability)


def test_a_gpu_runs_the_kernels_of_its_generation():
    assert runs_on((8, 0), (9, 0))
    assert not runs_on((9, 0), (8, 6))
    assert runs_on((9, 0, "a"), (9, 0))
    assert not runs_on((9, 0, "a"), (10, 0))


@pytest.mark.parametrize(
    ("capability", "target"),
    [((7, 5), (7, 5)), ((8, 0), (8, 0)), ((8, 6), (8, 0)), ((9, 0), (8, 0)), ((12, 1), (8, 0))],
)
def test_a_gpu_gets_the_newest_ptx_that_it_runs(capability, target):
    assert Kernel(double, "double").target(capability) == target
    assert Kernel(double, "double", least=(9, 0, "a")).target(capability) == (9, 0, "a")


def test_ptx_is_compiled_once_for_every_type_and_target_and_bound(heard):
    with compiling():
        made = Kernel(double, "double")
        first = made.ptx("float32", (8, 0))
        assert made.ptx("float32", (8, 0)) == first
        assert Kernel(double, "double").ptx("float32", (8, 0)) == first
        assert heard == ["double"]
        texts = {first, made.ptx("float64", (8, 0)), made.ptx("float32", (7, 5))}
        texts |= {Kernel(double, "double", threads=64, blocks=count).ptx("float32", (8, 0)) for count in (None, 4)}
    assert heard == ["double"] * 5
    assert len(texts) == 5
    assert ".visible .entry double_float32(" in first


def test_an_edit_of_the_backend_makes_old_ptx_a_strangers(heard, monkeypatch):
    with compiling():
        Kernel(double, "double").ptx("float32", (8, 0))
        monkeypatch.setattr(kernels, "_sources", lambda: "another digest")
        Kernel(double, "double").ptx("float32", (8, 0))
    assert heard == ["double"] * 2


def test_a_file_that_was_cut_off_is_compiled_anew(heard, tmp_path):
    with compiling():
        Kernel(double, "double").ptx("float32", (8, 0))
        (file,) = (tmp_path / "ptx").iterdir()
        file.write_text("")
        assert ".visible .entry double_float32(" in Kernel(double, "double").ptx("float32", (8, 0))
    assert heard == ["double"] * 2


def test_a_folder_that_cannot_be_written_is_warned_of_once(heard, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("TINYCONV_CACHE_DIR", str(blocked))
    monkeypatch.setattr(notices, "_warned", type(notices._warned)())
    with compiling():
        with pytest.warns(RuntimeWarning, match="cannot be kept on disk"):
            Kernel(double, "double").ptx("float32", (8, 0))
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            Kernel(double, "double").ptx("float32", (8, 0))


def test_all_kernels_are_known_and_no_two_have_one_name():
    names = [each.name for each in all_kernels()]
    assert len(names) == len(set(names))
    assert {"affine_4", "depthwise_forward", "transpose_weight"} <= set(names)
    with pytest.raises(ValueError, match="two kernels are called affine_4"):
        kernel(double, name="affine_4")
