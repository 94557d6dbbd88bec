"""Load the rule set: that of this installation from its compiled form, any other from its files."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from modelaudit.catalogue.compiled import identify_rules, load_compiled, store_compiled
from modelaudit.catalogue.directory import find_installed_rules, find_rules_directory
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts
from modelaudit.model.policy import Policy

# What reads the files of rules is imported where a file is read: the compiled form needs none of it.


def load_catalogue(
    directory: Path | None = None, extra: Sequence[Path] = (), formats: FormatFacts = NO_FORMATS
) -> Catalogue:
    """Read and validate the rule set.

    Args:
        directory: the rule set; by default the one of this installation, which is read once in a process.
        extra: further folders of the same layout, whose entries are added. No entry replaces another, and no folder
            can trust a name that another calls dangerous.
        formats: the facts that formats declare. Without them, rules are not checked against the kinds of defects, and
            extensions promise no format. That is enough to look up rules and licences, and too little to judge a file.

    Raises:
        ConfigurationError: a file does not have the shape that its path requires, or two files contradict each other.
    """
    if directory is None and not extra:
        return _load_shipped(find_rules_directory(), formats)
    from modelaudit.catalogue.rule_files import list_files

    for folder in extra:
        if folder.resolve() == find_rules_directory():
            raise ConfigurationError(f"{folder}: these rules are built in already; leave the folder out")
        if not any(list_files(folder)):
            raise ConfigurationError(
                f"{folder}: contains no rule; use the layout of rules/, as in findings/<family>/<name>.yaml or "
                "licenses/<id>.yaml"
            )
    return _read_folders((directory if directory is not None else find_rules_directory(), *extra), formats)


def load_policy(path: Path, catalogue: Catalogue) -> Policy:
    """Read a policy file of the user, with everything that it extends.

    Raises:
        ConfigurationError: a file is not a valid policy.
    """
    from modelaudit.catalogue.policies import read_policy_file
    from modelaudit.catalogue.rule_set import list_policy_words

    words = list_policy_words(catalogue.findings, catalogue.licenses, catalogue.clauses)
    return read_policy_file(path, words, catalogue.policies)


@functools.lru_cache(maxsize=4)
def _load_shipped(directory: Path, formats: FormatFacts) -> Catalogue:
    """Load the rule set of this installation or of a pack, once for each set of format facts."""
    if directory != find_installed_rules():
        return _load_content(_identify_content(directory), formats)
    catalogue = load_compiled(directory, formats)
    if catalogue is None:
        sources = identify_rules(directory, formats)
        catalogue = _read_folders((directory,), formats)
        if not sys.dont_write_bytecode:
            store_compiled(directory, formats, catalogue, sources)
    return catalogue


class _RuleContent(Struct, frozen=True, eq=False):
    """The content of a rule folder: equal for two folders with equal names and files, as two copies of a pack are.

    Attributes:
        name: the name of the folder, with which messages and origins begin.
        digest: a SHA-256 over the paths and bytes of all files.
        directory: the folder.
    """

    name: str
    digest: str
    directory: Path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _RuleContent) and (self.name, self.digest) == (other.name, other.digest)

    def __hash__(self) -> int:
        return hash((self.name, self.digest))


def _identify_content(directory: Path) -> _RuleContent:
    """Read each file of a rule folder, which takes a twentieth of the time of loading its rules."""
    from modelaudit.catalogue.rule_set import update_digest

    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*.y*ml")):
        update_digest(digest, path.relative_to(directory).as_posix(), path.read_bytes())
    return _RuleContent(directory.name, digest.hexdigest(), directory)


@functools.lru_cache(maxsize=2)
def _load_content(content: _RuleContent, formats: FormatFacts) -> Catalogue:
    """Load a rule set that is not the one of this installation, once for the same content in any folder."""
    return _read_folders((content.directory,), formats)


def _read_folders(directories: Sequence[Path], formats: FormatFacts) -> Catalogue:
    """Read rule folders from their files."""
    from modelaudit.catalogue.rule_set import read_rule_set

    return read_rule_set(directories, formats)
