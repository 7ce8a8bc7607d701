"""The kernels' cache on disk: never stale, never in the way, and a notice before a compilation."""

import ast
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tinyconv.backends import notices
from tinyconv.backends.cpu import cache_key, compilation, libraries

KERNELS = """
import numpy as np
from package.compilation import kernel
from package.helpers import summand


@kernel
def fill(i, out):
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
from tinyconv.backends.notices import on_first_compile
from package.kernels import fill

compiled = []
on_first_compile(compiled.append)
out = np.zeros(3)
fill(out.size, out)
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
    for name in ("compilation.py", "cache_key.py", "jobs.py", "libraries.py", "borrowing.py"):
        source = Path(compilation.__file__).with_name(name).read_text()
        (folder / name).write_text(source.replace("tinyconv.backends.cpu", "package"))
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


EDITS = [
    ("unrelated.py", "x = 1", "x = 2", "[1.0, 2.0, 3.0] []", "[0.0, 5.0, 10.0] []"),
    ("kernels.py", "summand(i)", "summand(i) + 1", "[2.0, 3.0, 4.0] ['fill']", "[0.0, 5.0, 10.0] []"),
    ("helpers.py", "+ WIDTH", "+ WIDTH + 1", "[3.0, 4.0, 5.0] ['fill']", "[0.0, 5.0, 10.0] []"),
    ("constants.py", "WIDTH = 1", "WIDTH = 2", "[4.0, 5.0, 6.0] ['fill']", "[0.0, 5.0, 10.0] []"),
    ("made.py", "STEP = 5", "STEP = 6", "[4.0, 5.0, 6.0] []", "[0.0, 6.0, 12.0] ['stride']"),
    ("compilation.py", '"nogil": True', '"nogil": False', "[4.0, 5.0, 6.0] ['fill']", "[0.0, 6.0, 12.0] ['stride']"),
]
"""File, text, its replacement; what the kernel and the made kernel give after it, and which of them is compiled."""


@pytest.fixture
def factories(package):
    """Beside it a kernel that a factory makes around a helper, and a file that neither has to do with."""
    (package / "constants.py").write_text("WIDTH = 1")
    helpers = HELPERS.replace("i + 1", "i + WIDTH")
    (package / "helpers.py").write_text("from package import (\n    constants,\n)\nWIDTH = constants.WIDTH\n" + helpers)
    (package / "made.py").write_text(
        """
from package.compilation import helper, kernel

STEP = 5


@helper
def step(i):
    return STEP * i


def make(step):
    @kernel
    def stride(i, out):
        out[i] = step(i)

    return stride


stride = make(step)
"""
    )
    (package / "unrelated.py").write_text("x = 1")
    return package


USE_BOTH = (
    USE
    + """
from package.made import stride
compiled.clear()
stride(out.size, out)
print(out.tolist(), compiled)
"""
)


def test_an_edit_compiles_anew_what_is_made_of_it_and_nothing_else(factories, tmp_path):
    environment = {"PYTHONPATH": tmp_path, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    assert run_python(USE_BOTH, **environment) == "[1.0, 2.0, 3.0] ['fill']\n[0.0, 5.0, 10.0] ['stride']"
    for file, before, after, *expected in EDITS:
        text = (factories / file).read_text()
        assert before in text
        (factories / file).write_text(text.replace(before, after))
        assert run_python(USE_BOTH, **environment).splitlines() == expected, file


def test_the_imports_found_in_the_sources_of_the_kernels_are_those_that_python_would_do():
    folder = Path(compilation.__file__).parent
    package = compilation.__package__
    for path in folder.glob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == package:
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package + "."):
                names.add(node.module.removeprefix(package + "."))
        expected = {folder / f"{name}.py" for name in names if (folder / f"{name}.py").exists()}
        assert cache_key.imported(path, package) == expected, path.name


@pytest.mark.parametrize(
    "line",
    [
        "from package import a", "from package.a import x", "from . import a", "from .a import x", "import package.a",
        "    from package.a import (\n    x,\n)", "from package import (\n    b,\n    a as c,\n)",
        "import os, package.a as c",
    ],
)  # fmt: skip
def test_every_form_of_import_is_found(tmp_path, line):
    (tmp_path / "a.py").touch()
    (tmp_path / "user.py").write_text(f"import numpy as np\n{line}\n")
    cache_key.imported.cache_clear()
    assert cache_key.imported(tmp_path / "user.py", "package") == {tmp_path / "a.py"}


def test_inside_a_kernel_nothing_is_turned_into_machine_code_but_the_kernel(factories, tmp_path):
    """A helper's symbol is in no module that the engine was given, but the kernel's."""
    code = (
        USE
        + """
    from numba.core import codegen
    from package.libraries import InnerLibrary
    made = []
    usual = codegen.JITCPUCodegen._add_module
    def add(self, module):
        made.append(sum(not function.is_declaration for function in module.functions))
        return usual(self, module)
    codegen.JITCPUCodegen._add_module = add
    from package.made import stride
    stride(out.size, out)
    print(sum(count > 0 for count in made))
    """.replace("\n    ", "\n")
    )
    printed = run_python(code, PYTHONPATH=tmp_path, NUMBA_CACHE_DIR=tmp_path / "cache")
    assert printed.splitlines()[-1] == "1"


def test_with_a_numba_that_is_built_otherwise_inside_kernels_are_compiled_as_it_does_it(package, tmp_path):
    for obstacle in (
        "import sys; sys.modules['package.libraries'] = None",
        "from numba.core import codegen; del codegen.JITCodeLibrary",
    ):
        environment = {"PYTHONPATH": tmp_path, "NUMBA_CACHE_DIR": tmp_path / str(len(obstacle))}
        code = f"import numba.core.registry\n{obstacle}\n" + USE
        assert run_python(code, **environment) == "[1.0, 2.0, 3.0] ['fill']"
        assert run_python(code, **environment) == "[1.0, 2.0, 3.0] []"
    assert libraries.missing(libraries.PARTS) == []
    assert libraries.missing({str: ("lower", "lowest")}) == ["str.lowest"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_somebody_before_a_terminal_is_told_once_unless_somebody_else_tells(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    notices.announce.cache_clear()
    stop = notices.on_first_compile(lambda kernel: None)
    notices.compiles("first")
    assert sys.stderr.getvalue() == ""
    stop()
    notices.compiles("second")
    notices.compiles("third")
    assert sys.stderr.getvalue().count("\n") == 1
    assert "`tinyconv warmup`" in sys.stderr.getvalue()


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_files_notebooks_and_tests_are_told_nothing(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    notices.announce.cache_clear()
    notices.compiles("first")
    assert stream is None or stream.getvalue() == ""


def test_nan_and_infinity_survive_the_compiler_flags():
    assert not {"nnan", "ninf", "fast"} & set(compilation.FLAGS["fastmath"])
