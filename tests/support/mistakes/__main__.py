"""``python tests/support/mistakes [--beside | --ask-pytorch]``; see the package's docstring."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mistakes import beside

if sys.argv[1:] == ["--ask-pytorch"]:
    text = json.dumps(beside.ask_pytorch(), indent=1, ensure_ascii=False)
    beside.FILE.write_text(text + "\n", encoding="utf-8")
elif sys.argv[1:] == ["--beside"]:
    sys.stdout.write(beside.markdown())
else:
    sys.stdout.write(beside.plain() + "\n")
