"""ONNX: the file format in which frameworks hand trained networks to each other. Extra ``[onnx]``.

Models are written by ``export``, trained runs by ``export_run`` (exporting, run_export, and the folder writing). They
are read by ``load``, and made runs by ``import_run`` (reading, run_import: file opens one, older says it in today's
words, weights and naming find its layers).
"""

from tinyconv.interop.onnx.exporting import Exported, export
from tinyconv.interop.onnx.reading import load
from tinyconv.interop.onnx.run_export import export_run
from tinyconv.interop.onnx.run_import import Imported, import_run

__all__ = ["Exported", "Imported", "export", "export_run", "import_run", "load"]
