"""``modelaudit verify``: check a model on disk against a lock and the records beside it, without network or readers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from modelaudit.cli.files import check_place, write_file
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.writing import print_document, print_lines
from modelaudit.model.errors import ConfigurationError

_FORMATS: Final = ("text", "json")


@click.command("verify", cls=StrictCommand)
@click.argument("path", metavar="[PATH]", required=False)
@click.option("--lock", metavar="FILE", help="A lock that modelaudit lock wrote; it lies outside of PATH.")
@click.option("--model", metavar="NAME", help="The model of the lock that PATH is. Default: by its name or commit.")
@click.option(
    "-o", "--output", metavar="FORMAT[=FILE]", default="text", help=f"One of {', '.join(_FORMATS)}. Default: text."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code answers.")
def command(path: str | None, lock: str | None, model: str | None, output: str, quiet: bool) -> int:
    """Verify a folder against a lock and the records beside it.

    PATH is its folder. Nothing is requested from a network.

    With --lock, every file, link, empty folder and executable bit is compared with the lock; without PATH,
    every model of the lock is checked, in its folder or in the Hub cache. In each case, the digests
    that lie beside the files are compared too: records of the Hub cache, of hf download --local-dir and of
    git, and files of checksums. They detect damage, but not an attacker who can change them too.

    Exit codes: 0 all fits; 1 something differs; 2 usage error, or nothing to check against; 3 something could
    not be read, or no record states its digest; 4 could not run.
    """
    from modelaudit.reports.verification import RENDERERS
    from modelaudit.verifying import verify

    format_, _, file = output.partition("=")
    if format_ not in RENDERERS:
        raise ConfigurationError(f"-o {output}: {format_!r} is not a format; use one of: {', '.join(_FORMATS)}")
    if file:
        check_place(Path(file))
    results = verify(path, lock, model)
    document = RENDERERS[format_](results)
    if file:
        write_file(Path(file), document)
    elif not quiet:
        (print_lines if format_ == "text" else print_document)(document)
    return next((code for code in (1, 3) if any(each.exit_code == code for each in results)), 0)
