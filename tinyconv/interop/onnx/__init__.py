"""ONNX: the file format in which frameworks hand trained networks to each other. Extra ``[onnx]``."""
