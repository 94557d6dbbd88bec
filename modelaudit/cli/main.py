"""The command ``modelaudit``: find the subcommand, turn errors into one line and an exit code."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn

import click

from modelaudit import __version__
from modelaudit.cli.parsing import SuggestingGroup, format_usage_error
from modelaudit.model.errors import ModelAuditError, OutputError

_COMMANDS = (
    *("attest", "completion", "decide", "diff", "discover", "explain", "license", "lock", "policy", "render", "scan"),
    "verify",
)
_MOVED: Final = {"rules": "explain"}
"""Former commands, and the commands that do their work now."""
_INTERRUPTED, _NOT_RUN = 130, 4
_SIGNAL_EXIT_BASE: Final = 128
"""A process that a signal ends has this exit code plus the number of the signal (POSIX shells)."""
_COLLECTION_THRESHOLDS: Final = (100_000, 20, 100)
"""Thresholds of the three generations of the garbage collector. With those of Python, a scan of a few files spends a
tenth of its time on looking for cycles among rules and modules, which all stay."""
_STOP_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""The signals that ask to end: Ctrl-C, a cancelled job, a closed terminal. Windows has no SIGHUP."""
_STOP_GRACE_SECONDS: Final = 5.0
"""The time after a signal for an orderly end of the command: it kills its worker and removes its temporary file."""
_NO_SUBCOMMAND_ERROR: type[Exception] | None = getattr(click.exceptions, "NoArgsIsHelpError", None)
"""The error that makes Click 8.2 and newer print the help of a group without a subcommand; older ones have none."""


@contextmanager
def _convert_broken_pipe() -> Iterator[None]:
    """Convert a ``BrokenPipeError``, as of a help text without a reader, to an ``OutputError``.

    Click itself would exit with 1, which here means that the gate failed. Documents do not get here: ``print_document``
    ignores a reader that goes away.
    """
    try:
        yield
    except BrokenPipeError as error:
        from modelaudit.cli.writing import discard_stdout

        discard_stdout()
        raise OutputError("the output cannot be written: the program that receives it closed the pipe") from error


class _LazyGroup(SuggestingGroup):
    """A group that imports a command's module only for that command, so that ``--version`` starts fast."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        subcommand: click.Command = import_module(f"modelaudit.cli.{name}").command
        return subcommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the subcommand; name the new one of a former one. Raises ``click.UsageError``."""
        if args and args[0] in _MOVED:
            words = " ".join(("modelaudit", _MOVED[args[0]], *args[1:]))
            ctx.fail(f"{args[0]!r} is a part of {_MOVED[args[0]]} now: {words}")
        return super().resolve_command(ctx, args)

    def suggest(self, ctx: click.Context, name: str) -> str:
        """Return the end of the message for an unknown subcommand: a similar one, or ``scan`` for a model."""
        import shlex

        similar = super().suggest(ctx, name)
        # ``os.path.exists`` is false for a name that the system refuses, where the method of Path raises.
        if not similar and ("/" in name or os.path.exists(name)):  # noqa: PTH110
            return f"; to scan a model: modelaudit scan {shlex.quote(name)}"
        return similar

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _convert_broken_pipe():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _convert_broken_pipe():
                return super().invoke(ctx)
        except click.UsageError as error:
            # Click knows no context for an option without its value; the error names the help of the subcommand.
            subcommand = self.get_command(ctx, ctx.invoked_subcommand or "")
            if error.ctx is None and subcommand is not None:
                error.ctx = click.Context(subcommand, parent=ctx, info_name=ctx.invoked_subcommand)
            raise


_EXIT_CODES = """Exit codes: 0 pass; 1 the gate failed; 2 usage or configuration error; 3 incomplete (a part was not
read or not verified) or for review, and the line "Exit code" of the screen says which; 4 could not run."""


@click.group(
    cls=_LazyGroup,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="modelaudit %(version)s")
def command() -> None:
    """Vet a model repository before you load it."""


class _StopRequestedError(BaseException):
    """A signal asks this process to end. No ``except Exception`` catches it, as it catches no ``KeyboardInterrupt``."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; reports that were not yet written are missing")
        self.exit_code = _SIGNAL_EXIT_BASE + number


def main() -> None:
    """Run the command, print an error as one line on stderr, and exit with the code.

    Any other exception ends with one line and exit 4 as well, by ``sys.excepthook``: the exit 1 of Python itself would
    mean that the gate failed.
    """
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    sys.excepthook = _report_unexpected_error
    _replace_closed_streams()
    try:
        with _raise_on_stop_signals():
            code = _run_command()
    except _StopRequestedError as request:
        _print_error(str(request))
        code = request.exit_code
    # At its end, Python searches all objects for cycles of garbage, a sixth of the time of a small scan. The system
    # frees their memory sooner.
    gc.freeze()
    sys.exit(code)


def _run_command() -> int:
    """Run the command, print an error as one line on stderr, and return the exit code."""
    try:
        code = command.main(prog_name=_read_program_name(), standalone_mode=False)
        # The rest of the buffer is written here, because a failure at exit would end with Python's code 120.
        sys.stdout.flush()
    except click.exceptions.Abort:
        return _INTERRUPTED
    except click.ClickException as error:
        if _NO_SUBCOMMAND_ERROR is not None and isinstance(error, _NO_SUBCOMMAND_ERROR):
            error.show()
            return error.exit_code
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "modelaudit"
        message = " ".join(format_usage_error(error).split()).rstrip(".")
        _print_error(f"{message}; see: {where} --help")
        return error.exit_code
    except ModelAuditError as error:
        _print_error(str(error))
        return error.exit_code
    except MemoryError:
        _print_error("memory ran out; scan fewer files at once, or allow modelaudit more memory")
        return _NOT_RUN
    except OSError as error:
        # Files that are opened by name raise an error with that name; this is stdout, on a full disk for instance.
        _print_error(f"the output cannot be written: {error.strerror or error}")
        # The remaining output cannot be written either. Closing now keeps the interpreter from trying it at exit.
        with suppress(OSError):
            sys.stdout.close()
        return _NOT_RUN
    # Click types the result of a command as Any; every command here returns its exit code.
    return code if isinstance(code, int) else 0


def _read_program_name() -> str:
    """Read under which of its two names this program was called, for the usage and for hints."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119
    return name if name == "modelaudit-gate" else "modelaudit"


def _print_error(message: str) -> None:
    """Print the one line of an error to stderr; where it cannot be written, the exit code alone reports it."""
    from modelaudit.reports.text import escape_unprintable

    with suppress(OSError):
        click.echo(f"modelaudit: error: {escape_unprintable(message)}", err=True)


def _report_unexpected_error(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> NoReturn:
    """Print an exception that nothing handled as one line, and exit with 4.

    Raises:
        SystemExit: always; Python ends with its code when ``sys.excepthook`` raises it.
    """
    _print_error(f"modelaudit failed: {kind.__name__}: {' '.join(str(error).split())}; please report it")
    raise SystemExit(_NOT_RUN)


def _replace_closed_streams() -> None:
    """Replace each standard stream that is closed (``>&-``), so that no file opened later gets its number.

    A stream that is opened for reading takes the place of stdout: writing a document to it fails, as it should.
    """
    # The numbers 0, 1 and 2 in order, because the system gives the lowest free one.
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 (open until the process ends)
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


@contextmanager
def _raise_on_stop_signals() -> Iterator[None]:
    """Raise ``_StopRequestedError`` at a signal that asks to end; a signal that the caller ignores stays ignored.

    A second signal ends the process at once, and so does the end of ``_STOP_GRACE_SECONDS``.
    """
    numbers = [getattr(signal, name) for name in _STOP_SIGNALS if hasattr(signal, name)]
    # nohup ignores SIGHUP, and a shell ignores SIGINT for jobs in the background.
    handlers = {
        number: signal.getsignal(number) for number in numbers if signal.getsignal(number) is not signal.SIG_IGN
    }

    def request_stop(number: int, _: FrameType | None) -> NoReturn:
        for each in handlers:
            signal.signal(each, signal.SIG_DFL)
        request = _StopRequestedError(number)
        watchdog = threading.Timer(_STOP_GRACE_SECONDS, _exit_at_once, (request,))
        watchdog.daemon = True
        watchdog.start()
        raise request

    for number in handlers:
        signal.signal(number, request_stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _exit_at_once(request: _StopRequestedError) -> None:
    """End the process although something of it still waits, such as a download for its server."""
    _print_error(str(request))
    os._exit(request.exit_code)
