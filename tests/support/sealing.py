"""A sealed folder, and seals that the right key signs although the folder is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

from modelaudit.integrity.seal import SEAL_NAME, build_seal
from modelaudit.integrity.signing import load_key_signer
from modelaudit.model.limits import Limits
from modelaudit.sources.hashed import hash_tree
from support.attested import AttestedModel
from support.command import CommandResult, run_command


def seal(attested: AttestedModel, folder: Path, *options: str | Path, **environment: str) -> CommandResult:
    """Seal an attested model, by default with its key."""
    key = () if "--key" in options else ("--key", attested.key)
    usual = ("--report", attested.report, "--seal", folder, *key)
    return run_command("attest", attested.model, *usual, *options, **environment)


def seal_again(attested: AttestedModel, folder: Path) -> None:
    """Seal a changed folder again with the right key, as it is."""
    entries = [each for each in hash_tree(folder, Limits()).entries if each.path != SEAL_NAME]
    bundle = load_key_signer(attested.key).sign(build_seal(entries))
    (folder / SEAL_NAME).write_bytes(bundle + b"\n")


def run_verifier(python: str | Path, verifier: Path, *arguments: str | Path, **environment: str) -> CommandResult:
    """Run the verifier in one file with an interpreter, and with no other variables of the environment."""
    command = [str(python), str(verifier), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return CommandResult(done.returncode, done.stdout, done.stderr)
