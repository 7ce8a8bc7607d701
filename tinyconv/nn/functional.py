"""The operations behind the layers, as functions: ``import tinyconv.nn.functional as F``."""

from tinyconv.core.absent import explaining
from tinyconv.ops.activation.gated_activation import gelu, glu, mish, silu
from tinyconv.ops.activation.hard_activation import hardshrink, hardsigmoid, hardswish, softshrink
from tinyconv.ops.activation.rectifier import hardtanh, hardtanh_, relu, relu6, relu_, threshold, threshold_
from tinyconv.ops.activation.sloped_rectifier import leaky_relu, leaky_relu_, prelu, rrelu, rrelu_
from tinyconv.ops.activation.soft_activation import (
    celu,
    celu_,
    elu,
    elu_,
    logsigmoid,
    selu,
    selu_,
    softplus,
    softsign,
    tanhshrink,
)
from tinyconv.ops.activation.softmax import log_softmax, softmax, softmin
from tinyconv.ops.convolution.functions import conv1d, conv2d, conv3d
from tinyconv.ops.convolution.locally_connected import locally_connected2d
from tinyconv.ops.convolution.patches import fold, unfold
from tinyconv.ops.convolution.transposed_convolution import conv_transpose1d, conv_transpose2d, conv_transpose3d
from tinyconv.ops.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from tinyconv.ops.elementwise.elementwise import sigmoid
from tinyconv.ops.elementwise.hyperbolic import tanh
from tinyconv.ops.loss.binary_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from tinyconv.ops.loss.classification_loss import cross_entropy, nll_loss
from tinyconv.ops.loss.distance import cosine_similarity, pairwise_distance
from tinyconv.ops.loss.margin_loss import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from tinyconv.ops.loss.regression_loss import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from tinyconv.ops.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from tinyconv.ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from tinyconv.ops.product.linear import bilinear, linear
from tinyconv.ops.reduction.counting import one_hot
from tinyconv.ops.resizing.interpolation import interpolate
from tinyconv.ops.resizing.padding import pad
from tinyconv.ops.resizing.pixel_shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle

__getattr__ = explaining(__name__)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "local_response_norm",
    "locally_connected2d",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
]
