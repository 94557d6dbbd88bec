"""``modelaudit verify``: check a model on disk against a lock and the records beside it, without network or readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from modelaudit.cli.answer_output import FORMATS, discard_answer, parse_output, prepare_file, write_answer
from modelaudit.cli.conditions import CONDITION_OPTIONS, parse_conditions
from modelaudit.cli.files import check_place, remove_file, write_file
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.trust import GivenTrust, add_trust_options
from modelaudit.cli.writing import print_document, print_lines
from modelaudit.integrity.conditions import Conditions
from modelaudit.integrity.seal import SEAL_NAME, is_sealed
from modelaudit.model.errors import ConfigurationError, ModelAuditError
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner

_WORDS: Final = "modelaudit.words"
"""The key of the context for the words of the command line."""
_PATH: Final = click.Path(path_type=Path)


def add_condition_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of conditions to a command, which takes their values by field as ``conditions``."""

    @wraps(command)
    def with_conditions(**options: object) -> int:
        conditions = {each.field: options.pop(each.field) for each in CONDITION_OPTIONS}
        return command(conditions=conditions, **options)

    decorated: Callable[..., int] = with_conditions
    # The help lists the option that was added last first.
    for each in reversed(CONDITION_OPTIONS):
        decorated = click.option(each.option, each.field, metavar=each.metavar, help=each.help)(decorated)
    return decorated


class _VerifyCommand(StrictCommand):
    """Removes an older answer after an error of any option: a program may take it for the new one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the command. Raises ``click.UsageError``."""
        ctx.meta[_WORDS] = words = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            discard_answer(words)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises ``ModelAuditError``."""
        try:
            return super().invoke(ctx)
        except ModelAuditError:
            discard_answer(ctx.meta[_WORDS])
            raise


@click.command("verify", cls=_VerifyCommand)
@click.argument("path", metavar="[PATH]", required=False)
@click.option("--lock", metavar="FILE", help="A lock that modelaudit lock wrote; it lies outside of PATH.")
@click.option("--model", metavar="NAME", help="The model of the lock that PATH is. Default: by its name or commit.")
@click.option(
    "-o", "--output", metavar="FORMAT[=FILE]", default="text", help=f"One of {', '.join(FORMATS)}. Default: text."
)
@click.option("--attestation", metavar="FILE", type=_PATH, help="A verdict that modelaudit attest signed.")
@click.option(
    "--key", "keys", metavar="FILE", type=_PATH, multiple=True, help="A public key of one who may attest, in PEM."
)
@add_condition_options
@add_trust_options
@click.option(
    "--allowed-signature-gap",
    "gaps",
    metavar="PATH",
    multiple=True,
    help="A path of the model that a signature may leave out.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code answers.")
def command(
    path: str | None,
    lock: str | None,
    model: str | None,
    output: str,
    attestation: Path | None,
    keys: tuple[Path, ...],
    conditions: Mapping[str, str | None],
    trust: GivenTrust,
    gaps: tuple[str, ...],
    quiet: bool,
) -> int:
    """Verify a folder against a lock, signatures and records.

    PATH is its folder. Nothing is requested from a network.

    With --lock, every file, link, empty folder and executable bit is compared with the lock; without PATH,
    every model of the lock is checked, in its folder or in the Hub cache. In each case, the digests
    that lie beside the files are compared too: records of the Hub cache, of hf download --local-dir and of
    git, and files of checksums. They detect damage, but not an attacker who can change them too.

    A signature in PATH is checked if an option names who may sign; then every file has to fit one.

    With --attestation, PATH has to be exactly the model of a verdict that passed, signed with --key, or by a
    signer of --certificate-root or --identity. One line is printed, or one document with -o json. The exit code
    is 0 or 1, 2 for a wrong option, 4 for what could not be read, and never 3. So it is with a folder that
    modelaudit attest --seal wrote, which is accepted as a whole or not at all.

    Exit codes: 0 all fits; 1 something differs; 2 usage error, or nothing to check against; 3 something could
    not be read, or no record states its digest; 4 could not run.
    """
    format_, file = parse_output(output)
    is_seal = path is not None and lock is None and is_sealed(path, by_name=bool(keys))
    if attestation is not None or is_seal:
        if file is not None and path is not None:
            prepare_file(file, path)  # first, so that no error after it leaves an older answer behind
        noun = "an attestation" if attestation is not None else "a sealed folder"
        if lock is not None or model is not None or trust.signatures or gaps:
            raise ConfigurationError(f"{noun} is checked alone; check a lock or a signature in a further call")
        wanted = parse_conditions(conditions)
        return _verify_verdict(path, attestation, keys, trust.signers, wanted, (format_, file, quiet))
    _refuse_conditions(keys, conditions)
    from modelaudit.reports.verification import RENDERERS
    from modelaudit.verifying import verify

    if file is not None:
        check_place(file)
        remove_file(file)
    results = verify(path, lock, model, signers=trust.signers, signatures=trust.signatures, gaps=gaps)
    document = RENDERERS[format_](results)
    if file is not None:
        write_file(file, document)
    elif not quiet:
        (print_lines if format_ == "text" else print_document)(document)
    return next((code for code in (1, 3) if any(each.exit_code == code for each in results)), 0)


def _refuse_conditions(keys: tuple[Path, ...], conditions: Mapping[str, str | None]) -> None:
    """Refuse options on a verdict where none is verified. Raises ``ConfigurationError``."""
    given = [each.option for each in CONDITION_OPTIONS if conditions[each.field] is not None]
    for option in (*(["--key"] if keys else []), *given):
        raise ConfigurationError(
            f"{option} concerns an attestation or a sealed folder; add --attestation FILE, or name a folder with "
            f"{SEAL_NAME}"
        )


def _verify_verdict(
    path: str | None,
    attestation: Path | None,
    keys: tuple[Path, ...],
    signers: tuple[TrustedSigner, ...],
    conditions: Conditions,
    output: tuple[str, Path | None, bool],
) -> int:
    """Verify a model against an attestation, or a sealed folder, and return the exit code: 0 or 1.

    ``output`` gives the format, the file, and whether nothing is printed.
    """
    from modelaudit.answering import answer_verdict
    from modelaudit.integrity.trusted import make_signer

    if path is None:
        raise ConfigurationError("--attestation needs the folder of the model")
    format_, file, quiet = output
    answer = answer_verdict(path, attestation, _choose_attesters(tuple(map(make_signer, keys)), signers), conditions)
    if file is not None:
        write_answer(file, answer.render(format_))
    elif not quiet:
        print_document(answer.render(format_))
    return answer.exit_code


def _choose_attesters(keys: tuple[TrustedSigner, ...], signers: tuple[TrustedSigner, ...]) -> tuple[TrustedSigner, ...]:
    """Choose who may attest: the keys of ``--key``, or a root or an identity in their place.

    Who may sign models may not attest by that: the key of a publisher would answer for the verdict on its own model.

    Raises:
        ConfigurationError: options of both kinds are given, or a key for models alone.
    """
    for signer in signers:
        if keys or signer.method is SignatureMethod.KEY:
            raise ConfigurationError(
                f"{signer.origin} names who may sign models, and --key who may attest; check a signature in "
                "another call"
            )
    return keys or signers
