"""Which functions each numbered equation of the theory is the definition of. The chapters call them by these labels."""

from __future__ import annotations

EQUATIONS = {
    "one-channel": ["backends.reference.convolution:conv2d"],
    "forward": ["backends.reference.convolution:terms", "backends.reference.convolution:conv2d"],
    "output-size": ["core.geometry:output_size", "backends.reference.convolution:conv2d"],
    "transposed": ["backends.reference.convolution:conv2d_input_gradient"],
    "transposed-size": ["core.geometry:transposed_size"],
    "matrix": ["backends.reference.convolution:conv2d"],
    "chain": ["backends.reference.convolution:conv2d_input_gradient"],
    "bias-gradient": ["backends.reference.normalization:channel_sum"],
    "weight-gradient": ["backends.reference.convolution:conv2d_weight_gradient"],
    "input-gradient": ["backends.reference.convolution:conv2d_input_gradient"],
    "adjoint": [
        "backends.reference.convolution:conv2d",
        "backends.reference.convolution:conv2d_input_gradient",
        "backends.reference.convolution:conv2d_weight_gradient",
    ],
    "flipped": ["backends.reference.convolution:conv2d_input_gradient", "backends.reference.convolution:conv2d"],
    "flipped-stride": ["backends.reference.convolution:conv2d_input_gradient", "backends.reference.convolution:conv2d"],
    "exchanged": ["backends.reference.convolution:conv2d_weight_gradient", "backends.reference.convolution:conv2d"],
    "linear": ["backends.reference.matmul:matmul"],
    "linear-gradient": ["backends.reference.matmul:matmul"],
    "relu": ["backends.reference.activation:relu"],
    "relu-gradient": ["backends.reference.activation:relu_gradient"],
    "max-pool": ["backends.reference.pooling:max_pool2d"],
    "max-pool-gradient": ["backends.reference.pooling:max_pool2d_gradient"],
    "avg-pool": ["backends.reference.pooling:avg_pool2d"],
    "avg-pool-gradient": ["backends.reference.pooling:avg_pool2d_gradient"],
    "moments": ["backends.reference.normalization:channel_moments"],
    "batch-norm": ["backends.reference.batch_norm:batch_norm"],
    "batch-norm-gradient": ["backends.reference.batch_norm:batch_norm_gradient"],
    "folded": ["backends.reference.batch_norm:batch_norm", "backends.reference.convolution:conv2d"],
    "softmax": ["backends.reference.cross_entropy:cross_entropy"],
    "cross-entropy": ["backends.reference.cross_entropy:cross_entropy"],
    "cross-entropy-gradient": ["backends.reference.cross_entropy:cross_entropy_gradient"],
    "sgd": ["backends.reference.optimizer_step:sgd_step"],
    "receptive-field": ["models.receptive_field:ReceptiveField.through"],
    "winograd": ["backends.reference.winograd:winograd_tile"],
}
"""Label: the functions, as "module inside tinyconv:name"; in the order of the text. The first is the transcription."""
