"""Decide which texts are names of repositories or paths, and split off the revision that some forms write."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from typing import Final

from msgspec import Struct

from modelaudit.discovery.local_paths import is_written_as_path, list_folders
from modelaudit.model.copies import replace
from modelaudit.model.discovery import CODE_BASE, HUGGING_FACE, LOCAL, WEIGHT_ENDINGS, DiscoveryRules, NameForm, UseKind
from modelaudit.model.lazy_pattern import defer_pattern

_PART: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
# The Hub accepts these as ``name`` or ``owner/name``; source: ``validate_repo_id`` of huggingface_hub.
_REPOSITORY: Final = defer_pattern(rf"(?:{_PART}/)?{_PART}")
_OTHER_REPOSITORY: Final = defer_pattern(rf"{_PART}(?:/{_PART}){{0,3}}")
_COMMIT_OR_BRANCH: Final = defer_pattern(r"[\w./-]{1,200}")
_LONGEST_NAME: Final = 250
_SCHEME: Final = defer_pattern(r"[A-Za-z][\w+.-]+:/")


class RepositoryName(Struct, frozen=True):
    """The name of a repository, or the path of a local model.

    Attributes:
        text: as its source spells it; a path is written as in the code.
        revision: written with the name; ``None`` if there is none.
        detail: how the code spells it, if that differs.
    """

    text: str
    source: str
    kind: UseKind
    revision: str | None = None
    detail: str = ""


class NameReader:
    """Reads names in the files of one code base.

    Args:
        rules: the texts that cannot be names.
        paths: all files and folders below the root; a text that is one of them names no repository.
    """

    def __init__(self, rules: DiscoveryRules, paths: Collection[str]) -> None:
        self._rules = rules
        self._paths = paths
        weights = [path for path in paths if path.lower().endswith(WEIGHT_ENDINGS)]
        self._with_weights = frozenset((*weights, *(path.rpartition("/")[0] for path in weights)))
        hosts = "|".join(re.escape(host) for host in rules.hosts)
        self._address = re.compile(
            rf"(?:https?://|git@|ssh://git@|hf://)?(?:[\w.-]+@)?(?:{hosts})[/:](?:api/)?"
            rf"(?P<kind>datasets/|spaces/|models/)?(?P<name>{_PART}/{_PART}|{_PART}(?=/(?:resolve|raw|blob|tree)/))"
            r"(?:/(?:resolve|raw|blob|tree)/(?P<revision>[^/?#\s\"']{1,200}))?"
        )

    def read_name(self, text: str, form: NameForm, folder: str) -> RepositoryName | None:
        """Return the name of a repository, or a path with the source ``local``; ``None`` if the text names neither.

        A path need not exist; ``LocalPaths`` looks it up.

        Args:
            text: in the place of a name.
            form: how the call, command or key spells names.
            folder: of the file, below the root.
        """
        text = text.strip()
        if not text or len(text) > _LONGEST_NAME or text in form.not_names:
            return None
        if form.source == LOCAL:
            return None if _is_no_path(text) else RepositoryName(text, LOCAL, form.kind)
        if text in form.aliases:
            return RepositoryName(form.aliases[text], form.source, form.kind, detail=f"written as {text}")
        if form.takes_paths and form.kind is UseKind.MODEL and self._is_path_of_model(text, form, folder):
            return RepositoryName(text, LOCAL, form.kind)
        prefix = next((each for each in form.prefixes if text.startswith(each)), "")
        if form.prefixes and not prefix:
            return None
        text = text.removeprefix(prefix)
        if "://" in text or text.startswith((*self._rules.hosts, "git@")):
            return self.read_address(text, form)
        if form.pattern is not None:
            return RepositoryName(text, form.source, form.kind) if form.pattern.fullmatch(text) else None
        return self._read_plain_name(text, form, folder)

    def _read_plain_name(self, text: str, form: NameForm, folder: str) -> RepositoryName | None:
        """Return the repository that a text without a prefix names; see ``read_name``."""
        if form.kind is UseKind.MODEL and text.startswith("datasets/"):
            form, text = replace(form, kind=UseKind.DATASET), text.removeprefix("datasets/")
        text, _, written_revision = text.partition(form.separator) if form.separator else (text, "", "")
        if self._is_local(text, folder, form) or not self._is_repository(text, form):
            return None
        detail = ""
        if form.owner and "/" not in text and text not in form.ownerless:
            text, detail = f"{form.owner}/{text}", f"written as {text}"
        if form.source == HUGGING_FACE and form.separator == ":" and written_revision:
            # llama.cpp names a quantisation there, and no revision.
            return RepositoryName(text, form.source, form.kind, None, f"the file {written_revision}")
        return RepositoryName(text, form.source, form.kind, written_revision or None, detail)

    def read_address(self, text: str, form: NameForm | None = None) -> RepositoryName | None:
        """Return the repository of an address of the Hub; ``None`` for any other address."""
        match = self._address.match(text)
        if match is None:
            return None
        kind = {"datasets/": UseKind.DATASET, "spaces/": UseKind.SPACE}.get(match["kind"] or "", UseKind.MODEL)
        if form is not None and form.kind is UseKind.DATASET:
            kind = form.kind
        revision = match["revision"]
        name = match["name"].removesuffix(".git")
        detail = ""
        quantisation = text[match.end() :]
        if quantisation.startswith(":") and len(quantisation) > 1:
            detail = f"the file {quantisation[1:]}"
        if _REPOSITORY.fullmatch(name) is None:
            return None
        return RepositoryName(name, HUGGING_FACE, kind, None if revision == "main" else revision, detail)

    def is_of_other_service(self, text: str) -> bool:
        """Whether another service gives its models names like this, as in ``openai/gpt-4o``."""
        return any(each.fullmatch(text) for each in self._rules.other_services)

    def _is_repository(self, text: str, form: NameForm) -> bool:
        """Whether the source of the form accepts a text as the name of a repository."""
        if form.needs_owner and "/" not in text:
            return False
        pattern = _REPOSITORY if form.source in (HUGGING_FACE, "github") else _OTHER_REPOSITORY
        if pattern.fullmatch(text) is None or ".." in text or "--" in text:
            return False
        return not any(each.fullmatch(text) for each in self._rules.placeholders)

    def _is_local(self, text: str, folder: str, form: NameForm) -> bool:
        """Whether a text is not a name because it is a path on this machine, or holds a variable."""
        if is_written_as_path(text) or text.startswith((".", "$", "%")):
            return True
        # A loader of names takes any that the Hub accepts; a setting may name many other files.
        is_named = form.is_loader and is_hub_name(text)
        if text.lower().endswith(self._rules.local_endings) and not is_named:
            return True
        first, slash, _ = text.partition("/")
        if slash and first.lower() in self._rules.local_folders and form.source == HUGGING_FACE:
            return True
        return form.takes_paths and self.holds(text, folder)

    def _is_path_of_model(self, text: str, form: NameForm, folder: str) -> bool:
        """Whether a text in the place of a name is a path that may lead to a model."""
        if _is_no_path(text):
            return False
        if is_written_as_path(text) or self.holds(text, folder):
            return True
        if form.pattern is not None and form.pattern.fullmatch(text):
            return False
        is_of_hub = form.source == HUGGING_FACE
        has_local_folder = "/" in text and text.partition("/")[0].lower() in self._rules.local_folders and is_of_hub
        is_too_long = is_of_hub and text.count("/") > 1 and not text.startswith("datasets/") and not form.prefixes
        return text.lower().endswith(WEIGHT_ENDINGS) or has_local_folder or is_too_long

    def holds(self, text: str, folder: str) -> bool:
        """Whether a path leads to a file or folder of the code base, from the folder of a file or one around it."""
        if text.startswith(CODE_BASE):
            return posixpath.normpath(text.removeprefix(CODE_BASE)) in self._paths
        return any(posixpath.normpath(posixpath.join(each, text)) in self._paths for each in list_folders(folder))

    def may_be_model(self, text: str, folder: str) -> bool:
        """Whether a path has the ending of weights, or leads to a file or folder of the code base."""
        return text.lower().endswith(WEIGHT_ENDINGS) or self.holds(text, folder)

    def holds_model(self, text: str, folder: str) -> bool:
        """Whether a path leads to a file with weights by its ending, or to a folder with such a file."""
        starts = ("",) if text.startswith(CODE_BASE) else list_folders(folder)
        paths = (posixpath.normpath(posixpath.join(each, text.removeprefix(CODE_BASE))) for each in starts)
        return not self._with_weights.isdisjoint(paths)


def _is_no_path(text: str) -> bool:
    """Whether a text is an address, or holds a variable or a line break."""
    is_address = _SCHEME.match(text) is not None and not text.startswith("file:")
    return is_address or text == "..." or not text or any(each in text for each in "$%{}<>*\n\t|")


def is_hub_name(text: str) -> bool:
    """Whether the Hub accepts a text as the name of a repository with an owner."""
    is_accepted = _REPOSITORY.fullmatch(text) is not None and ".." not in text and "--" not in text
    return "/" in text and is_accepted


def is_revision(text: str) -> bool:
    """Whether a text can be the name of a branch, a tag or a commit."""
    return _COMMIT_OR_BRANCH.fullmatch(text) is not None
