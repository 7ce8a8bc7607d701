"""Floor 7: doors to other people's tools.

ONNX files, read and written (onnx); state dicts of PyTorch's (pytorch); weights in Keras's order (keras); arrays in
pickles, which are not run (pickled_arrays); MTCNN, a face detector that comes with its weights (mtcnn).
"""
