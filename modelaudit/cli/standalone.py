"""The verifier as one file, for a machine without network and without this package: ``python3 verify.pyz FOLDER``.

It is a second front of the modules behind ``modelaudit verify``, and needs the package ``cryptography`` alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from modelaudit.model.errors import ConfigurationError, ModelAuditError, SignatureError
from modelaudit.model.wording import escape_unprintable


class _Parser(argparse.ArgumentParser):
    """Refuses a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise the error as one of ours."""
        raise ConfigurationError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a sealed folder or an attested model; print one line, and return 0, 1, 2 or 4."""
    try:
        line, code = _run(_build_parser().parse_args(arguments))
    except SignatureError as error:
        line, code = f"REFUSED: {error}", SignatureError.exit_code
    except ModelAuditError as error:
        sys.stderr.write(escape_unprintable(f"verify: error: {error}") + "\n")
        return error.exit_code
    except Exception as bug:  # a traceback would end with 1, which means that the model was refused
        text = f"verify: error: the verifier failed: {type(bug).__name__}: {bug}"
        sys.stderr.write(escape_unprintable(text) + "\n")
        return ModelAuditError.exit_code
    sys.stdout.write(escape_unprintable(line) + "\n")
    return code


def _build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = _Parser(prog="verify", description="Verify a sealed folder, or a model against an attestation.")
    parser.add_argument("path", metavar="FOLDER", help="a sealed folder, or the folder of a model")
    parser.add_argument("--key", metavar="FILE", required=True, help="the public key, which did not travel with FOLDER")
    parser.add_argument("--attestation", metavar="FILE", help="of the model in FOLDER")
    parser.add_argument("--verifier-id", metavar="URI", help="who has to answer for the verdict")
    parser.add_argument("--policy-digest", metavar="SHA256", help="the policy that the verdict has to rest on")
    parser.add_argument("--resource", metavar="URI", help="the model that the verdict has to be about")
    parser.add_argument("--not-older-than", metavar="DAYS", help="the most days since the verdict, such as 30d")
    return parser


def _run(options: argparse.Namespace) -> tuple[str, int]:
    """Verify, and return the line and the exit code. Raises ``ModelAuditError``."""
    from modelaudit.attested import make_signer, verify_attestation
    from modelaudit.cli.conditions import parse_conditions
    from modelaudit.integrity.seal import is_sealed
    from modelaudit.sealed import verify_seal

    conditions = parse_conditions(options.verifier_id, options.policy_digest, options.resource, options.not_older_than)
    signers = (make_signer(Path(options.key)),)
    if options.attestation is not None:
        line = verify_attestation(options.path, Path(options.attestation), signers, conditions)
    elif is_sealed(options.path):
        line = verify_seal(options.path, signers, conditions)
    else:
        raise ConfigurationError(f"{options.path} is not a sealed folder; name the attestation with --attestation")
    return f"{options.path}: {line}", 0
