"""Pack the rule set for machines without network, and use such a pack in place of the rules of this installation."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.base_models import load_base_models
from modelaudit.catalogue.directory import RulesInPlace, find_rules_directory, replace_rules_directory
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.catalogue.relaxations import list_relaxations
from modelaudit.formats.registry import FACTS
from modelaudit.integrity.rule_pack import MOST_PACK_BYTES, build_statement, read_pack, write_pack
from modelaudit.integrity.user_files import read_user_file
from modelaudit.integrity.verifiers import require_signer
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError, OutputError, SignatureError
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner
from modelaudit.options import Options, refuse_strings_for_lists

if TYPE_CHECKING:
    from modelaudit.integrity.signing import StatementSigner

_Result = TypeVar("_Result")
_MOST_NAMED: Final = 5
_FOLDER: Final = "rules"
"""The name of the folder of a rule set: messages and the origins in reports begin with it."""


class ChosenRules(Struct, frozen=True):
    """The rules of a run.

    Attributes:
        folders: further rule folders.
        notes: how a pack differs from the rules of this installation; empty without a pack.
    """

    folders: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def sign_rules(signer: StatementSigner) -> bytes:
    """Pack the rule set of this installation, or that of the pack in its place, and sign it.

    Raises:
        ConfigurationError: a rule is wrong, or what signs it cannot be used.
        SourceError: a server of the signer refuses or does not answer.
    """
    from modelaudit.integrity.signing import sign_statement  # cryptography loads slowly, and few runs need it

    _load_all()
    files = read_rule_files()
    return write_pack(files, sign_statement(signer, build_statement(files)))


def read_rule_files() -> dict[str, bytes]:
    """Read each file of the rule set, by its path below the folder; programs that derive one of them are left out."""
    root = find_rules_directory()
    paths = sorted(path for path in root.rglob("*.yaml") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def use_rules(action: Callable[[Options], _Result], options: Options) -> _Result:
    """Run ``action`` with the rules that the options name, and with options that name further rule folders alone.

    Raises:
        ConfigurationError: a pack is refused, or has no key.
        OutputError: a pack cannot be unpacked.
    """
    refuse_strings_for_lists(options)
    if not options.rules and options.rules_key is None:
        return action(options)
    with choose_rules(options.rules, options.rules_key) as chosen:
        return action(replace(options, rules=chosen.folders, rules_key=None))


@contextmanager
def choose_rules(rules: Sequence[str | Path], key: str | Path | None) -> Iterator[ChosenRules]:
    """Use a pack among ``rules``, if there is one, until the end of the ``with`` statement.

    Args:
        rules: further rule folders, and at most one pack, which takes the place of the rules of this installation.
        key: the public key of the one who may pack rules.

    Raises:
        ConfigurationError: a pack has no key, there are two, the pack is refused, or one of its rules is wrong.
        OutputError: the pack cannot be unpacked.
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
    [pack] = packs
    if key is None:
        raise ConfigurationError(f"--rules: {pack} is a pack; name the key of its author with --rules-key FILE")
    files = _read_files(pack, Path(key))
    before = load_catalogue(formats=FACTS)
    with _make_folder(pack) as place:
        folder = Path(place).resolve() / _FOLDER
        _write_files(files, folder, pack)
        in_place = RulesInPlace(folder, {"--rules": pack, "--rules-key": Path(key)})
        with replace_rules_directory(in_place):
            try:
                after = _load_all()
            except ConfigurationError as error:
                raise ConfigurationError(f"--rules: {pack}: {error}") from error
            in_place.notes.extend(_describe_changes(pack, before, after))
            yield ChosenRules(folders, tuple(in_place.notes))


def _load_all() -> Catalogue:
    """Load and return the rule set with its fingerprints, base models and examples, so that a mistake shows at once."""
    from modelaudit.catalogue.examples import load_examples  # with the readers of rule files, which few runs need

    load_fingerprints()
    load_base_models()
    load_examples()
    return load_catalogue(formats=FACTS)


def _read_files(pack: Path, key: Path) -> Mapping[str, bytes]:
    """Verify a pack, and return its files. Raises ``ConfigurationError`` if it is refused."""
    from modelaudit.integrity.signers import load_verifier

    verifier = load_verifier(TrustedSigner(SignatureMethod.KEY, "--rules-key", public_key=key))
    try:
        read = read_pack(read_user_file(pack, "--rules", MOST_PACK_BYTES))
        require_signer(read.bundle, [verifier], "pack rules")
    except SignatureError as error:
        raise ConfigurationError(f"--rules: {pack} is refused: {error}") from error
    return read.files


def _make_folder(pack: Path) -> tempfile.TemporaryDirectory[str]:
    """Make the temporary folder for the files of a pack. Raises ``OutputError``."""
    try:
        # A folder that cannot be removed changes no verdict.
        return tempfile.TemporaryDirectory(prefix="modelaudit-rules-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"--rules: {pack} cannot be unpacked in {tempfile.gettempdir()}: {error.strerror}") from error


def _write_files(files: Mapping[str, bytes], folder: Path, pack: Path) -> None:
    """Write the files of a pack. Raises ``OutputError`` if the system fails to, as on a full disk."""
    try:
        folder.mkdir()
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"--rules: {pack} cannot be unpacked in {folder.parent}: {error.strerror}") from error


def _describe_changes(pack: Path, before: Catalogue, after: Catalogue) -> Iterator[str]:
    """Yield a note on the edition of a pack, and one on each way in which it may find less than the built-in rules."""
    edition, own = after.edition, before.edition
    stated = f"number {edition.number} of {edition.date}" if edition else "without an edition"
    yield f"rules of the pack {pack.name}, {stated}, in place of those of this installation"
    for what, names in list_relaxations(before, after):
        more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        yield f"the pack {what}: {', '.join(names[:_MOST_NAMED])}{more}"
    if own is None:
        return
    if edition is None or (edition.number, edition.date) < (own.number, own.date):
        yield f"the pack is older than the rules of this installation, number {own.number} of {own.date}"
    elif edition == own and after.digest != before.digest:
        yield "the pack has the number of the rules of this installation, and other rules"
