"""The floors: a file imports only from its own floor or from below. See the README's "How it is built"."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = {
    "tinyconv.core": 0,
    "tinyconv.backends": 1,
    "tinyconv.autograd": 2,
    "tinyconv.ops": 3,
    "tinyconv.nn": 4,
    "tinyconv.optim": 4,
    "tinyconv.data": 5,
    "tinyconv.models": 5,
    "tinyconv.utils": 5,
    "tinyconv.train": 6,
    "tinyconv.features": 7,
    "tinyconv.explain": 7,
    "tinyconv.report": 7,
    "tinyconv.detection": 7,
    "tinyconv.sklearn": 7,
    "tinyconv.interop": 7,
    "tinyconv.cli": 8,
}
PUBLIC_FACE = 9
"""``tinyconv/__init__.py`` and ``__main__.py`` stand above everything; only the command uses them."""

FOLDERS = [(ROOT / "tinyconv", "tinyconv"), (ROOT / "cli", "tinyconv.cli")]


def modules():
    for folder, package in FOLDERS:
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            yield name, path


def floor_of(module):
    floors = [floor for folder, floor in FLOORS.items() if module == folder or module.startswith(folder + ".")]
    return floors[0] if floors else PUBLIC_FACE


def imported(name, path):
    """Every tinyconv module that the file imports, anywhere in it, relative imports resolved."""
    is_package = path.name == "__init__.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")
            base = base[: len(base) - node.level + is_package] if node.level else []
            source = ".".join([*base, node.module] if node.module else base)
            # `from tinyconv import nn` imports a folder; `from tinyconv.nn import Module` a name in it.
            found = [f"{source}.{alias.name}" if source == "tinyconv" else source for alias in node.names]
        else:
            continue
        yield from (module for module in found if module.split(".")[0] == "tinyconv")


@pytest.mark.parametrize(("name", "path"), [pytest.param(*module, id=module[0]) for module in modules()])
def test_a_file_imports_only_from_its_own_floor_or_from_below(name, path):
    if floor_of(name) == PUBLIC_FACE:
        return
    upward = [module for module in imported(name, path) if floor_of(module) > floor_of(name)]
    if floor_of(name) == FLOORS["tinyconv.cli"]:
        upward = [module for module in upward if floor_of(module) != PUBLIC_FACE]
    assert not upward, f"{name} (floor {floor_of(name)}) imports upward: {upward}"


def test_nobody_above_the_operations_calls_a_kernel():
    for name, path in modules():
        if floor_of(name) > FLOORS["tinyconv.ops"]:
            assert not [module for module in imported(name, path) if module.startswith("tinyconv.backends")], name


def test_every_folder_has_a_floor():
    folders = {f"tinyconv.{path.parent.name}" for path in (ROOT / "tinyconv").glob("*/__init__.py")} | {"tinyconv.cli"}
    assert folders == set(FLOORS)


def test_the_backends_know_no_tensor_and_the_tape_names_no_operation():
    for name, path in modules():
        words = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        if floor_of(name) == FLOORS["tinyconv.backends"]:
            assert "Tensor" not in words, name
        if floor_of(name) == FLOORS["tinyconv.autograd"]:
            assert not words & {"conv2d", "relu", "matmul", "max_pool2d", "batch_norm"}, name


def test_importing_tinyconv_loads_neither_the_compiler_nor_a_plotting_or_learning_library():
    heavy = {"numba", "llvmlite", "scipy", "sklearn", "skimage", "matplotlib", "rich", "PIL", "safetensors", "torch"}
    heavy |= {"onnx", "onnxruntime"}
    program = "import sys, tinyconv; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & {module.split(".")[0] for module in loaded}
