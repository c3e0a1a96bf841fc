"""
What an app in Python imports from Tsunicorn. It is on the module path of every Python dirty worker.

    from tsunicorn import DirtyApp, request, stash
"""

from .app import DirtyApp
from .errors import (
    DirtyAppError,
    DirtyConnectionError,
    DirtyError,
    DirtyProtocolError,
    DirtyTimeoutError,
    StashError,
    StashFullError,
    StashTableNotFoundError,
)
from .current_request import Request, request
from .stash_client import MISSING, stash
from .tlv import BigInt

__all__ = [
    "MISSING",
    "BigInt",
    "DirtyApp",
    "DirtyAppError",
    "DirtyConnectionError",
    "DirtyError",
    "DirtyProtocolError",
    "DirtyTimeoutError",
    "Request",
    "StashError",
    "StashFullError",
    "StashTableNotFoundError",
    "request",
    "stash",
]
