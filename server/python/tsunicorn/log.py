"""The log of this process: lines of the same form as those of every other process of the server."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from typing import Any, Dict, Optional

from .current_request import current_or_none
from .errors import text_of

log = logging.getLogger("tsunicorn")

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_ROLE = "dirty worker"


def set_up(level: str, form: str, file: Optional[str]) -> "Lines":
    """
    Sends what this package and the apps log through `logging` to the server's log.
    :raises OSError: when the log file cannot be opened.
    """
    pretty = form == "pretty" or (form == "auto" and file is None and os.isatty(1))
    lines = Lines(file, pretty)
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(_LEVELS.get(level, logging.INFO))
    # What asyncio tells at debug level is of its own inside.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    threading.excepthook = _uncaught
    return lines


class Lines(logging.Handler):
    """Writes a line per record, each in one write, so that lines of several processes never mix."""

    def __init__(self, file: Optional[str], pretty: bool) -> None:
        super().__init__()
        self._file = file
        self._pretty = pretty
        self._fd = 1 if file is None else _open(file)
        self._lost = False

    def reopen(self) -> None:
        """Opens the log file again, after it was moved away. When that fails, the log goes on in the old one."""
        if self._file is None:
            return
        try:
            fd = _open(self._file)
        except OSError as error:
            log.error("Cannot open the log file %s: %s. The log goes on in the old file.", self._file, error)
            return
        old, self._fd = self._fd, fd
        os.close(old)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = (self._line(record) + "\n").encode("utf-8", "backslashreplace")
            while data:
                data = data[os.write(self._fd, data) :]
            self._lost = False
        except Exception as error:  # A full disk must not end a server.
            if not self._lost:
                self._lost = True
                sys.stderr.write(f"tsunicorn: cannot write to the log: {error}\n")

    def _line(self, record: logging.LogRecord) -> str:
        level = "error" if record.levelno >= logging.ERROR else "warn" if record.levelno >= logging.WARNING else "info"
        if record.levelno < logging.INFO:
            level = "debug"
        message = record.getMessage()
        stack = "".join(traceback.format_exception(*record.exc_info)).rstrip() if record.exc_info else None
        moment = time.gmtime(record.created)
        ms = int(record.created * 1000) % 1000
        if self._pretty:
            clock = time.strftime("%H:%M:%S", time.localtime(record.created))
            line = f"[{clock}.{ms:03d}] {level.upper()}: {_ROLE} {os.getpid()}: {message}"
            return line if stack is None else f"{line}\n    " + stack.replace("\n", "\n    ")
        fields: Dict[str, Any] = {
            "level": level,
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{ms:03d}Z",
            "pid": os.getpid(),
            "role": _ROLE,
        }
        request_id = getattr(record, "requestId", None) or getattr(current_or_none(), "id", None)
        if request_id is not None:
            fields["requestId"] = request_id
        if record.name != log.name:
            fields["logger"] = record.name
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields["err"] = {"type": type(error).__name__, "message": text_of(error), "stack": stack}
        fields["msg"] = message
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _open(file: str) -> int:
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _uncaught(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        log.error("an exception was not caught in a thread of an app", exc_info=info)
