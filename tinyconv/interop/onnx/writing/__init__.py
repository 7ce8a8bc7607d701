"""From a model's computation to an ONNX file.

A computation (models.tracing) becomes a draft of nodes and weights (draft), each operation by its writer (table, and
the families convolution, pooling, normalization, activations, elementwise, products, reductions, shapes). Drafts of two
inputs tell what depends on their sizes (comparison); the rest is the file (model_file).
"""
