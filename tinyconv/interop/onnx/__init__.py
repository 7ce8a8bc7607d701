"""ONNX: the file format in which frameworks hand trained networks to each other. Extra ``[onnx]``.

Models are written by ``export``, trained runs by ``export_run`` (exporting, run_export, and the folder writing). They
are read by ``load`` (reading: file opens one, older says it in today's words, weights and naming find its layers).
"""

from tinyconv.interop.onnx.exporting import Exported, export
from tinyconv.interop.onnx.reading import load
from tinyconv.interop.onnx.run_export import export_run

__all__ = ["Exported", "export", "export_run", "load"]
