"""A user's mistake names the operation, the actual values, the rule, and the way out."""

import re

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.nn import functional as F

IMAGES = tc.zeros(2, 3, 8, 8)
WEIGHT = tc.zeros(4, 3, 3, 3)


def read_only():
    array = np.zeros(2, np.float32)
    array.flags.writeable = False
    return tc.from_numpy(array)


MISTAKES = {
    "wrong channels": (
        lambda: F.conv2d(tc.zeros(2, 1, 8, 8), WEIGHT),
        ValueError,
        "conv2d: input has 1 channels, but weight (4, 3, 3, 3) with groups=1 is made for weight.shape[1] * groups = 3 "
        "(input (2, 1, 8, 8) is read as (N, C, H, W))",
    ),
    "images as rows": (
        lambda: F.conv2d(tc.zeros(2, 192), WEIGHT),
        ValueError,
        "conv2d: input must be images of shape (N, C, H, W), or one image (C, H, W), got shape (2, 192)",
    ),
    "kernel larger than the padded input": (
        lambda: F.conv2d(tc.zeros(1, 3, 4, 9), tc.zeros(4, 3, 3, 3), padding=(1, 0), dilation=(4, 1)),
        ValueError,
        "conv2d: kernel_size (3, 3) with dilation (4, 1) spans dilation (kernel_size - 1) + 1 = (9, 3) pixels, more "
        "than the padded input: (H, W) + 2 padding = (4, 9) + 2 * (1, 0) = (6, 9); use larger images, a smaller "
        "kernel, or more padding",
    ),
    "groups that do not divide": (
        lambda: F.conv2d(IMAGES, WEIGHT, groups=2),
        ValueError,
        "conv2d: groups must divide the channels of input and output: 3 and 4 channels, groups=2 "
        "(input (2, 3, 8, 8), weight (4, 3, 3, 3))",
    ),
    "no groups": (lambda: F.conv2d(IMAGES, WEIGHT, groups=0), ValueError, "a whole number and at least 1, got 0"),
    "half a group": (lambda: F.conv2d(IMAGES, WEIGHT, groups=1.5), ValueError, "at least 1, got 1.5"),
    "weight of a linear layer": (
        lambda: F.conv2d(IMAGES, tc.zeros(4, 3)),
        ValueError,
        "conv2d: weight must have shape (K, C / groups, R, S), got (4, 3)",
    ),
    "bias of the wrong size": (
        lambda: F.conv2d(IMAGES, WEIGHT, tc.zeros(3)),
        ValueError,
        "conv2d: bias must have one element per filter, shape (4,), got (3,)",
    ),
    "stride of zero": (
        lambda: F.conv2d(IMAGES, WEIGHT, stride=(1, 0)),
        ValueError,
        "conv2d: stride must be at least 1, got (1, 0)",
    ),
    "stride of three numbers": (
        lambda: F.conv2d(IMAGES, WEIGHT, stride=(1, 1, 1)),
        ValueError,
        "conv2d: stride must be an int or a pair of ints, got (1, 1, 1)",
    ),
    "negative padding": (
        lambda: F.conv2d(IMAGES, WEIGHT, padding=-1),
        ValueError,
        "conv2d: padding must not be negative, got -1",
    ),
    "unknown padding": (
        lambda: F.conv2d(IMAGES, WEIGHT, padding="full"),
        ValueError,
        "conv2d: padding is a number, a pair, 'same' or 'valid', got 'full'",
    ),
    "same padding with a stride": (
        lambda: F.conv2d(IMAGES, WEIGHT, stride=2, padding="same"),
        ValueError,
        "conv2d: padding='same' keeps the size of the input, which a stride of (2, 2) cannot",
    ),
    "bytes as images": (
        lambda: F.conv2d(tc.zeros(2, 3, 8, 8, dtype=tc.uint8), WEIGHT),
        TypeError,
        "conv2d: input must be float32 or float64, got uint8; convert it with .float()",
    ),
    "mixed precision": (
        lambda: F.conv2d(IMAGES.double(), WEIGHT),
        RuntimeError,
        "conv2d: input is float64 but weight is float32; convert one of them with .float() or .double()",
    ),
    "an array instead of a tensor": (
        lambda: F.conv2d(IMAGES.numpy(), WEIGHT),
        TypeError,
        "conv2d: input must be a tensor, got ndarray",
    ),
    "pooling window larger than the image": (
        lambda: F.max_pool2d(tc.zeros(1, 1, 2, 2), 3),
        ValueError,
        "max_pool2d: kernel_size (3, 3) with dilation (1, 1) spans",
    ),
    "more padding than half the window": (
        lambda: F.avg_pool2d(IMAGES, 2, padding=2),
        ValueError,
        "avg_pool2d: padding must be at most half the window, or a window would see padding only: padding (2, 2), "
        "kernel_size (2, 2), dilation (1, 1)",
    ),
    "a dilated window that sees no pixel": (
        lambda: F.max_pool2d(tc.zeros(1, 1, 1, 8), (2, 1), padding=(1, 0), dilation=2),
        ValueError,
        "max_pool2d: window 0 (kernel 2, stride 2, padding 1, dilation 2) sees no pixel of an input 1 pixels long",
    ),
    "three output sizes": (
        lambda: F.adaptive_avg_pool2d(IMAGES, (1, 2, 3)),
        ValueError,
        "adaptive_avg_pool2d: output_size is a number or a pair, got (1, 2, 3)",
    ),
    "no output": (
        lambda: F.adaptive_avg_pool2d(IMAGES, 0),
        ValueError,
        "adaptive_avg_pool2d: output_size must be at least 1",
    ),
    "one value per channel": (
        lambda: F.batch_norm(tc.zeros(1, 3), None, None, training=True),
        ValueError,
        "batch_norm: training needs more than one value per channel, input (1, 3) has 1",
    ),
    "running statistics of another layer": (
        lambda: F.batch_norm(IMAGES, tc.zeros(4), tc.ones(4)),
        ValueError,
        "batch_norm: running_mean must have one element per channel of the input (2, 3, 8, 8), shape (3,), got (4,)",
    ),
    "evaluating without running statistics": (
        lambda: F.batch_norm(IMAGES, None, None),
        ValueError,
        "batch_norm: without training=True it needs running_mean and running_var",
    ),
    "linear on images that were not flattened": (
        lambda: F.linear(IMAGES, tc.zeros(10, 192)),
        ValueError,
        "linear: the last dimension of input (2, 3, 8, 8) has size 8, but weight (10, 192) takes in_features = 192; "
        "make the layer with in_features=8, or flatten it first: flatten(1) gives in_features",
    ),
    "a class that does not exist": (
        lambda: F.cross_entropy(tc.zeros(2, 3), tc.tensor([0, 3])),
        IndexError,
        "cross_entropy: target 3 is outside [0, 2], the classes of input (2, 3); classes count from 0",
    ),
    "one target too few": (
        lambda: F.cross_entropy(tc.zeros(2, 3), tc.tensor([0])),
        ValueError,
        "cross_entropy: target must have the shape of input (2, 3) without its class dimension, (2,), got (1,)",
    ),
    "classes as floats": (
        lambda: F.cross_entropy(tc.zeros(2, 3), tc.tensor([0.0, 1.0])),
        ValueError,
        "cross_entropy: floating-point targets are probabilities and must have the shape of input (2, 3), got (2,); "
        "classes must be int64",
    ),
    "an unknown reduction": (
        lambda: F.mse_loss(tc.zeros(2), tc.zeros(2), reduction="max"),
        ValueError,
        "mse_loss: reduction is 'mean', 'sum' or 'none', got 'max'",
    ),
    "softmax along no dimension": (
        lambda: F.softmax(tc.zeros(2, 3)),
        ValueError,
        "softmax: state the dimension that sums to 1, such as dim=1 for input (2, 3)",
    ),
    "softmax along a dimension that is not there": (
        lambda: F.softmax(tc.zeros(2, 3), dim=2),
        IndexError,
        "softmax: dimension 2 is outside [-2, 1]",
    ),
    "a probability above one": (
        lambda: F.dropout(IMAGES, 1.5),
        ValueError,
        "dropout: p is a probability in [0, 1], got 1.5",
    ),
    "shapes that do not broadcast": (
        lambda: tc.zeros(2, 3) + tc.zeros(4),
        ValueError,
        "add: shapes (2, 3) and (4,) cannot be broadcast together; aligned at the last dimension",
    ),
    "matrices that do not fit": (
        lambda: tc.zeros(2, 3) @ tc.zeros(2, 3),
        ValueError,
        "matmul: (2, 3) @ (2, 3): the last size of the first, 3, must equal the second-to-last size of the second, 2",
    ),
    "a matrix product with an array": (
        lambda: tc.zeros(2, 3) @ IMAGES.numpy(),
        TypeError,
        "a tensor cannot be combined with a NumPy array; wrap the array with from_numpy() or tensor()",
    ),
    "too many elements for a shape": (
        lambda: tc.zeros(2, 3).reshape(4, -1),
        ValueError,
        "reshape: a tensor of shape (2, 3) has 6 elements, which do not fit (4, -1)",
    ),
    "a dimension that is not there": (lambda: tc.zeros(2, 3).sum(2), IndexError, "sum: dimension 2 is outside [-2, 1]"),
    "parts that do not fit together": (
        lambda: tc.cat([tc.zeros(2, 3), tc.zeros(3, 2)]),
        ValueError,
        "cat: tensor 1 has shape (3, 2), the first (2, 3)",
    ),
    "a fill that a byte cannot hold": (
        lambda: tc.zeros(2, dtype=tc.uint8).fill_(300),
        TypeError,
        "uint8 holds the integers from 0 to 255, which 300 is not among",
    ),
    "a byte out of range among others": (
        lambda: tc.where(tc.tensor([True]), 300, tc.zeros(1, dtype=tc.uint8)),
        TypeError,
        "uint8 holds the integers from 0 to 255, which 300 is not among",
    ),
    "NaN among integers": (
        lambda: tc.zeros(2, dtype=tc.int64).fill_(float("nan")),
        TypeError,
        "which nan is not among",
    ),
    "a number of more than 64 bits": (
        lambda: tc.tensor([1]) + 2**70,
        TypeError,
        "int64 holds the integers from -9223372036854775808 to 9223372036854775807",
    ),
    "a number beyond float64": (
        lambda: tc.tensor([1.0]) + 10**400,
        TypeError,
        "an integer of 1329 bits is too large for a tensor of float32",
    ),
    "a negative power of bytes": (
        lambda: tc.ones(2, dtype=tc.uint8) ** -1,
        ValueError,
        "pow: integers cannot be raised to the negative power -1; convert to float first",
    ),
    "a negative power of integers in place": (
        lambda: tc.tensor([1]).pow_(-1),
        ValueError,
        "pow_: integers cannot be raised to the negative power -1; convert to float first",
    ),
    **{
        f"{name} of integers in place": (
            lambda name=name: getattr(tc.tensor([1]), name)(),
            TypeError,
            f"{name}: the result is float32, which a tensor of int64 cannot hold",
        )
        for name in ("exp_", "sqrt_", "tanh_", "sigmoid_")
    },
    "the negative of truth values": (
        lambda: -tc.tensor([True]),
        TypeError,
        "neg: is not defined on bool tensors; invert truth values with ~ or logical_not()",
    ),
    "the negative of truth values in place": (
        lambda: tc.tensor([True]).neg_(),
        TypeError,
        "neg_: is not defined on bool tensors",
    ),
    "integers between fractions in place": (
        lambda: tc.tensor([1]).clamp_(0.5),
        TypeError,
        "clamp_: the result is float32, which a tensor of int64 cannot hold",
    ),
    "no bounds in place": (
        lambda: tc.tensor([1]).clamp_(),
        ValueError,
        "clamp_: both min and max are None; give at least one of them",
    ),
    "a list added in place": (
        lambda: tc.tensor([1]).add_([1]),
        TypeError,
        "add_: an operand is a list; tensors and Python or NumPy numbers can be combined",
    ),
    "writing into repeated elements": (
        lambda: tc.zeros(1, 2).expand(3, 2).add_(1),
        RuntimeError,
        "add_: this tensor of shape (3, 2) cannot be written: its elements are repeated without copies (by expand), so "
        "that one write would change several; clone() it first",
    ),
    "writing into a read-only array": (
        lambda: read_only().add_(1),
        RuntimeError,
        "add_: this tensor of shape (2,) cannot be written: it was made over a read-only NumPy array; clone() it first",
    ),
    "an element of a read-only array": (
        lambda: read_only().__setitem__(0, 1),
        RuntimeError,
        "x[index] = value: this tensor of shape (2,) cannot be written",
    ),
    "a list of classes": (
        lambda: F.cross_entropy(tc.zeros(2, 3), [0, 1]),
        TypeError,
        "cross_entropy: target must be a tensor, got list; see tensor()",
    ),
    "a list of classes for likelihoods": (
        lambda: F.nll_loss(tc.zeros(2, 3), [0, 1]),
        TypeError,
        "nll_loss: target must be a tensor, got list",
    ),
    "a number as regression target": (
        lambda: F.mse_loss(tc.zeros(2), 0.5),
        TypeError,
        "mse_loss: target must be a tensor, got float",
    ),
    "a list as regression target": (
        lambda: F.l1_loss(tc.zeros(2), [0.5]),
        TypeError,
        "l1_loss: target must be a tensor, got list",
    ),
    "a condition that is no tensor": (
        lambda: tc.where(True, tc.zeros(1), tc.zeros(1)),
        TypeError,
        "where: condition must be a tensor, got bool True; tensor(condition) makes one",
    ),
    "too few repetitions": (
        lambda: tc.zeros(2, 3).repeat(2),
        ValueError,
        "repeat: needs a count of 0 or more for each of the 2 dimensions of (2, 3), got (2,)",
    ),
    "three flags of a conversion": (
        lambda: tc.zeros(1).to("cpu", True, True, True),
        ValueError,
        "to: takes at most two truth values, non_blocking and copy, got 3",
    ),
    "a fraction of a pixel": (
        lambda: F.max_pool2d(IMAGES, (1.5, 1.9)),
        ValueError,
        "max_pool2d: kernel_size must be an int or a pair of ints, got (1.5, 1.9)",
    ),
    "the mean of integers": (lambda: tc.tensor([1, 2]).mean(), TypeError, "mean: needs floating-point numbers"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_for(mistake: str):
    function, builtin, message = MISTAKES[mistake]
    with pytest.raises(builtin, match=re.escape(message)) as caught:
        function()
    assert isinstance(caught.value, tc.TinyconvError)
    assert "\n" not in str(caught.value)


def test_a_target_that_is_broadcast_is_warned_of():
    with pytest.warns(UserWarning, match=r"mse_loss: target \(3, 1\) differs from input \(3,\) and is broadcast"):
        F.mse_loss(tc.zeros(3), tc.zeros(3, 1))


@pytest.mark.parametrize(
    "name", ["sum", "mean", "nansum", "nanmean", "prod", "all", "any", "amax", "amin", "logsumexp"]
)
def test_a_second_dimension_is_not_taken_for_keepdim(name):
    with pytest.raises(ArgumentError, match=f"^{name}: keepdim is True or False, got 3; several dimensions go into"):
        getattr(IMAGES, name)(2, 3)


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
def test_a_correction_given_in_two_ways_is_refused(name):
    with pytest.raises(ArgumentError, match=f"{name}: give unbiased=False or correction=2, not both"):
        getattr(tc, name)(IMAGES, 1, False, correction=2)
    with pytest.raises(ArgumentError, match="correction must be a number"):
        getattr(tc, name)(IMAGES, 1, correction="a")


@pytest.mark.parametrize("sizes", [(10**20,), (2**31, 2**31, 2**31), (2**62, 0)])
def test_a_shape_beyond_any_memory_is_refused(sizes):
    with pytest.raises(ArgumentError, match="is larger than any memory"):
        tc.zeros(*sizes)


@pytest.mark.parametrize(
    "draw",
    [
        lambda wrong: tc.randn(2, generator=wrong),
        lambda wrong: tc.randint(3, (2,), generator=wrong),
        lambda wrong: tc.randperm(3, generator=wrong),
        lambda wrong: tc.zeros(3).random_(generator=wrong),
        lambda wrong: tc.zeros(3).normal_(generator=wrong),
    ],
)
def test_what_is_no_generator_is_refused_as_one(draw):
    with pytest.raises(ArgumentError, match="generator must be a Generator, got int 7"):
        draw(7)


def test_a_diagonal_beyond_the_matrix_is_one_just_outside():
    x = tc.ones(2, 3)
    assert x.tril(10**20).tolist() == x.triu(-(10**20)).tolist() == x.tolist()
    assert x.tril(-(10**20)).tolist() == x.triu(10**20).tolist() == [[0.0] * 3] * 2


def test_a_number_is_no_list_of_tensors():
    with pytest.raises(DTypeError, match="cat: takes a list or tuple of tensors, got 3"):
        tc.cat(3)


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        ([[1.0, 2.0], [3.0]], "data[0] has length 2, but data[1] has length 1"),
        ([1, [2]], "data[0] is a number, but data[1] has length 1"),
        ([[[1, 2], [3, 4]], [[5, 6], [7]]], "data[0][0] has length 2, but data[1][1] has length 1"),
    ],
)
def test_lists_of_several_lengths_are_named_with_their_lengths(data, facts):
    with pytest.raises(ArgumentError) as error:
        tc.tensor(data)
    assert f"tensor: {facts}; the lists of one level must have one length" in str(error.value)
    assert "sequence" not in str(error.value)
