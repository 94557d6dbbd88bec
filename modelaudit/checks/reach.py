"""Decide whether a loader imports a file whose code runs code of other repositories, or from places it does not know.

The same call in a script that only people run is their own decision, and is judged less severely.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from functools import cached_property
from typing import Final

from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Subject
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import TRUSTS_HANDLER_FOLDER, TRUSTS_OWN_FOLDER, TRUSTS_SERVER_FOLDER

TRUST: Final = "trust"
"""The effect of code that has a loader, or Python itself, run what comes from elsewhere."""

# Servers, Python and installers run these files without any reference to them, and ``load_custom_generate`` of
# transformers the generation loop in the folder ``custom_generate``.
# They are compared as endings of paths: a longer name, such as my_handler.py, counts as well.
_ALWAYS_IMPORTED: Final = (
    "handler.py",
    "custom_generate/generate.py",
    "__init__.py",
    "setup.py",
    "conftest.py",
    "sitecustomize.py",
)


_OWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    TRUSTS_OWN_FOLDER: (),
    TRUSTS_HANDLER_FOLDER: ("handler.py", "inference.py"),
    TRUSTS_SERVER_FOLDER: ("inference.py", "code/inference.py", "handler.py"),
}
"""Loads of the own repository, each with the files from which a server takes the function that gets its folder."""
# What writes a file, under these names in any library, can give the repository a configuration that names other code.
_CHANGES: Final = defer_pattern(
    r"chdir|write_text|write_bytes|\.write(?:lines)?\(|(?<!Image\.)\bopen\b[ \t]*(?:[(,;)\]=]|$)|FileIO|fdopen|mmap"
    r"|tofile|\bdump\(|\bsave\w*\(|savez|\.to_(?:json|csv|pickle|parquet)\w*\(|\w*_download\b|urlretrieve|local_dir"
    r"|extractall|unpack_archive|shutil|symlink|link_to|\.rename\(|\bos\.(?:replace|link)\b|subprocess|\bsystem\(|popen|spawn"
    r"|(?<!\.)\b(?:exec|eval)\(|getattr\(\s*os|__dict__|dirname\s*=|__file__\s*=",
    re.MULTILINE,
)
_ENTRY: Final = defer_pattern(
    r"EndpointHandler|model_fn|import_module|__import__|\bimport\b[^\n]*\b(?:handler|inference)\b"
    r"|\bfrom\b[^\n]*\b(?:handler|inference)\b[^\n]*\bimport\b"
)
"""Text by which another file may call the function that a server calls, with another folder."""


class OwnRepository:
    """Whether the code of a model that loads its own folder gets the files which the scan has read.

    Args:
        paths: of all files. In a folder with an adapter, transformers loads the base model that the adapter names,
            which is another repository.
        list_loaded: returns the Python files that are loaded with the model; called only where that matters.
        read_text: reads a small file of the model; empty if it cannot.
        may_rebind: whether a source may give ``__file__`` of another file a value.
    """

    def __init__(
        self,
        paths: Iterable[str],
        list_loaded: Callable[[], Collection[str]],
        read_text: Callable[[str], str],
        may_rebind: Callable[[str], bool],
    ) -> None:
        self._has_adapter = any(posixpath.basename(each) == "adapter_config.json" for each in paths)
        self._list_loaded = list_loaded
        self._read_text = read_text
        self._may_rebind = may_rebind

    @cached_property
    def _loaded(self) -> Mapping[str, bool]:
        """The Python files that are loaded with the model, each with whether it refers to the entry of a server."""
        texts = {path: self._read_text(path) for path in self._list_loaded()}
        self._is_changed = self._has_adapter or any(not text or _CHANGES.search(text) for text in texts.values())
        return {path: _ENTRY.search(text) is not None for path, text in texts.items()}

    @cached_property
    def _may_be_rebound(self) -> bool:
        """Whether some code that is loaded with the model may give ``__file__`` of a file another value."""
        return any(self._may_rebind(self._read_text(path)) for path in self._loaded)

    def is_own(self, subject: Subject) -> bool:
        """Whether the subject is a load of the own repository, which no code of the model changes before."""
        places = _OWN_NAMES.get(str(subject.fields["name"]))
        if places is None or (places and subject.artifact not in places) or subject.artifact not in self._loaded:
            return False
        if not places and self._may_be_rebound:
            return False
        is_called = bool(places) and any(self._loaded[path] for path in self._loaded if path != subject.artifact)
        return not is_called and not self._is_changed


def depends_on_importer(subject: Subject) -> bool:
    """Whether the severity of the subject depends on the program that imports the file."""
    return subject.kind == "mention" and subject.fields["effect"] == TRUST


def mark_calls_by_loader(
    subjects: Iterable[Subject], code_paths: Set[str], is_alone: bool, own_repository: OwnRepository
) -> Iterator[Subject]:
    """Yield ``subjects``; those about a file that a loader imports get the use ``call-by-loader``.

    A load of the own repository keeps its use: the code that it runs is judged by itself.

    Args:
        subjects: subjects for which ``depends_on_importer`` holds.
        code_paths: the files that references name as code, as ``collect_referenced_paths`` returns them.
        is_alone: only one file was scanned; its importer is unknown, and a loader is assumed.
        own_repository: tells the loads of the own repository.
    """
    for subject in subjects:
        address = subject.artifact
        is_named = address in code_paths or address.endswith(_ALWAYS_IMPORTED)
        # Code inside an archive is there for the loader of the archive.
        is_loaded = is_alone or is_named or is_member(address)
        if is_loaded and not (not is_alone and own_repository.is_own(subject)):
            yield replace(subject, fields={**subject.fields, "use": "call-by-loader"})
        else:
            yield subject
