"""Decide which texts are names of repositories, and split off the revision that some forms write behind them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.model.discovery import HUGGING_FACE, DiscoveryRules, NameForm, UseKind

_PART: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
# The Hub accepts these as ``name`` or ``owner/name``; source: ``validate_repo_id`` of huggingface_hub.
_REPOSITORY: Final = re.compile(rf"(?:{_PART}/)?{_PART}")
_OTHER_REPOSITORY: Final = re.compile(rf"{_PART}(?:/{_PART}){{0,3}}")
_COMMIT_OR_BRANCH: Final = re.compile(r"[\w./-]{1,200}")
_LONGEST_NAME: Final = 250


@dataclass(frozen=True, slots=True)
class RepositoryName:
    """The name of a repository.

    Attributes:
        text: as its source spells it.
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
        hosts = "|".join(re.escape(host) for host in rules.hosts)
        self._address = re.compile(
            rf"(?:https?://|git@|ssh://git@|hf://)?(?:[\w.-]+@)?(?:{hosts})[/:](?:api/)?"
            rf"(?P<kind>datasets/|spaces/|models/)?(?P<name>{_PART}/{_PART}|{_PART}(?=/(?:resolve|raw|blob|tree)/))"
            r"(?:/(?:resolve|raw|blob|tree)/(?P<revision>[^/?#\s\"']{1,200}))?"
        )

    def read_name(self, text: str, form: NameForm, folder: str) -> RepositoryName | None:
        """Return the name of a repository; ``None`` if the text names a local file or anything else.

        Args:
            text: in the place of a name.
            form: how the call, command or key spells names.
            folder: of the file, below the root.
        """
        text = text.strip()
        if not text or len(text) > _LONGEST_NAME or text in form.not_names:
            return None
        if text in form.aliases:
            return RepositoryName(form.aliases[text], form.source, form.kind, detail=f"written as {text}")
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
        """Whether a text is a path on this machine."""
        if text.startswith((".", "/", "~", "$", "%")) or "\\" in text or text.endswith("/"):
            return True
        if text.lower().endswith(self._rules.local_endings):
            return True
        first, slash, _ = text.partition("/")
        if slash and first.lower() in self._rules.local_folders and form.source == HUGGING_FACE:
            return True
        return text in self._paths or posixpath.normpath(posixpath.join(folder, text)) in self._paths


def is_revision(text: str) -> bool:
    """Whether a text can be the name of a branch, a tag or a commit."""
    return _COMMIT_OR_BRANCH.fullmatch(text) is not None
