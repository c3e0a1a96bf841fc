"""An app: its class as it was imported, and the instance that serves."""

from __future__ import annotations

import importlib
import inspect
import sys
from concurrent.futures import Future
from typing import Any, Callable, Dict, List, Optional

from .actions import own_call, resolve
from .app import actions_of, find_action
from .errors import text_of
from .threads import AppLoop, AppThreads


class AppError(Exception):
    """The app cannot be loaded; the text says why and what to do."""


class AppHost:
    """The one app of this worker."""

    def __init__(self, spec: Dict[str, Any]) -> None:
        """`spec` is the app's spec, as the arbiter has taken it apart."""
        self.module: str = spec["path"]
        self.class_name: str = spec["className"]
        self.name: str = spec["name"]
        self.threads = AppThreads()
        self.loop = AppLoop()
        self.concurrency = 1
        self.running = 0
        self._workers_in_spec: Optional[int] = spec.get("workers")
        self._class: Any = None
        self._app: Any = None

    def load(self) -> "Future[Any]":
        """Imports the app's module, in the app's first thread, so that the wire is served meanwhile."""
        return self.threads.ask(self._import)

    def statics(self) -> Dict[str, Any]:
        """
        What the arbiter needs to know of the app.
        :raises AppError: when an attribute is none of its kind.
        """
        self.concurrency = self.threads.most = self._count("concurrency") or 1
        self.continues()
        resources = getattr(self._class, "resources", None) or {}
        if not isinstance(resources, dict) or not all(_is_count(count, 0) for count in resources.values()):
            raise AppError(f"resources of the dirty app {self.name} must name whole numbers of units, as {{'gpu': 1}}.")
        workers = self._workers_in_spec or self._count("workers") or 1
        return {"app": self.name, "workers": workers, "resources": dict(resources), **self._actions(self._shape())}

    def stashes(self) -> Dict[str, Dict[str, Any]]:
        """
        The tables of the stash that the app declares, with the bounds of each.
        :raises AppError: when the declaration is none.
        """
        declared = getattr(self._class, "stashes", None) or ()
        tables = declared if isinstance(declared, dict) else {name: {} for name in _items(declared)}
        known = {"max_entries", "max_bytes", "ttl"}
        for name, bounds in tables.items():
            if not isinstance(name, str) or not isinstance(bounds, dict) or not known.issuperset(bounds):
                raise AppError(
                    f"stashes of the dirty app {self.name} must be names of tables, or a dict of max_entries, max_bytes and ttl by name."
                )
        return {name: dict(bounds) for name, bounds in tables.items()}

    def start(self) -> "Future[Any]":
        """Makes the instance and runs its `init`."""
        return self.threads.ask(self._init)

    def close(self) -> "Future[Any]":
        """Runs the app's `close`."""
        return self.threads.ask(lambda: self._settle(getattr(self._app, "close", None)))

    def action(self, name: str) -> Optional[Callable[..., Any]]:
        """What to call for an action; None where the app has none of that name."""
        return resolve(self._app, name)

    def describe(self) -> Dict[str, Any]:
        """What the dirty arbiter is told."""
        return {"app": self.name, "concurrency": self.concurrency, "continues": self.continues(), **self._actions(self._app)}

    def _actions(self, app: Any) -> Dict[str, List[str]]:
        # An app with a `__call__` of its own decides with each call.
        return {} if own_call(app) is not None else {"actions": actions_of(app)}

    def _shape(self) -> Any:
        # Of the class, before there is an instance.
        return object.__new__(self._class)

    def _import(self) -> None:
        try:
            module = importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            missing = error.name or self.module
            if self.module == missing or self.module.startswith(f"{missing}."):
                advice = f"modules are looked for in {sys.path[0]} and in the packages of {sys.executable}"
            else:
                advice = f"install it with {sys.executable} -m pip install, or choose another interpreter with --python"
            raise AppError(f"The dirty app {self.name} cannot be loaded: {error}; {advice}.") from error
        except BaseException as error:
            raise AppError(f"The dirty app {self.name} cannot be loaded: {_told(error)}") from error
        found = getattr(module, self.class_name, None)
        if not isinstance(found, type):
            what = "has no" if found is None else "has something else as its"
            where = getattr(module, "__file__", None) or f"the module {self.module}"
            raise AppError(f"The dirty app {self.name} cannot be loaded: {where} {what} class {self.class_name}.")
        self._class = found

    def _init(self) -> None:
        try:
            self._app = self._class()
            self._settle(getattr(self._app, "init", None))
        except BaseException as error:
            raise AppError(f"init() of the dirty app {self.name} failed: {_told(error)}") from error

    def _settle(self, method: Optional[Callable[[], Any]]) -> None:
        result = method() if method is not None else None
        if inspect.isawaitable(result):
            self.loop.ask(result).result()

    def _count(self, name: str) -> Optional[int]:
        value = getattr(self._class, name, None)
        if value is None or _is_count(value, 1):
            return value
        raise AppError(f"{name} of the dirty app {self.name} is {value!r}; it must be a whole number of at least 1.")

    def continues(self) -> List[str]:
        """The names of the actions that can go on from what was emitted."""
        names = _items(getattr(self._class, "continues", None) or ())
        wrong = f"continues of the dirty app {self.name} must be a list of names of its actions"
        if not all(isinstance(name, str) for name in names):
            raise AppError(f"{wrong}.")
        shape = self._shape()
        for name in names:
            if own_call(shape) is None and find_action(shape, name) is None:
                raise AppError(f'{wrong}, but the app has no action "{name}".')
        return list(names)


def _items(declared: Any) -> List[Any]:
    # What is no list of names, a str also, is no name either.
    return list(declared) if isinstance(declared, (list, tuple, set, frozenset)) else [None]


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _told(error: BaseException) -> str:
    name, text = type(error).__name__, text_of(error)
    return name if text == name else f"{name}: {text}"
