"""``python -m tinyconv`` is the ``tinyconv`` command."""

import importlib

if __name__ == "__main__":
    # By name: the command is on a floor above the package's, and is installed into it.
    importlib.import_module("tinyconv.cli").main()
