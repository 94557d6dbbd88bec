"""Read build files of Python packages: the code that an installation runs, and the packages that it fetches.

Package managers run build back ends, hooks and commands of a folder before anything is imported. The reader mentions
each such step, each requirement by address, and texts that show an attack, and refers to the files that run.

Source: PEP 517, 518, 621 and 735 (``pyproject.toml``); documentation of setuptools (``setup.cfg``), hatch, poetry, pdm.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from modelaudit.formats.documents.python_build import NAMES
from modelaudit.formats.documents.structured.tables import interpret_table, parse_table_settings
from modelaudit.languages.python import attack_texts
from modelaudit.languages.python.uses import TEXT, VOCABULARY, format_detail
from modelaudit.languages.settings import Setting
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import build_references, keep_first
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.requirement_lines import collect_requirement_mentions
from modelaudit.wire.text import get_file_name, looks_like_text

_MAX_BYTES: Final = MIB
_MAX_DEPTH: Final = 60
_MAX_MENTIONS: Final = 2000
_MAX_REFERENCES: Final = 2000
_MAX_LINES: Final = 20_000
_MAX_TARGET_CHARACTERS: Final = 300  # of a reference
# A requirement fetched from an address, such as ``name @ https://host/name.whl`` or ``git+ssh://host/name``.
_ADDRESS: Final = defer_pattern(r"@\s*\S|\b(?:git|hg|svn|bzr)\+|\b(?:https?|ftp|file)://")
_REQUIREMENT_KEYS: Final = frozenset(
    {"install_requires", "setup_requires", "tests_require", "dependency_links", "deps"}
)


def recognises(head: Head) -> bool:
    """Whether the name is that of a build file."""
    return head.content is None and get_file_name(head.path) in NAMES and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the build steps, the packages fetched from addresses, and references to files that run.

    Raises:
        DamagedError: the file is not text to its end, or is called ``.toml`` and is not TOML.
        LimitReachedError: the TOML nests too deep; or after all else, there are too many lines, or ``interpret_table``
            reached a bound.
        WindowError: the file is over 1 MiB, or the window could not return the requested bytes.
    """
    build_file_limits = replace(limits, document_bytes=min(_MAX_BYTES, limits.document_bytes))
    text, _, _ = read_whole_text(window, build_file_limits)
    name = get_file_name(artifact.path)
    lines = text.splitlines()
    is_config = name.endswith((".cfg", ".ini"))
    references: Iterator[Reference] = iter(())
    if is_config:
        attacks = _mention_attack_texts((line, number) for number, line in enumerate(lines[:_MAX_LINES], 1))
        steps = _mention_config(parse_table_settings(name, "\n".join(lines[:_MAX_LINES]), limits))
    else:
        table = _parse_toml(text)
        attacks = _mention_attack_texts((value, None) for value in _iterate_texts(table))
        steps = _mention_project(table)
        references = _reference_build_files(table)
    # Attacks first: no number of requirements may leave one out.
    mentions, beyond = keep_first(chain(attacks, steps), _MAX_MENTIONS, "attack texts, build steps and requirements")
    yield Outline("python-build", mentions)
    yield from beyond
    yield from build_references("python-build", references, _MAX_REFERENCES)
    yield from interpret_table(artifact.path, name, text, limits)
    if is_config and len(lines) > _MAX_LINES:
        raise LimitReachedError(f"only the first {_MAX_LINES} lines were parsed")


def _parse_toml(text: str) -> dict[str, object]:
    """Parse TOML.

    Raises:
        DamagedError: the text is not TOML.
        LimitReachedError: its brackets nest too deep for the parser, which is recursive.
    """
    depth = deepest = 0
    for bracket in re.sub(r"[^\[\]{}]", "", text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise LimitReachedError(f"its brackets nest deeper than {_MAX_DEPTH} levels")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the parser also recurses over dotted keys
        raise DamagedError(f"the parser of TOML rejects it: {format_detail(str(error))}") from None


def _get_table(table: object, *keys: str) -> dict[str, object]:
    """Return the table below ``keys``; empty if a key is missing or has another value than a table."""
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _get_texts(value: object) -> list[str]:
    """Return the strings of a list; empty if ``value`` is not a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _mention_project(table: dict[str, object]) -> Iterator[Mention]:
    """Mention the build steps of a ``pyproject.toml`` or similar file, and the requirements fetched from addresses."""
    system = _get_table(table, "build-system")
    yield from _mention_requirements("build-system.requires", _get_texts(system.get("requires")))
    backend_folders = _get_texts(system.get("backend-path"))
    if backend_folders:
        backend = f"{system.get('build-backend')} in {', '.join(backend_folders)}"
        yield _make_step("build-backend", backend, "build-system.backend-path")
    project = _get_table(table, "project")
    yield from _mention_requirements("project.dependencies", _get_texts(project.get("dependencies")))
    for extra, requirements in _get_table(project, "optional-dependencies").items():
        yield from _mention_requirements(f"project.optional-dependencies.{extra}", _get_texts(requirements))
    for command in _get_table(table, "tool", "setuptools", "cmdclass"):
        yield _make_step("cmdclass", command, "tool.setuptools.cmdclass")
    for key, file in _find_hooks(table):
        yield _make_step("custom hook", file, key)
    if _get_table(table, "tool", "pdm", "build").get("run-setuptools"):
        yield _make_step("setup script of pdm", "pdm build", "tool.pdm.build")
    for group, requirements in _get_table(table, "dependency-groups").items():
        yield from _mention_requirements(f"dependency-groups.{group}", _get_texts(requirements))
    poetry = _get_table(table, "tool", "poetry")
    yield from _mention_poetry_requirements("tool.poetry.dependencies", _get_table(poetry, "dependencies"))
    yield from _mention_poetry_requirements("tool.poetry.dev-dependencies", _get_table(poetry, "dev-dependencies"))
    for group in _get_table(poetry, "group"):
        dependencies = _get_table(poetry, "group", group, "dependencies")
        yield from _mention_poetry_requirements(f"tool.poetry.group.{group}.dependencies", dependencies)


def _mention_poetry_requirements(key: str, dependencies: dict[str, object]) -> Iterator[Mention]:
    """Mention the dependencies of poetry that are fetched from an address; ``key`` is where they are listed."""
    for name, dependency in dependencies.items():
        # A dependency with several sources, one for each platform, is a list.
        for source in dependency if isinstance(dependency, list) else [dependency]:
            source_keys = source if isinstance(source, dict) else {}  # a version alone is a string
            address = next((str(source_keys[each]) for each in ("git", "url") if each in source_keys), "")
            if address:
                yield from _mention_requirements(key, [f"{name} @ {address}"])


def _find_hooks(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (key, file) for each setting that makes a build tool run a file of the folder."""
    hatch = _get_table(table, "tool", "hatch")
    hook_tables = {
        "tool.hatch.build.hooks": _get_table(hatch, "build", "hooks"),
        "tool.hatch.metadata.hooks": _get_table(hatch, "metadata", "hooks"),
    }
    for target in _get_table(hatch, "build", "targets"):
        hook_tables[f"tool.hatch.build.targets.{target}.hooks"] = _get_table(hatch, "build", "targets", target, "hooks")
    for key, hooks in hook_tables.items():
        if "custom" in hooks:
            # hatch_build.py is the default of hatch.
            yield key, str(_get_table(hooks, "custom").get("path", "hatch_build.py"))
    version = _get_table(hatch, "version")
    if version.get("source") == "code":
        yield "tool.hatch.version", str(version.get("path", ""))
    yield from _find_scripts(table)
    yield from _find_modules(table)


def _find_scripts(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (key, file) for the build scripts of poetry, and the build hooks and version getter of pdm."""
    poetry = _get_table(table, "tool", "poetry")
    # Poetry accepts ``build = "file"`` and ``build = { script = "file" }``.
    script = _get_table(poetry, "build").get("script") or poetry.get("build")
    if isinstance(script, str):
        yield "tool.poetry.build", script
    pdm = _get_table(table, "tool", "pdm")
    functions = _get_texts(_get_table(pdm, "build").get("hooks"))
    getter = _get_table(pdm, "version").get("getter")
    if isinstance(getter, str):
        functions.append(getter)
    for function in functions:
        # The value is ``package.module:function``.
        yield "tool.pdm", _get_module_file(function.partition(":")[0])


def _find_modules(table: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield (key, file) for the modules that setuptools and setuptools_scm import."""
    for key in ("version_scheme", "local_scheme"):
        scheme = _get_table(table, "tool", "setuptools_scm").get(key)
        # A scheme with a colon is ``module:function``; any other is the name of a built-in scheme.
        if isinstance(scheme, str) and ":" in scheme:
            yield f"tool.setuptools_scm.{key}", _get_module_file(scheme.partition(":")[0])
    for field in _get_table(table, "tool", "setuptools", "dynamic").values():
        # The value is ``package.module.attribute``; setuptools imports the module to read the attribute.
        attribute = field.get("attr") if isinstance(field, dict) else None
        if isinstance(attribute, str):
            yield "tool.setuptools.dynamic", _get_module_file(attribute.rpartition(".")[0])
    for command, class_path in _get_table(table, "tool", "setuptools", "cmdclass").items():
        if isinstance(class_path, str):
            yield f"tool.setuptools.cmdclass.{command}", _get_module_file(class_path.rpartition(".")[0])


def _get_module_file(module: str) -> str:
    """Return the file of a dotted module, such as ``package/module.py``."""
    return f"{module.replace('.', '/')}.py"


def _iterate_texts(value: object, depth: int = 0) -> Iterator[str]:
    """Yield every string of a table or list, down to ``_MAX_DEPTH``; ``depth`` is the depth of ``value``."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < _MAX_DEPTH:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _iterate_texts(inner, depth + 1)


def _mention_attack_texts(texts: Iterable[tuple[str, int | None]]) -> Iterator[Mention]:
    """Mention texts that show an attack: tools for tests, environments and wheels run commands from these files.

    Args:
        texts: (text, line) pairs; the line is ``None`` if it is unknown.
    """
    for text, line in texts:
        for name, detail in attack_texts.find_attack_texts(text):
            yield Mention(VOCABULARY, TEXT, name, Location(line=line), format_detail(detail))


def _reference_build_files(table: dict[str, object]) -> Iterator[Reference]:
    """Yield references to the build back end inside the folder, and to the files of hooks."""
    system = _get_table(table, "build-system")
    backend = system.get("build-backend")
    for folder in _get_texts(system.get("backend-path")):
        module = str(backend).partition(":")[0].replace(".", "/")
        target = module if folder in (".", "") else f"{folder.rstrip('/')}/{module}"
        file = f"{target}.py"[:_MAX_TARGET_CHARACTERS]
        yield Reference(ReferenceKind.CODE, file, "build-backend", where=Location(key="build-system"))
    for key, file in _find_hooks(table):
        if file:
            where = Location(key=format_detail(key))
            yield Reference(ReferenceKind.CODE, file[:_MAX_TARGET_CHARACTERS], key, where=where)


def _mention_config(settings: Iterable[Setting]) -> Iterator[Mention]:
    """Mention the command classes of ``setup.cfg`` and the like, and the requirements fetched from addresses."""
    seen_classes: set[str] = set()
    for setting in settings:
        section = setting.path[0] if len(setting.path) > 1 else ""
        key = _normalise_key(setting.path[-1])
        # The classes may follow the key line by line. One step counts for all of them.
        if key == "cmdclass" and section not in seen_classes:
            seen_classes.add(section)
            classes = str(setting.value or "") or "the classes on the lines below"
            yield _make_step("cmdclass", classes, section, setting.line)
        # distutils looks for each command, ``build`` included, in these packages first.
        if key == "command_packages":
            yield _make_step("command packages", str(setting.value), section, setting.line)
        if key in _REQUIREMENT_KEYS or section.startswith("options.extras_require"):
            yield from _mention_requirements(f"{section}.{key}", [str(setting.value)], setting.line)


def _normalise_key(key: str) -> str:
    """Return a key of ``setup.cfg`` as setuptools reads it: in lower case, with underscores for dashes."""
    return key.lower().replace("-", "_")


def _mention_requirements(key: str, requirements: list[str], line: int | None = None) -> Iterator[Mention]:
    """Mention the requirements that are fetched from an address; ``key`` and ``line`` give their place."""
    where = Location(key=format_detail(key), line=line)
    for requirement in requirements:
        # An environment marker follows the semicolon.
        if _ADDRESS.search(requirement.partition(";")[0]):
            yield Mention(VOCABULARY, "build-requirement", format_detail(requirement), where, format_detail(key))
            # An address without encryption is as bad here as in a requirements file.
            sources = collect_requirement_mentions(requirement, where)
            yield from (source for source in sources if source.use == "plain-text")


def _make_step(name: str, detail: str, key: str, line: int | None = None) -> Mention:
    """Return a mention of code or a command that a build runs; ``key`` and ``line`` give the setting that states it."""
    return Mention(VOCABULARY, "build-step", name, Location(key=format_detail(key), line=line), format_detail(detail))
