"""Read build files of Python packages: the code that an installation runs, and the packages that it fetches.

Package managers run build back ends, hooks and commands of a folder before anything is imported. The reader mentions
each such step, each requirement by address, and texts that show an attack, and refers to the files that run.

Source: PEP 517, 518 and 621 (``pyproject.toml``); documentation of setuptools (``setup.cfg``), hatch, poetry and pdm.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.formats.documents.structured.tables import interpret_table
from modelaudit.languages.python import attack_texts
from modelaudit.languages.python.uses import TEXT, VOCABULARY, format_detail
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import read_all_bytes

_NAMES: Final = ("pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "pdm.toml", "hatch.toml")
_MAX_BYTES: Final = MIB
_MAX_DEPTH: Final = 60
_MAX_MENTIONS: Final = 2000
_ADDRESS: Final = re.compile(r"@\s*\S|\b(?:git|hg|svn|bzr)\+|\b(?:https?|ftp|file)://")
_SECTION: Final = re.compile(r"\[([^\]\n]{1,200})\]")
_ENTRY: Final = re.compile(r"([\w.-]{1,100}+)\s*[=:]\s*(.*)")
_REQUIREMENT_KEYS: Final = frozenset({"install_requires", "setup_requires", "tests_require", "dependency_links"})


def recognises(head: Head) -> bool:
    """Whether the name is that of a build file."""
    return head.content is None and get_file_name(head.path) in _NAMES and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the build steps, the packages fetched from addresses, and references to files that run.

    Raises:
        DamagedError: it is not TOML.
        LimitReachedError: it nests too deep.
        WindowError: it is over 1 MiB, or the window could not return the requested bytes.
    """
    text = read_all_bytes(window, min(_MAX_BYTES, limits.document_bytes)).decode("utf-8-sig", "replace")
    name = get_file_name(artifact.path)
    if name.endswith((".cfg", ".ini")):
        attacks = _mention_attack_texts((line, number) for number, line in enumerate(text.splitlines()[:20_000], 1))
        yield Outline("python-build", tuple((*_mention_config(text), *attacks))[:_MAX_MENTIONS])
        yield from interpret_table(artifact.path, name, text, limits)
        return
    table = _parse_toml(text)
    yield from interpret_table(artifact.path, name, text, limits)
    attacks = _mention_attack_texts((each, None) for each in _iterate_texts(table))
    yield Outline("python-build", tuple((*_mention_project(table), *attacks))[:_MAX_MENTIONS])
    items = tuple(_reference_build_files(table))
    if items:
        yield References("python-build", items)


def _parse_toml(text: str) -> dict[str, object]:
    depth = deepest = 0
    for character in re.sub(r"[^\[\]{}]", "", text):
        depth = depth + 1 if character in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise LimitReachedError(f"it nests deeper than {_MAX_DEPTH} levels")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"it is not TOML: {format_detail(str(error))}") from None


def _get_table(table: object, *keys: str) -> dict[str, object]:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _get_texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _mention_project(table: dict[str, object]) -> Iterator[Mention]:
    system = _get_table(table, "build-system")
    yield from _mention_requirements("build-system.requires", _get_texts(system.get("requires")))
    path = _get_texts(system.get("backend-path"))
    if path:
        yield _make_step(
            "build-backend", f"{system.get('build-backend')} in {', '.join(path)}", "build-system.backend-path"
        )
    project = _get_table(table, "project")
    yield from _mention_requirements("project.dependencies", _get_texts(project.get("dependencies")))
    for name, given in _get_table(project, "optional-dependencies").items():
        yield from _mention_requirements(f"project.optional-dependencies.{name}", _get_texts(given))
    for name in _get_table(table, "tool", "setuptools", "cmdclass"):
        yield _make_step("cmdclass", name, "tool.setuptools.cmdclass")
    for where, target in _find_hooks(table):
        yield _make_step("custom hook", target, where)
    if _get_table(table, "tool", "pdm", "build").get("run-setuptools"):
        yield _make_step("setup script of pdm", "pdm build", "tool.pdm.build")
    for name, given in _get_table(table, "tool", "poetry", "dependencies").items():
        address = (
            next((str(given[key]) for key in ("git", "url") if key in given), "") if isinstance(given, dict) else ""
        )
        if address:
            yield from _mention_requirements("tool.poetry.dependencies", [f"{name} @ {address}"])


def _find_hooks(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the key of each setting that has a tool run a file of the folder while it builds, and the file."""
    hatch = _get_table(table, "tool", "hatch")
    places = {"tool.hatch.build.hooks": _get_table(hatch, "build", "hooks"),
              "tool.hatch.metadata.hooks": _get_table(hatch, "metadata", "hooks")}  # fmt: skip
    for name in _get_table(hatch, "build", "targets"):
        places[f"tool.hatch.build.targets.{name}.hooks"] = _get_table(hatch, "build", "targets", name, "hooks")
    for where, hooks in places.items():
        if "custom" in hooks:
            yield where, str(_get_table(hooks, "custom").get("path", "hatch_build.py"))
    version = _get_table(hatch, "version")
    if version.get("source") == "code":
        yield "tool.hatch.version", str(version.get("path", ""))
    yield from _find_scripts(table)
    yield from _find_modules(table)


def _find_scripts(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the build scripts of poetry and pdm, by key."""
    poetry = _get_table(table, "tool", "poetry")
    script = _get_table(poetry, "build").get("script") or poetry.get("build")
    if isinstance(script, str):
        yield "tool.poetry.build", script
    pdm = _get_table(table, "tool", "pdm")
    getter = _get_table(pdm, "version").get("getter")
    for each in (*_get_texts(_get_table(pdm, "build").get("hooks")), *([getter] if isinstance(getter, str) else [])):
        yield "tool.pdm", f"{each.partition(':')[0].replace('.', '/')}.py"


def _find_modules(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the files of modules that setuptools imports, by key."""
    for key in ("version_scheme", "local_scheme"):
        scheme = _get_table(table, "tool", "setuptools_scm").get(key)
        if isinstance(scheme, str) and ":" in scheme:
            yield f"tool.setuptools_scm.{key}", f"{scheme.partition(':')[0].replace('.', '/')}.py"
    for given in _get_table(table, "tool", "setuptools", "dynamic").values():
        taken = given.get("attr") if isinstance(given, dict) else None
        if isinstance(taken, str):
            yield "tool.setuptools.dynamic", f"{taken.rpartition('.')[0].replace('.', '/')}.py"
    for command, path in _get_table(table, "tool", "setuptools", "cmdclass").items():
        if isinstance(path, str):
            yield f"tool.setuptools.cmdclass.{command}", f"{path.rpartition('.')[0].replace('.', '/')}.py"


def _iterate_texts(value: object, depth: int = 0) -> Iterator[str]:
    """Yield every text of a table, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < _MAX_DEPTH:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _iterate_texts(each, depth + 1)


def _mention_attack_texts(given: Iterable[tuple[str, int | None]]) -> Iterator[Mention]:
    """Mention texts that show an attack: tools for tests, environments and wheels run commands from these files."""
    for text, line in given:
        for name, detail in attack_texts.find_attack_texts(text):
            yield Mention(VOCABULARY, TEXT, name, Location(line=line), format_detail(detail))


def _reference_build_files(table: dict[str, object]) -> Iterator[Reference]:
    system = _get_table(table, "build-system")
    backend = system.get("build-backend")
    for folder in _get_texts(system.get("backend-path"))[:20]:
        module = str(backend).partition(":")[0].replace(".", "/")
        target = module if folder in (".", "") else f"{folder.rstrip('/')}/{module}"
        yield Reference(ReferenceKind.CODE, f"{target}.py"[:300], "build-backend", where=Location(key="build-system"))
    for where, target in _find_hooks(table):
        if target:
            yield Reference(ReferenceKind.CODE, target[:300], where, where=Location(key=format_detail(where)))


def _mention_config(text: str) -> Iterator[Mention]:
    section = key = ""
    for number, line in enumerate(text.splitlines()[:20_000], 1):
        heading = _SECTION.match(line)
        entry = _ENTRY.match(line)
        if heading is not None:
            section, key = heading[1], ""
            continue
        if entry is not None:
            key = entry[1]
            if key == "cmdclass":
                yield _make_step("cmdclass", entry[2], section, number)
        value = entry[2] if entry is not None else line.strip()
        if key in _REQUIREMENT_KEYS or section.startswith("options.extras_require"):
            yield from _mention_requirements(f"{section}.{key}", [value], number)


def _mention_requirements(key: str, requirements: list[str], line: int | None = None) -> Iterator[Mention]:
    for each in requirements:
        if _ADDRESS.search(each.partition(";")[0]):
            yield Mention(
                VOCABULARY,
                "build-requirement",
                format_detail(each),
                Location(key=format_detail(key), line=line),
                format_detail(key),
            )


def _make_step(name: str, detail: str, key: str, line: int | None = None) -> Mention:
    return Mention(VOCABULARY, "build-step", name, Location(key=format_detail(key), line=line), format_detail(detail))
