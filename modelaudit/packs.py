"""Pack the rule set for machines without network, and use such a pack in place of the rules of this installation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.directory import find_rules_directory, replace_rules_directory
from modelaudit.formats.registry import FACTS
from modelaudit.integrity.rule_pack import MOST_BYTES, build_statement, read_pack, write_pack
from modelaudit.integrity.signers import load_verifier
from modelaudit.integrity.signing import load_private_key, sign_statement
from modelaudit.integrity.verifiers import find_signer
from modelaudit.model.catalogue import Catalogue, Standing
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class ChosenRules:
    """The rules of a run.

    Attributes:
        folders: further rule folders.
        notes: how a pack differs from the rules of this installation; empty without a pack.
    """

    folders: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def pack_rules(key: bytes, passphrase: bytes | None = None) -> bytes:
    """Pack the rule set of this installation, and sign it.

    Args:
        key: the private EC key, in PEM.
        passphrase: of the key.

    Raises:
        SignatureError: the key cannot be used.
    """
    return sign_rules(load_private_key(key, passphrase))


def sign_rules(key: EllipticCurvePrivateKey) -> bytes:
    """Pack the rule set of this installation, or that of the pack in its place, and sign it."""
    root = find_rules_directory()
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return write_pack(files, sign_statement(build_statement(files), key))


@contextmanager
def choose_rules(rules: Sequence[str | Path], key: str | Path | None) -> Iterator[ChosenRules]:
    """Use a pack among ``rules``, if there is one, until the end of the ``with`` statement.

    Args:
        rules: further rule folders, and at most one pack, which takes the place of the rules of this installation.
        key: the public key of the one who may pack rules.

    Raises:
        ConfigurationError: a pack has no key, there are two, or the pack is refused.
    """
    paths = [Path(each) for each in rules]
    packs = [path for path in paths if path.is_file()]
    folders = tuple(path for path in paths if path not in packs)
    if len(packs) > 1:
        raise ConfigurationError(f"--rules: {packs[0]} and {packs[1]} are packs; name one of them")
    if not packs:
        if key is not None:
            raise ConfigurationError("--rules-key is the key of a pack of rules; name the pack with --rules FILE")
        yield ChosenRules(folders)
        return
    if key is None:
        raise ConfigurationError(f"--rules: {packs[0]} is a pack; name the key of its author with --rules-key FILE")
    with tempfile.TemporaryDirectory(prefix="modelaudit-rules-") as folder:
        _extract(packs[0], Path(key), Path(folder))
        before = load_catalogue(formats=FACTS)
        with replace_rules_directory(Path(folder)) as notes:
            notes += _describe_changes(packs[0], before, load_catalogue(formats=FACTS))
            yield ChosenRules(folders, tuple(notes))


def _extract(pack: Path, key: Path, folder: Path) -> None:
    """Verify a pack, and write its files. Raises ``ConfigurationError`` if it is refused."""
    try:
        with pack.open("rb") as file:
            read = read_pack(file.read(MOST_BYTES + 1))
        verifier = load_verifier(TrustedSigner(SignatureMethod.KEY, "--rules-key", public_key=key))
        if find_signer(read.bundle, [verifier]) is None:
            raise SignatureError(f"it is signed by the method {read.bundle.method}, and needs a key")
    except OSError as error:
        raise ConfigurationError(f"--rules: {pack} cannot be read: {error.strerror}; check the path") from error
    except SignatureError as error:
        raise ConfigurationError(f"--rules: {pack} is refused: {error}") from error
    for name, data in read.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _describe_changes(pack: Path, before: Catalogue, after: Catalogue) -> Iterator[str]:
    """Yield a note on the edition of a pack, and one on each way in which it is milder than the built-in rules."""
    edition = after.edition
    stated = f"number {edition.number} of {edition.date}" if edition else "without an edition"
    yield f"rules of the pack {pack.name}, {stated}, in place of those of this installation"
    removed = sorted(before.findings.keys() - after.findings.keys() - after.retired.keys())
    lowered = sorted(
        f"{name} ({before.findings[name].rule.severity} to {after.findings[name].rule.severity})"
        for name in before.findings.keys() & after.findings.keys()
        if after.findings[name].rule.severity.rank < before.findings[name].rule.severity.rank
    )
    licenses = sorted(before.licenses.keys() - after.licenses.keys())
    trusted = sorted(_list_trusted(after) - _list_trusted(before))
    for what, names in (
        ("removes rules", removed),
        ("lowers rules", lowered),
        ("removes licences", licenses),
        ("trusts further names", trusted),
    ):
        if names:
            more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
            yield f"the pack {what}: {', '.join(names[:_MOST_NAMED])}{more}"
    if edition and before.edition and edition.number < before.edition.number:
        yield f"the pack is older than the rules of this installation, number {before.edition.number}"


def _list_trusted(catalogue: Catalogue) -> set[str]:
    """List the names of callables that a rule set trusts."""
    return {name for name, entry in catalogue.callables.by_name.items() if entry.standing is Standing.TRUSTED}
