"""The command ``modelaudit``: find the subcommand, turn errors into one line and an exit code."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module

import click

from modelaudit import __version__
from modelaudit.model.errors import ModelAuditError

_COMMANDS = ("explain", "license", "render", "rules", "scan")
_INTERRUPTED, _NOT_RUN = 130, 4
_NO_SUBCOMMAND_ERROR: type[Exception] | None = getattr(click.exceptions, "NoArgsIsHelpError", None)
"""The error with which Click 8.2 and newer print the help of a group without a subcommand; older ones have none."""


class _LazyGroup(click.Group):
    """A group that imports a command's module only for that command, so that ``--version`` starts fast."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        found: click.Command = import_module(f"modelaudit.cli.{name}").command
        return found


_EXIT_CODES = """Exit codes: 0 pass; 1 the gate failed; 2 usage or configuration error; 3 incomplete, a part was not
read or not verified; 4 could not run."""


@click.group(
    cls=_LazyGroup,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="modelaudit %(version)s")
def command() -> None:
    """Vet a model repository before you load it."""


def main() -> None:
    """Run the command, print an error as one line on stderr, and exit with the code."""
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = _INTERRUPTED
    except click.ClickException as error:
        code = error.exit_code
        if _NO_SUBCOMMAND_ERROR is not None and isinstance(error, _NO_SUBCOMMAND_ERROR):
            error.show()
            sys.exit(code)
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "modelaudit"
        message = " ".join(error.format_message().split()).rstrip(".")
        click.echo(f"modelaudit: error: {message}; see: {where} --help", err=True)
    except ModelAuditError as error:
        click.echo(f"modelaudit: error: {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        # The reader of stdout went away. Closing stderr keeps the interpreter from reporting that at exit.
        sys.stderr.close()
        code = _INTERRUPTED
    except OSError as error:
        # Files that are opened by name raise an error with that name; this is stdout, on a full disk for instance.
        click.echo(f"modelaudit: error: the output cannot be written: {error.strerror or error}", err=True)
        code = _NOT_RUN
        # The remaining output cannot be written either. Closing now keeps the interpreter from trying it at exit.
        with suppress(OSError):
            sys.stdout.close()
    # Click types the result of a command as Any; every command here returns its exit code.
    sys.exit(code if isinstance(code, int) else 0)
