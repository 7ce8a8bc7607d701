"""ONNX: the file format in which frameworks hand trained networks to each other. Extra ``[onnx]``.

Models are written by ``export``, trained runs by ``export_run`` (exporting, run_export, and the folder writing).
"""

from tinyconv.interop.onnx.exporting import Exported, export
from tinyconv.interop.onnx.run_export import export_run

__all__ = ["Exported", "export", "export_run"]
