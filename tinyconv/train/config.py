"""A training's settings as a TOML file: the options of ``tinyconv train`` by their names, with _ for -.

data = "lfw-subset"
epochs = 40
schedule = "cosine"

[model_options]
dropout = 0.3
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tinyconv.core.errors import RunError
from tinyconv.models import registry
from tinyconv.train.recipes import Recipe


def read_config(path: str | Path, known: Collection[str]) -> dict[str, Any]:
    """The settings in the file ``path``, whose names must be among ``known``.

    Raises: ``RunError``, naming the file, where it cannot be read or is no TOML, and for a name that is not known with
        the nearest that is.

    >>> import pathlib
    >>> from tinyconv.train import read_config
    >>> _ = pathlib.Path("my.toml").write_text("epochs = 3")
    >>> read_config("my.toml", ["epochs", "lr"])
    {'epochs': 3}
    """
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; give a TOML file, such as the config.toml of a run") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RunError(f"{path} is no TOML file: {error}") from None
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it may have {', '.join(sorted(known))}"
            raise RunError(f"{path} has the unknown key {name!r}; {hint}")
    return settings


def settings_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that repeat a run, from what its ``run.json`` says."""
    data, recipe = configuration["data"], Recipe(**configuration["recipe"])
    own = {
        "data": data["spec"],
        **data["options"],
        "seed": configuration["seed"],
        "device": configuration["device"],
        "precision": configuration["float32_precision"],
    }
    options = {"model_options": registry.defaults(recipe.model) | recipe.model_options}
    return own | recipe.choices() | dict(configuration["recording"]) | options


def config_text(settings: Mapping[str, Any]) -> str:
    """``settings`` as TOML: text, numbers, True and False, lists of these, and dictionaries of them as tables.

    None is left out: TOML has none.

    Raises: nothing of its own.

    >>> from tinyconv.train import config_text
    >>> print(config_text({"epochs": 3, "seed": None, "model_options": {"widths": [8, 16]}}), end="")
    epochs = 3
    <BLANKLINE>
    [model_options]
    widths = [8, 16]
    """
    plain = [(name, value) for name, value in settings.items() if value is not None and not isinstance(value, Mapping)]
    tables = [(name, value) for name, value in settings.items() if isinstance(value, Mapping) and value]
    lines = [f"{name} = {_written(value)}" for name, value in plain]
    for name, table in tables:
        lines += ["", f"[{name}]", *(f"{key} = {_written(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    # JSON's texts, numbers, true and false are TOML's too; but for U+007F, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
