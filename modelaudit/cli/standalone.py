"""The verifier as one file, for a machine without network and without this package: ``python3 -I verify.pyz FOLDER``.

It is a second front of the modules behind ``modelaudit verify``, and needs the package ``cryptography`` alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn

from modelaudit.cli.answer_output import discard_answer, parse_output, prepare_file
from modelaudit.cli.conditions import CONDITION_OPTIONS, parse_conditions
from modelaudit.cli.overwriting import NamedFile
from modelaudit.model.errors import ConfigurationError, ModelAuditError, SourceError
from modelaudit.model.wording import escape_unprintable

_INTERRUPTED: Final = 130


class _Parser(argparse.ArgumentParser):
    """Refuses a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise the error as one of ours."""
        raise ConfigurationError(f"{message}; see --help")


def _refuse_empty(option: str | None, value: object) -> None:
    """Refuse an option without a value. Raises ``ConfigurationError``."""
    if not value:
        raise ConfigurationError(f"{option} is empty; give it a value, or leave it out")


class _Each(argparse.Action):
    """Keeps each value, and refuses an empty one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Keep the value. Raises ``ConfigurationError``."""
        _refuse_empty(option_string, values)
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), values])


class _Once(argparse.Action):
    """Refuses a second value, because the first would be dropped in silence, and an empty one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Keep the value. Raises ``ConfigurationError``."""
        _refuse_empty(option_string, values)
        if getattr(namespace, self.dest) is not None:
            raise ConfigurationError(f"{option_string} is given twice; give it once")
        setattr(namespace, self.dest, values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a sealed folder or an attested model; print the answer, and return 0, 1, 2 or 4."""
    sys.excepthook = _report_unexpected_error
    try:
        document, code = _run(build_parser().parse_args(arguments))
    except ModelAuditError as error:
        discard_answer(sys.argv[1:] if arguments is None else arguments)
        _print_error(str(error))
        return error.exit_code
    return code if _print_answer(document) or code else ModelAuditError.exit_code


def _print_answer(document: bytes) -> bool:
    """Print the answer on stdout, unless a file has it; return whether it was written."""
    if not document:
        return True
    try:
        if sys.stdout is None:
            _print_error("the answer cannot be written: stdout is closed")
            return False
        sys.stdout.buffer.write(document)
        sys.stdout.flush()
    except OSError as error:
        _print_error(f"the answer cannot be written: {error.strerror}")
        with suppress(OSError):
            # The interpreter would try again at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _print_error(message: str) -> None:
    """Print the one line of an error to stderr; where it cannot be written, the exit code alone reports it."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(escape_unprintable(f"verify: error: {message}") + "\n")


def _report_unexpected_error(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> NoReturn:
    """Print an exception that nothing handled as one line, and exit with 4.

    A traceback would end with 1, which means that the model was refused.
    """
    if kind is KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED)
    _print_error(f"the verifier failed: {kind.__name__}: {' '.join(str(error).split())}")
    raise SystemExit(ModelAuditError.exit_code)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = _Parser(
        prog="verify.pyz",
        description="Verify a sealed folder, or with --attestation a model, without network.",
        epilog="Exit codes: 0 all fits; 1 refused; 2 usage error; 4 could not run.",
        allow_abbrev=False,
    )
    parser.add_argument("path", metavar="FOLDER", help="a sealed folder, or the folder of a model")
    key = "a public key in PEM, which did not travel with FOLDER"
    parser.add_argument("--key", metavar="FILE", help=key, required=True, action=_Each)
    parser.add_argument("--attestation", metavar="FILE", help="of the model in FOLDER", action=_Once)
    for each in CONDITION_OPTIONS:
        text = each.help[:1].lower() + each.help[1:].rstrip(".")
        parser.add_argument(each.option, dest=each.field, metavar=each.metavar, help=text, action=_Once)
    output = "text, which is the default, or json"
    parser.add_argument("-o", "--output", metavar="FORMAT[=FILE]", help=output, action=_Once)
    parser.add_argument("-q", "--quiet", help="print nothing; the exit code answers", action="store_true")
    return parser


def _run(options: argparse.Namespace) -> tuple[bytes, int]:
    """Verify, and return the answer to print with the exit code, 0 or 1. Raises ``ModelAuditError``."""
    try:
        from modelaudit.integrity.signers import load_verifier  # noqa: F401
    except ImportError as error:
        raise SourceError(
            f"the package cryptography is needed, and it cannot be loaded: {error}; install it for {sys.executable}"
        ) from error
    from modelaudit.answering import answer_verdict
    from modelaudit.cli.answer_output import write_answer
    from modelaudit.integrity.trusted import make_signer

    format_, file = parse_output(options.output or "text")
    if file is not None:
        inputs = [NamedFile("--key", Path(key)) for key in options.key]
        inputs += [NamedFile("--attestation", Path(each)) for each in (options.attestation,) if each is not None]
        prepare_file(file, options.path, [*inputs, NamedFile("this verifier", Path(sys.argv[0]))])
    conditions = parse_conditions(vars(options))
    attestation = None if options.attestation is None else Path(options.attestation)
    answer = answer_verdict(options.path, attestation, tuple(make_signer(Path(key)) for key in options.key), conditions)
    document = answer.render(format_)
    if file is not None:
        write_answer(file, document)
    return b"" if options.quiet or file is not None else document, answer.exit_code
