"""Find code that writes a file of an open name, and has Python import from a place that is not its own.

``open(config.path, "w").write(text)`` and ``sys.path.append(config.folder)`` are ordinary alone. Together they import
what the configuration writes, and no scan has read that. The folder of the source itself is read as part of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.languages.python import partial_texts, walks
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Constant, Container, Value, collect_tags, list_alternatives

WRITTEN_IMPORT_NAME: Final = "(imports from a place that is not its own, and writes files)"
"""The name of the second of the two acts, whichever comes first in the source."""
PACKAGE_PLACE_NAME: Final = "(package of a library that gets modules from another place)"
"""The name of an act that has imports from a library find files of a place which the source does not show."""
_PACKAGE_PATHS: Final = ("__path__", "submodule_search_locations")
_LIST_METHODS: Final = frozenset({"append", "insert", "extend", "__iadd__", "__setitem__"})
_WRITING_NAMES: Final = frozenset(
    {"(writes code)", *(f"{name}(write)" for name in ("builtins.open", "io.open", "codecs.open", "pathlib.Path.open")),
     "pathlib.Path.write_text", "pathlib.Path.write_bytes", "os.open", "os.mkfifo", "numpy.savetxt",
     "torch.hub.download_url_to_file", "urllib.request.urlretrieve", "tempfile.NamedTemporaryFile",
     "tempfile.mkstemp", "zipfile.ZipFile", "zipfile.PyZipFile", "tarfile.open"}
)  # fmt: skip
# Methods that write to the path in their first argument, on whatever object, and functions that write to the second.
_WRITING_METHODS: Final = frozenset(
    {"tofile", "to_csv", "to_string", "FileHandler", "RotatingFileHandler", "open_file"}
)
_COPYING_NAMES: Final = frozenset(
    {"shutil.copy", "shutil.copyfile", "shutil.copy2", "shutil.move", "shutil.copytree", "os.rename", "os.replace",
     "os.renames", "os.symlink", "os.link", "pathlib.Path.rename", "pathlib.Path.replace"}
)  # fmt: skip
# Functions that have Python import from the places in their last argument, or that import from the one in the first.
_EXTENDING_NAMES: Final = frozenset(
    {"sys.path.append", "sys.path.insert", "sys.path.extend", "sys.path.__iadd__", "sys.path.__setitem__",
     "site.addsitedir", "os.chdir", "sys.path.append(archive)", "sys.path.insert(archive)", "site.addpackage"}
)  # fmt: skip
_IMPORTING_NAMES: Final = frozenset(
    {"torch.hub.load(local)", "torch.hub.load", "torch.hub._load_local", "importlib.machinery.FileFinder",
     "importlib.machinery.PathFinder.find_spec", "pkgutil.iter_modules", "pkgutil.walk_packages",
     "pkgutil.get_importer", "torch.package.PackageImporter", "spacy.load", "runpy.run_path"}
)  # fmt: skip


class WrittenImports(Struct):
    """The first file of an open name that a source writes, and the first place outside of its own to import from."""

    path: str = ""
    place: str = ""

    def note(self, call: Call, name: str) -> str:
        """Keep what a call writes, or from where it imports; return both if this call is the second of the two."""
        before = self.path, self.place
        self.path = self.path or find_open_write(call, name)
        self.place = self.place or find_open_place(call, name)
        is_second = bool(self.path and self.place) and before != (self.path, self.place)
        return f"writes {self.path} and imports from {self.place}" if is_second else ""


def find_open_write(call: Call, name: str) -> str:
    """Return the path to which a call writes, unless the source shows that it holds data; empty for any other call.

    Args:
        call: the call.
        name: its name, with what its arguments make of it.
    """
    if name == "(writes code)":
        return partial_texts.write_text(call.args[0]) if call.args else partial_texts.UNKNOWN_PART
    method = name.rpartition(".")[2]
    if name in _COPYING_NAMES:
        path = call.args[-1:]
    elif name.startswith("pathlib.Path.") and name in _WRITING_NAMES:
        return _find_open_path(call.text)
    elif name in _WRITING_NAMES or method in _WRITING_METHODS:
        path = call.args[:1] or list(call.keywords.values())[:1]
    else:
        return ""
    return _find_open_path(partial_texts.write_text(path[0])) if path else partial_texts.UNKNOWN_PART


def _find_open_path(text: str) -> str:
    """Return a path if its end, and so the kind of the file, is not known; otherwise nothing."""
    text = text or partial_texts.UNKNOWN_PART
    return text if text.endswith(partial_texts.UNKNOWN_PART) else ""


def find_open_place(call: Call, name: str) -> str:
    """Return the place from which a call has Python import, if it is not that of the source; empty for any other."""
    if name in _EXTENDING_NAMES:
        places: Sequence[Value] = call.args[-1:]
    elif name in _IMPORTING_NAMES:
        places = (*call.args, *call.keywords.values())
    else:
        return ""
    return next((text for text in map(_find_place, _list_places(places)) if text), "")


def find_package_place(name: str, value: Value) -> str:
    """Return the place that the list of folders of a package gets, unless it is that of the source; otherwise nothing.

    Args:
        name: the list, or a method that changes it: ``torch.__path__.append``.
        value: what is added, or takes the place of the list.
    """
    owner, _, method = name.rpartition(".")
    path = owner if method in _LIST_METHODS else name
    if path.rpartition(".")[2] not in _PACKAGE_PATHS:
        return ""
    return next((text for text in map(_find_place, _list_places((value,))) if text), "")


def _list_places(values: Iterable[Value]) -> Iterable[Value]:
    """Yield each value, and each item of a list."""
    for value in values:
        for each in list_alternatives(value):
            if isinstance(each, Container):
                yield from each.values
            elif isinstance(each, Constant) and isinstance(each.value, tuple):
                yield from map(Constant, each.value)
            else:
                yield each


def _find_place(value: Value) -> str:
    """Return the text of a place unless it lies in the folder of the source, or among the installed packages."""
    if isinstance(value, Constant) and not isinstance(value.value, str):
        return ""
    text = partial_texts.write_text(value)
    tags = collect_tags(value)
    if isinstance(value, Constant) and not value.is_open:
        return text if text.startswith(("/", "~", "..")) else ""
    is_own = walks.OWN_FILE in tags and text.count(partial_texts.UNKNOWN_PART) <= 1
    return "" if is_own or "installed" in tags else text
