"""Resolve Python names of configurations to the code of the same model, which is judged by itself.

``implementation: acme_runtime.Runtime`` beside ``acme_runtime.py`` asks for a class of this file. The name is on no
list of reviewed names, and needs none: the file was read, and counts as loaded with the model.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final

from modelaudit.model.address import file_of, is_member
from modelaudit.model.catalogue import Catalogue, Standing, Subject
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import PYTHON_NAMES

_STANDINGS: Final = frozenset({Standing.UNLISTED.value, Standing.UNRESOLVED.value})
_NAME: Final = defer_pattern(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)*")
_FOLDER: Final = defer_pattern(r"\w[\w-]{0,99}")
_REGISTRIES: Final = ("spacy-factories", "spacy-registry")
"""The vocabularies of names under which code registers functions, whatever its file is called."""
_MOST_SOURCES: Final = 200
_CODE_FOLDERS: Final = ("", "code", "src", "lib")
"""Folders beside a configuration, or around it, from which loaders import."""
_MOST_ATTRIBUTES: Final = 2
"""Parts of a name behind its module: a class and a method of it."""


def may_name_own_module(subject: Subject) -> bool:
    """Whether a subject is a Python name that a file of the model may define, which the list of files decides."""
    fields = subject.fields
    return (
        subject.kind == "mention"
        and fields["vocabulary"] in (PYTHON_NAMES, *_REGISTRIES)
        and fields["standing"] in _STANDINGS
        and not is_member(subject.artifact)
    )


def drop_own_names(
    subjects: Sequence[Subject],
    paths: Collection[str],
    catalogue: Catalogue,
    read_text: Callable[[str], str],
) -> Iterator[Subject]:
    """Yield ``subjects`` without those whose name a Python file of the model defines.

    Args:
        subjects: subjects for which ``may_name_own_module`` holds.
        paths: of all files of the model.
        catalogue: the rules. A file that is called like a package of the reviewed names explains no name, because the
            package may be imported in its place.
        read_text: reads a small file of the model.
    """
    if not subjects:
        return
    read_once = cache(read_text)
    callables = catalogue.callables
    known_packages = {each.partition(".")[0] for each in chain(callables.by_name, callables.modules)}
    known_packages |= callables.standard_library
    sources = [path for path in paths if path.endswith(".py")][:_MOST_SOURCES]
    for subject in subjects:
        if subject.fields["vocabulary"] in _REGISTRIES:
            if not any(_registers(read_once(path), str(subject.fields["name"])) for path in sources):
                yield subject
            continue
        name = str(subject.fields["name"]).replace(":", ".")
        package = name.partition(".")[0]
        is_own = (
            _NAME.fullmatch(name) is not None
            and package not in known_packages
            and any(
                path in paths and _defines(read_once(path), attributes)
                for path, attributes in _list_places(subject.artifact, name.split("."), _find_component(subject))
            )
        )
        if not is_own:
            yield subject


def _find_component(subject: Subject) -> str:
    """Return the folder of a component of a pipeline, whose library diffusers looks for in it first; or no text."""
    component = str(subject.fields["detail"]) if subject.fields["use"] == "component" else ""
    return component if _FOLDER.fullmatch(component) else ""


def _list_places(address: str, parts: list[str], component: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the files that may hold the module of a name, each with the parts of the name behind the module.

    ``component`` is a folder beside the configuration from which its loader imports as well.
    """
    folder = posixpath.dirname(file_of(address))
    if component:
        yield posixpath.join(folder, component, f"{parts[0]}.py"), parts[1:]
    while True:
        for code_folder in _CODE_FOLDERS:
            for count in range(len(parts), max(0, len(parts) - _MOST_ATTRIBUTES - 1), -1):
                module = posixpath.join(folder, code_folder, *parts[:count])
                for path in (f"{module}.py", f"{module}/__init__.py"):
                    yield path, parts[count:]
        if not folder:
            return
        folder = posixpath.dirname(folder)


def _registers(text: str, name: str) -> bool:
    """Whether the text of a module registers a function of spaCy under a name, by a decorator."""
    written = re.escape(name)
    registered = (
        rf"^@(?:\w+\.)*(?:Language\.(?:factory|component)|registry\.\w+)\(\s*(?:name\s*=\s*)?[\"']{written}[\"']"
    )
    return name in text and re.search(registered, text, re.MULTILINE) is not None


def _defines(text: str, attributes: list[str]) -> bool:
    """Whether the text of a module defines a class or function by itself, and a method of it."""
    if not attributes:
        return True
    first = re.escape(attributes[0])
    is_defined = re.search(rf"^(?:class|def|async[ ]+def)[ ]+{first}\b", text, re.MULTILINE) is not None
    return is_defined and all(
        re.search(rf"^[ \t]+(?:async[ ]+)?def[ ]+{re.escape(each)}\b", text, re.MULTILINE) for each in attributes[1:]
    )
