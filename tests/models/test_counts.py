"""The architectures have as many parameters as is published of them, and counting them takes no memory."""

import importlib.util
import subprocess
import sys

import bench_folder  # noqa: F401  (that it is imported is what it does)
import pytest

from tinyconv.core.errors import ShapeError
from tinyconv.core.shapes import has_no_memory
from tinyconv.models import registry
from tinyconv.models.counts import PUBLISHED, TORCHVISION, count, counts, csv_text, table_text

WHOLE_ZOO = """
import resource
from tinyconv.models.counts import counts
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = counts()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, sum(each.parameters for each in found))
"""


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: " ".join((entry.name, *entry.options)))
def test_a_model_has_the_published_parameters(entry):
    found = count(entry.name, **entry.options)
    assert found.parameters == found.trainable == found.published == entry.parameters
    assert found.source == entry.source


def test_what_is_published_of_multiply_adds_is_so_too():
    """In units of 10^9: the papers' own roundings, and torchvision's."""
    for name, billions in (
        ("resnet18", 1.8),
        ("resnet34", 3.7),
        ("resnet50", 4.1),
        ("resnet101", 7.8),
        ("vgg16", 15.5),
    ):
        assert round(count(name).multiply_adds / 1e9, 1) == billions


def test_every_model_is_counted_once_and_with_each_published_option():
    found = counts()
    listed = [each.text for each in found]
    assert len(set(listed)) == len(listed)
    assert {each.name for each in found} == set(registry.names())
    assert {(each.name, *each.options) for each in found} >= {(entry.name, *entry.options) for entry in PUBLISHED}
    table, lines = table_text(found).splitlines(), csv_text(found).splitlines()
    assert len(lines) == len(found) + 1
    assert "vgg16,3x224x224,1000,138357544,138357544,15470264320,torchvision" in lines
    assert any(line.split()[:3] == ["vgg16", "3x224x224", "1,000"] for line in table)


def test_the_whole_zoo_is_counted_in_a_sliver_of_the_memory_of_its_weights():
    finished = subprocess.run([sys.executable, "-c", WHOLE_ZOO], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    kilobytes, parameters = map(int, finished.stdout.split())
    assert 1024 * kilobytes < 100e6
    assert 4 * parameters > 4e9


@pytest.mark.parametrize("name", registry.names())
def test_the_large_parameters_of_an_outline_have_no_memory(name):
    large = [parameter for parameter in registry.outline(name).parameters() if parameter.numel() > 1000]
    assert all(has_no_memory(parameter.array) for parameter in large)


def test_an_outline_has_the_parameters_of_the_model_and_its_errors():
    arguments, options = ("vgg11", 2, 3, (40, 32)), {"width": 2, "dropout": 0.1}
    built, drawn = registry.build(*arguments, **options), registry.outline(*arguments, **options)
    assert [(name, value.shape) for name, value in drawn.state_dict().items()] == [
        (name, value.shape) for name, value in built.state_dict().items()
    ]
    with pytest.raises(ShapeError, match="at least 32x32"):
        registry.outline("vgg11", image_size=(16, 16))
    assert registry.build("lenet", 1, 10, (28, 28)).conv1.weight.numpy(force=True).any()


@pytest.mark.parametrize(
    "name", [entry.name for entry in PUBLISHED if entry.source == TORCHVISION and not entry.options]
)
def test_a_published_network_has_torchvision_s_names_and_shapes(name):
    """In its order too, and of buffers; neither library takes memory for them."""
    torch = pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision: pip install --no-deps torchvision")
    from bench.peers.torch_zoo import architectures

    with torch.device("meta"):
        theirs = getattr(architectures(), name)(**({"init_weights": False} if name == "googlenet" else {}))
    ours = registry.outline(name)
    assert [(entry, value.shape) for entry, value in ours.state_dict().items()] == [
        (entry, tuple(value.shape)) for entry, value in theirs.state_dict().items()
    ]
