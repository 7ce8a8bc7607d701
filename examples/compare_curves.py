"""Run mnist_style.py with PyTorch, and with its imports renamed with tinyconv; print both loss curves.

    python examples/compare_curves.py [epochs]

Both train in float64, from the same initial weights and in the same order, without dropout.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).with_name("mnist_style.py")
SAME = ("--double", "--no-dropout", "--numpy-random")


def rename_imports(text):
    """``text`` with tinyconv in place of PyTorch in the lines that import it; no other line changes."""
    text = re.sub(r"^import torch$", "import tinyconv as torch", text, flags=re.MULTILINE)
    return re.sub(r"^(import|from) torch\.", r"\1 tinyconv.", text, flags=re.MULTILINE)


def run(text, *options):
    """What the script ``text`` records: the loss of every step, and the accuracies."""
    with tempfile.TemporaryDirectory() as folder:
        script, record = Path(folder, "script.py"), Path(folder, "record.json")
        script.write_text(text)
        # One thread for PyTorch: on so small a network several mostly wait for each other.
        subprocess.run(
            [sys.executable, str(script), "--record", str(record), *options],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        return json.loads(record.read_text())


def main():
    options = [*SAME, "--epochs", sys.argv[1] if len(sys.argv) > 1 else "3"]
    text = SCRIPT.read_text()
    theirs = run(text, *options)
    ours = run(rename_imports(text), *options)
    print(f"{'step':>6}{'PyTorch':>22}{'tinyconv':>22}{'difference':>12}")
    for step, (one, other) in enumerate(zip(theirs["losses"], ours["losses"], strict=True), start=1):
        print(f"{step:6}{one:22.15f}{other:22.15f}{abs(one - other):12.1e}")
    print("test accuracy after each epoch:", theirs["accuracies"], "and", ours["accuracies"])


if __name__ == "__main__":
    main()
