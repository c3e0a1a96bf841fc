"""`from gunicorn.dirty.app import DirtyApp` where Gunicorn is not installed. Where it is, its own modules are found first."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Optional, Sequence

_ROOT = Path(__file__).parent.parent / "stand_in"
_FILES = {
    "gunicorn": _ROOT / "gunicorn" / "__init__.py",
    "gunicorn.dirty": _ROOT / "gunicorn" / "dirty" / "__init__.py",
    "gunicorn.dirty.app": _ROOT / "gunicorn" / "dirty" / "app.py",
}


class StandInFinder(importlib.abc.MetaPathFinder):
    """Asked last: also by an installed Gunicorn that is too old to have dirty workers."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        """The stand-in of a module of that name."""
        file = _FILES.get(fullname)
        if file is None:
            return None
        # A package without a folder to search: what is not in the table is not found.
        packages = [] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(fullname, file, submodule_search_locations=packages)


def install() -> None:
    """Puts the stand-in behind everything else that finds modules."""
    sys.meta_path.append(StandInFinder())
