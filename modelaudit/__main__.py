"""Run the command line as ``python -m modelaudit``, and as the console script ``modelaudit``."""

from __future__ import annotations

# Only modules that Python has loaded before: everything else could lie in the working directory.
import os
import sys

_INTERRUPTED = 130  # 128 and the number of SIGINT


def main() -> None:
    """Run the command line without modules from the working directory, which may be the scanned model."""
    _remove_working_directory()
    try:
        from modelaudit.cli.main import main as run_command_line

        run_command_line()
    except KeyboardInterrupt:  # SIGINT while modules load; the command itself handles the signal from then on
        if sys.stderr is not None:
            sys.stderr.write("modelaudit: error: stopped by SIGINT; nothing was scanned\n")
        raise SystemExit(_INTERRUPTED) from None


def _remove_working_directory() -> None:
    """Remove the working directory from the search path, where ``python -m`` or ``PYTHONPATH`` put it.

    Entries behind the standard library stay: the installation added them, and a user may work in ``site-packages``.
    """
    try:
        here = os.getcwd()  # noqa: PTH109 (``pathlib`` is not loaded yet)
    except OSError:  # the folder was removed, and holds no module
        here = ""
    library = os.path.dirname(os.__file__)  # noqa: PTH120
    end = sys.path.index(library) if library in sys.path else len(sys.path)
    sys.path[:end] = [entry for entry in sys.path[:end] if entry not in ("", here)]


if __name__ == "__main__":
    main()
