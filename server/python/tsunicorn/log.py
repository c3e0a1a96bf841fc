"""The log of this process: lines of the same form as those of every other process of the server."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import stat
import sys
import threading
import time
import traceback
from typing import Any, Dict, Optional

from .current_request import current_or_none
from .errors import text_of
from .line_writer import LineWriter, UnblockedStream, open_standard
from .shorten_line import shorten_line

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_ROLE = "dirty worker"
#: What every record has; anything else of it an app gave as `extra`.
_USUAL = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName", "requestId"}
_OWN_FIELDS = frozenset(("level", "time", "pid", "role", "requestId", "logger", "err", "msg"))
_DEEPEST = 6
#: The whole part before the last @ of an address: a user alone may be an access token.
_CREDENTIALS = re.compile(r'//[^/?#\s"]*@')


class ServerLogger(logging.Logger):
    """
    The server's own logger. It stands outside of what an app configures: `dictConfig`, the root's level, its handlers and
    `logging.disable()` are the app's, and the server's lines are not.
    """

    def isEnabledFor(self, level: int) -> bool:
        return level >= self.level

    def makeRecord(self, name, level, fn, lno, msg, args, exc_info, func=None, extra=None, sinfo=None):  # type: ignore[no-untyped-def]
        # Not by the factory of records, which an app can replace.
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        vars(record).update(extra or {})
        return record

    def handle(self, record: logging.LogRecord) -> None:
        self.callHandlers(record)


log = ServerLogger("tsunicorn", logging.INFO)
log.propagate = False
_standard: Dict[int, LineWriter] = {}


def set_up(level: str, form: str, file: Optional[str]) -> "Lines":
    """
    Sends what this package and the apps log through `logging` to the server's log.
    :raises OSError: when the log file cannot be opened.
    """
    pretty = form == "pretty" or (form == "auto" and file is None and os.isatty(1))
    lines = Lines(file, pretty)
    least = _LEVELS.get(level, logging.INFO)
    log.handlers = [lines]
    log.setLevel(least)
    root = logging.getLogger()
    root.addHandler(lines)
    root.setLevel(least)
    # What asyncio tells at debug level is of its own inside.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    threading.excepthook = _uncaught
    return lines


def unblock_printing() -> None:
    """Has what an app prints neither block nor fill the memory while nothing takes it."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        if stat.S_ISREG(os.fstat(fd).st_mode):
            continue
        raw = UnblockedStream(_standard_writer(fd), fd)
        # Line by line: a print of several parts is one write.
        stream = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def flush_all() -> None:
    """Writes what waits, for a bounded time."""
    for writer in list(_standard.values()):
        writer.end()


def _standard_writer(fd: int) -> LineWriter:
    writer = _standard.get(fd)
    if writer is None:
        writer = _standard[fd] = LineWriter(open_standard(fd), _dropped)
    return writer


def _dropped(lines: int) -> bytes:
    text = f"{lines} {'line' if lines == 1 else 'lines'} of the log could not be written"
    fields = {"level": "warn", "time": _iso(time.time()), "pid": os.getpid(), "role": _ROLE, "msg": text}
    return (json.dumps(fields, separators=(",", ":")) + "\n").encode()


class Lines(logging.Handler):
    """Writes a line per record, each in one write, so that lines of several processes never mix."""

    def __init__(self, file: Optional[str], pretty: bool) -> None:
        super().__init__()
        self._pretty = pretty
        self._file = file
        if file is None:
            self._writer = _standard_writer(1)
        else:
            self._writer = LineWriter(_open(file), _dropped, lambda error: self._complain(error))
            _standard[-1] = self._writer

    def reopen(self) -> None:
        """Opens the log file again, after it was moved away. When that fails, the log goes on in the old one."""
        if self._file is None:
            return
        try:
            fd = _open(self._file)
        except OSError as error:
            log.error("Cannot open the log file %s: %s. The log goes on in the old file.", self._file, error)
            return
        before = self._writer.switch_to(fd)
        if before > 2:
            os.close(before)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._line(record)
        except Exception as error:  # What an app gave to the log cannot be told: the rest still is.
            line = json.dumps(
                {
                    "level": _level(record.levelno),
                    "time": _iso(record.created),
                    "pid": os.getpid(),
                    "role": _ROLE,
                    "msg": f"{record.msg!r:.1000} (the line cannot be formatted: {text_of(error)})",
                }
            )
        self._writer.write(self._encoded(hide_credentials(line)))

    def _encoded(self, line: str) -> bytes:
        encoded = line.encode("utf-8", "backslashreplace")
        longest = self._writer.longest
        if longest is not None and len(encoded) >= longest:
            encoded = shorten_line(line, longest).encode("utf-8", "backslashreplace")
        return encoded + b"\n"

    def _complain(self, error: OSError) -> None:
        _standard_writer(2).write(f"tsunicorn: cannot write to the log file {self._file}: {error.strerror}\n".encode())

    def _line(self, record: logging.LogRecord) -> str:
        level = _level(record.levelno)
        message = record.getMessage()
        extra = {key: _plain(value) for key, value in vars(record).items() if key not in _USUAL}
        stack = "".join(traceback.format_exception(*record.exc_info)).rstrip() if record.exc_info else None
        if self._pretty:
            ms = int(record.created * 1000) % 1000
            clock = time.strftime("%H:%M:%S", time.localtime(record.created))
            line = f"[{clock}.{ms:03d}] {level.upper()}: {_ROLE} {os.getpid()}: {message}"
            if extra:
                line += f" {json.dumps(extra, ensure_ascii=False)}"
            return line if stack is None else f"{line}\n    " + stack.replace("\n", "\n    ")
        fields: Dict[str, Any] = {"level": level, "time": _iso(record.created), "pid": os.getpid(), "role": _ROLE}
        request_id = getattr(record, "requestId", None) or getattr(current_or_none(), "id", None)
        if request_id is not None:
            fields["requestId"] = request_id
        if record.name != log.name:
            fields["logger"] = record.name
        for key, value in extra.items():
            # What the server itself says by such a name stands.
            fields[f"extra.{key}" if key in _OWN_FIELDS else key] = value
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields["err"] = {"type": type(error).__name__, "message": text_of(error), "stack": stack}
        fields["msg"] = message
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=text_of_value)


def hide_credentials(text: str) -> str:
    """A text without the credentials of the addresses in it, as the log of every other process has them hidden."""
    return _CREDENTIALS.sub("//(hidden)@", text) if "@" in text else text


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


def _iso(seconds: float) -> str:
    ms = int(seconds * 1000) % 1000
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ms:03d}Z"


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it; what it has not as text."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return value if isinstance(value, int) or math.isfinite(value) else str(value)
    if depth < _DEEPEST and isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    return text_of_value(value)


def text_of_value(value: Any) -> str:
    """Anything as text, also what has none."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _open(file: str) -> int:
    """As every other process opens it: a link in its place is followed to a standard stream only."""
    for stream, names in ((1, ("/dev/stdout", "/dev/fd/1")), (2, ("/dev/stderr", "/dev/fd/2"))):
        if file in names or (os.path.islink(file) and os.readlink(file) in names):
            return open_standard(stream)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    if not file.startswith(("/dev/", "/proc/")):
        flags |= os.O_NOFOLLOW
    return os.open(file, flags, 0o640)


def _uncaught(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit and args.exc_value is not None:
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        log.error("an exception was not caught in a thread of an app", exc_info=info)
