"""Paths in a configuration: relative ones start at the folder of hub.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

#: The key under which the folder of hub.yaml is handed to validators.
BASE_DIR = "base_dir"


def _resolved(path: Path, info: ValidationInfo) -> Path:
    base = info.context.get(BASE_DIR) if info.context else None
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError("there is no home folder that '~' could stand for") from None
    return base / path if isinstance(base, Path) else path


#: A field type: an absolute path once read from hub.yaml; whether it exists is not checked.
ConfigPath = Annotated[Path, AfterValidator(_resolved)]
