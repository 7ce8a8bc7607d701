"""Floor 7: doors to other people's tools. ONNX files, read and written (onnx)."""
