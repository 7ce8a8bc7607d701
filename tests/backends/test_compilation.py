"""The kernels' cache on disk: never stale, never in the way, and a notice before a compilation."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tinyconv.backends.cpu import compilation

KERNELS = """
import numpy as np
from numba import prange
from package.compilation import kernel
from package.helpers import summand


@kernel
def fill(out):
    for i in prange(out.size):
        out[i] = summand(i)
"""

HELPERS = """
from package.compilation import helper


@helper
def summand(i):
    return i + 1
"""

USE = """
import numpy as np
from package.compilation import on_first_compile
from package.kernels import fill

compiled = []
on_first_compile(compiled.append)
out = np.zeros(3)
fill(out)
print(out.tolist(), compiled)
"""


def run_python(code, **environment):
    """What ``code`` prints in a process of its own, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path):
    """A package with the real ``compilation`` module and a kernel whose helper stands in another file."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "compilation.py").write_bytes(Path(compilation.__file__).read_bytes())
    (folder / "kernels.py").write_text(KERNELS)
    (folder / "helpers.py").write_text(HELPERS)
    return folder


def test_an_edited_helper_in_another_file_is_never_answered_by_a_stale_binary(package, tmp_path):
    environment = {"PYTHONPATH": tmp_path, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    assert run_python(USE, **environment) == "[1.0, 2.0, 3.0] ['fill']"
    assert run_python(USE, **environment) == "[1.0, 2.0, 3.0] []", "the cache on disk was not used"
    (package / "helpers.py").write_text(HELPERS.replace("i + 1", "i + 2"))
    assert run_python(USE, **environment) == "[2.0, 3.0, 4.0] ['fill']"


def test_without_a_writable_folder_kernels_compile_every_time_after_one_warning(package, tmp_path):
    (package / "kernels.py").write_text(KERNELS + KERNELS.replace("def fill", "def fill_again"))
    code = """
        import warnings
        from numba.core.caching import CompileResultCacheImpl
        CompileResultCacheImpl._locator_classes = []  # what a read-only container amounts to
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import package.kernels
        print([str(warning.message) for warning in caught if warning.category is RuntimeWarning])
    """
    printed = run_python(code + textwrap.indent(USE, " " * 8), PYTHONPATH=tmp_path)
    warning, result = printed.splitlines()
    assert warning.count("NUMBA_CACHE_DIR") == 1
    assert result == "[1.0, 2.0, 3.0] ['fill']"


def test_a_full_disk_is_a_warning_and_not_an_error(package, tmp_path):
    code = """
        import warnings
        from numba.core.caching import FunctionCache
        def fail(*arguments):
            raise OSError(28, "No space left on device")
        FunctionCache.save_overload = fail
        warnings.simplefilter("ignore")
    """
    printed = run_python(code + textwrap.indent(USE, " " * 8), PYTHONPATH=tmp_path, NUMBA_CACHE_DIR=tmp_path / "cache")
    assert printed == "[1.0, 2.0, 3.0] ['fill']"


def test_the_digest_sees_every_file_of_the_folder(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    first = compilation.source_digest(tmp_path)
    (tmp_path / "b.py").write_text("y = 1")
    second = compilation.source_digest(tmp_path)
    (tmp_path / "a.py").write_text("x = 2")
    assert len({first, second, compilation.source_digest(tmp_path)}) == 3


def test_nan_and_infinity_survive_the_compiler_flags():
    assert not {"nnan", "ninf", "fast"} & set(compilation.FLAGS["fastmath"])
