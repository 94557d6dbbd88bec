"""Find code that writes a file of an open name, and has Python import from a place that is not its own.

``open(config.path, "w").write(text)`` and ``sys.path.append(config.folder)`` are ordinary alone. Together they import
what the configuration writes, and no scan has read that. The folder of the source itself is read as part of the model.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from modelaudit.languages.python import partial_texts, walks
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.call_variants import name_variant
from modelaudit.languages.python.configured_places import ConfiguredPlaces
from modelaudit.languages.python.name_tables import IMPORTERS
from modelaudit.languages.python.shared_values import SIBLING_TAG
from modelaudit.languages.python.values import Constant, Container, ExternalName, Value, collect_tags, list_alternatives

WRITTEN_IMPORT_NAME: Final = "(imports from a place that is not its own, and writes files)"
"""The name of the second of the two acts, whichever comes first in the source."""
CHOSEN_PLACE_NAME: Final = "(imports from a place that the configuration or a download names)"
"""The name of an act that has Python import from a place which comes with the model, or from elsewhere."""
OWN_WRITE_NAME: Final = "(writes a file of an open name beside its own code)"
"""The name of an act that may write code into the folder of the source, or one from which it imports."""
PACKAGE_PLACE_NAME: Final = "(package of a library that gets modules from another place)"
"""The name of an act that has imports from a library find files of a place which the source does not show."""
_PACKAGE_PATHS: Final = ("__path__", "submodule_search_locations")
_LIST_METHODS: Final = frozenset({"append", "insert", "extend", "__iadd__", "__setitem__"})
_OPERATORS: Final = {"iadd": "__iadd__", "iconcat": "__iadd__", "setitem": "__setitem__"}
"""Functions of ``operator`` that change a list, and the methods that they call."""
_WRITING_NAMES: Final = frozenset(
    {"(writes code)", *(f"{name}(write)" for name in ("builtins.open", "io.open", "codecs.open", "pathlib.Path.open")),
     "io.FileIO", "logging.basicConfig",
     "pathlib.Path.write_text", "pathlib.Path.write_bytes", "os.open", "os.mkfifo", "numpy.savetxt",
     "torch.hub.download_url_to_file", "urllib.request.urlretrieve", "tempfile.NamedTemporaryFile",
     "tempfile.mkstemp", "zipfile.ZipFile", "zipfile.PyZipFile", "tarfile.open"}
)  # fmt: skip
# Methods that write to the path in their first argument, on whatever object, and functions that write to the second.
_WRITING_METHODS: Final = frozenset(
    {"tofile", "to_csv", "to_string", "FileHandler", "RotatingFileHandler", "open_file"}
)
_PATHS: Final = ("pathlib.Path.", "pathlib.PosixPath.", "pathlib.PurePath.")
_PATH_KEYWORDS: Final = ("file", "filename", "path", "fname")
_COPYING_NAMES: Final = frozenset(
    {"shutil.copy", "shutil.copyfile", "shutil.copy2", "shutil.move", "shutil.copytree", "os.rename", "os.replace",
     "os.renames", "os.symlink", "os.link", "pathlib.Path.rename", "pathlib.Path.replace"}
)  # fmt: skip
_BROUGHT: Final = frozenset({"file", "data-file", "network", "hub"})
"""The tags of values that come with the model, or from elsewhere."""
_READERS: Final = frozenset({"read", "readline", "readlines", "read_text", "read_bytes", "load", "loads", "safe_load"})
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
    """The first file of an open name that a source writes, and the first place from which it has Python import.

    Attributes:
        path: the file.
        place: a place that is not that of the source.
        chosen_path: the file, if the configuration names it, or it lies beside the source.
        imports_own: whether Python imports from the place of the source.
    """

    path: str = ""
    place: str = ""
    chosen_path: str = ""
    imports_own: bool = False

    def note(self, call: Call, name: str, act: ast.AST | None, places: ConfiguredPlaces) -> Iterator[tuple[str, str]]:
        """Keep what a call writes, or from where it imports; yield the names of acts that are complete now.

        Args:
            call: the call.
            name: its name, with what its arguments make of it.
            act: the node of the call, or of an assignment that does the same.
            places: the paths that the configuration chooses.
        """
        before = self.path, self.place
        path = find_open_write(call, name)
        place = find_open_place(call, name)
        self.path = self.path or path
        self.place = self.place or place
        if self.path and self.place and before != (self.path, self.place):
            yield WRITTEN_IMPORT_NAME, f"writes {self.path} and imports from {self.place}"
        if place and act is not None and (_is_brought(_get_places(call, name)) or places.names_place(act)):
            yield CHOSEN_PLACE_NAME, f"{call.name}: {place}"
        self.imports_own |= not place and imports_own_files(call, name)
        if path and act is not None and not places.shows_ending(act, name in _COPYING_NAMES):
            if places.reaches_own_file(act):
                yield OWN_WRITE_NAME, path
            elif not self.chosen_path and places.names_place(act):
                self.chosen_path = path
        if self.chosen_path and self.imports_own:
            yield OWN_WRITE_NAME, self.chosen_path


def find_changed_list(call: Call) -> Call | None:
    """Return a call that changes a list of places in its first argument as the method of the list; ``None`` for others.

    ``list.append(sys.path, folder)`` and ``operator.iadd(sys.path, folders)`` do what ``sys.path.append`` does.
    """
    owner = call.args[0] if len(call.args) > 1 else None
    method = call.name.rpartition(".")[2]
    method = _OPERATORS.get(method, method)
    if not isinstance(owner, ExternalName) or method not in _LIST_METHODS:
        return None
    is_list = owner.name == "sys.path" or is_package_path(owner.name.rpartition(".")[2])
    return Call(f"{owner.name}.{method}", call.args[1:], call.keywords, call.line) if is_list else None


def find_open_write(call: Call, name: str) -> str:
    """Return the path to which a call writes, unless the source shows that it holds data; empty for any other call.

    Args:
        call: the call.
        name: its name, with what its arguments make of it.
    """
    if name == "(writes code)":
        return partial_texts.write_text(call.args[0]) if call.args else partial_texts.UNKNOWN_PART
    method = name.rpartition(".")[2]
    if call.name.startswith(_PATHS) and f"pathlib.Path.{method}" != call.name:  # of a part of a path, as its parent
        call = Call(f"pathlib.Path.{method}", call.args, call.keywords, call.line, tags=call.tags, text=call.text)
        name = name_variant(call)
    if name in _COPYING_NAMES:
        source = partial_texts.write_text(call.args[0]) if len(call.args) > 1 else call.text
        if source.endswith(".json"):  # read as such, whatever the copy is called
            return ""
        path = call.args[-1:]
    elif name.startswith("pathlib.Path.") and name in _WRITING_NAMES:
        return _find_open_path(call.text)
    elif name in _WRITING_NAMES or method in _WRITING_METHODS:
        named = (call.keywords[each] for each in _PATH_KEYWORDS if each in call.keywords)
        path = call.args[:1] or list(islice(named, 1)) or list(call.keywords.values())[:1]
    else:
        return ""
    return _find_open_path(partial_texts.write_text(path[0])) if path else partial_texts.UNKNOWN_PART


def _find_open_path(text: str) -> str:
    """Return a path if its end, and so the kind of the file, is not known; otherwise nothing."""
    text = text or partial_texts.UNKNOWN_PART
    return text if text.endswith(partial_texts.UNKNOWN_PART) else ""


def find_open_place(call: Call, name: str) -> str:
    """Return the place from which a call has Python import, if it is not that of the source; empty for any other."""
    return next((text for text in map(_find_place, _list_places(_get_places(call, name))) if text), "")


def _get_places(call: Call, name: str) -> Sequence[Value]:
    """Return the arguments of a call from which it has Python import; none for any other call."""
    if name in _EXTENDING_NAMES:
        return call.args[-1:]
    return (*call.args, *call.keywords.values()) if name in _IMPORTING_NAMES else ()


def imports_own_files(call: Call, name: str) -> bool:
    """Whether a call has Python import from the place of the source, or imports another file of it by a text."""
    if name in _EXTENDING_NAMES:
        return True
    first = call.get_argument(0, "name")
    is_relative = isinstance(first, Constant) and isinstance(first.value, str) and first.value.startswith(".")
    return is_relative and name in IMPORTERS


def _is_brought(values: Iterable[Value]) -> bool:
    """Whether a place comes from a file or from the network, and not from another file of code."""
    return any(map(_is_read, _list_places(values)))


def _is_read(value: Value) -> bool:
    """Whether a value is read from a file or from the network, and not from another file of code."""
    tags = collect_tags(value)
    if any(tag.startswith(SIBLING_TAG) for tag in tags):
        return False
    parts = value.name.split(".") if isinstance(value, ExternalName) and value.is_result else ()
    return not tags.isdisjoint(_BROUGHT) or not _READERS.isdisjoint(parts)


def is_package_path(name: str) -> bool:
    """Whether an attribute is the list of folders from which a package gets its modules."""
    return name in _PACKAGE_PATHS


def extends_package(value: Value) -> bool:
    """Whether a value is the list of folders of a package with those of the same name elsewhere on the path."""
    return any(
        isinstance(each, ExternalName) and each.name == "pkgutil.extend_path" for each in list_alternatives(value)
    )


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
                yield from (part for item in each.values for part in list_alternatives(item))
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
    is_own = walks.OWN_FILE in tags and not _is_read(value) and text.count(partial_texts.UNKNOWN_PART) <= 1
    return "" if is_own or "installed" in tags else text
