"""Read the releases of one library, and decide about the names that its files use."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from changed_definitions import find_changed
from derivation import Decision, Derivation
from module_bindings import Found, Module
from module_names import World
from package_index import IndexUnreadableError, Release, download, list_releases
from reviewed import Reviewed
from trust_lists import LibraryResult
from wheel_sources import ArchiveRefusedError, Sources, read_archive

from modelaudit.model.catalogue import Standing

# Parts of modules that no saved model names.
_LEFT_OUT = frozenset(
    {"tests", "test", "testing", "conftest", "cli", "commands", "benchmarks", "examples", "scripts", "setup"}
)


@dataclass(frozen=True, slots=True)
class Library:
    """A library of ``libraries.yaml``.

    Attributes:
        roots: its top-level packages; what a wheel holds beside them is left out.
        builds_on: the libraries whose sources it builds on.
        pickled: the modules, with those below, whose classes pickles name.
        configured: the modules whose classes configurations name.
        functions: the modules whose functions configurations name as well.
        referred: the modules whose functions objects in pickles keep; such an object may call them with anything.
        without: modules that are left out.
        variants: the end of an expression, and the texts that it may be equal to; each variant has to decide.
        vocabulary: the list of the names in configurations.
        since: the oldest release that is read.
        registry: the list of bare names, for a library that finds its classes by them; empty otherwise.
    """

    name: str
    roots: tuple[str, ...]
    builds_on: tuple[str, ...]
    pickled: tuple[str, ...]
    configured: tuple[str, ...]
    functions: tuple[str, ...]
    without: tuple[str, ...]
    variants: tuple[str, tuple[str, ...]] | None = None
    vocabulary: str = "python-names"
    since: str = "0"
    registry: str = ""
    referred: tuple[str, ...] = ()


def read_library(
    library: Library,
    libraries: Mapping[str, Library],
    reviewed: Reviewed,
    index: str,
    folder: Path,
    count: int,
    keep: bool = False,
) -> LibraryResult:
    """Read the newest releases of a library.

    Raises:
        IndexUnreadableError: the index does not answer, or none of the releases can be read.
    """
    result = LibraryResult(library.name, vocabulary=library.vocabulary, registry=library.registry)
    below = [_load_newest(libraries[each], index, folder) for each in library.builds_on if each != library.name]
    parsed: dict[str, Module | None] = {}
    refused: dict[str, Mapping[str, str]] = {}
    for position, release in enumerate(list_releases(index, library.name, count, library.since)):
        try:
            sources = load_sources(release, library, folder, keep or not position)
        except (ArchiveRefusedError, IndexUnreadableError) as error:
            result.problems.append(str(error))
            continue
        result.releases.append(release.version)
        refused[release.version] = sources.refused
        result.problems += [f"{release.version} {name}: {why}" for name, why in sources.refused.items()]
        test, values = library.variants or ("", ("",))
        for value in values:
            assumed = (test, value) if test else None
            world = World([sources, *below], reviewed.list_known(), parsed, assumed, reviewed.list_vouched())
            label = f"{release.version} ({value})" if value else release.version
            decide_release(world, sources, library, reviewed, label, result)
    result.refuse_unread(refused)
    if not result.releases:
        raise IndexUnreadableError(f"{library.name}: no release can be read: {'; '.join(result.problems)}")
    return result


def _load_newest(library: Library, index: str, folder: Path) -> Sources:
    """Return the sources of the newest release of a library that another one builds on."""
    kept = sorted((folder / "sources").glob(f"{library.name}@*.zip"), key=lambda path: path.stat().st_mtime)
    if kept:
        return Sources.load(kept[-1])
    release = list_releases(index, library.name, 1)[0]
    try:
        return load_sources(release, library, folder, keep=True)
    except ArchiveRefusedError as error:
        raise IndexUnreadableError(str(error)) from None


def load_sources(release: Release, library: Library, folder: Path, keep: bool) -> Sources:
    """Return the sources of a release, downloaded unless they are kept from before.

    Raises:
        IndexUnreadableError: the download failed.
        ArchiveRefusedError: the archive cannot be read within the bounds.
    """
    store = folder / "sources"
    store.mkdir(parents=True, exist_ok=True)
    path = store / f"{library.name}@{release.version}.zip"
    if path.exists():
        return Sources.load(path)
    with tempfile.TemporaryDirectory(dir=store) as download_folder:
        sources = read_archive(download(release, Path(download_folder)))
    sources.restrict(library.roots)
    if keep:
        sources.save(path)
    return sources


def decide_release(
    world: World, sources: Sources, library: Library, reviewed: Reviewed, version: str, result: LibraryResult
) -> None:
    """Decide about every class of one release, and add the decisions to ``result``."""
    derivation = Derivation(world, reviewed)
    modules = [world.find_module(name) for name in sorted(sources.texts) if not _is_left_out(name, library)]
    present = [each for each in modules if each is not None]
    derivation.changed.update(find_changed(present, derivation.order))
    if library.registry:
        result.other_definitions.update(_list_other_definitions(world, sources, library))
    constructed: dict[str, Decision] = {}
    for module in present:
        for found in iterate_defined(module):
            for kind, decision in _decide_definition(found, module, library, derivation):
                result.add(kind, version, decision)
                if kind == "constructed":
                    constructed[decision.name] = decision
        module.uses = None  # the largest part of what was read
    for alias, name in _iterate_aliases(present, library, world):
        if name in constructed and reviewed.judge(alias).standing is not Standing.DANGEROUS:
            target = constructed[name]
            # A name that only an older release trusts is not trusted under its shorter name either.
            alike = Decision(alias, target.standing, f"is {name}: {target.reason}", target.place, target.quote)
            result.add("constructed", version, alike)


def _decide_definition(
    found: Found, module: Module, library: Library, derivation: Derivation
) -> Iterator[tuple[str, Decision]]:
    """Yield (kind, decision) for each use of one definition."""
    is_configured = _is_below(module.name, library.configured)
    if not isinstance(found.node, ast.ClassDef):
        if _is_below(module.name, library.functions) and not found.node.name.startswith("_"):
            yield "constructed", derivation.decide_constructed(found)
        if _is_below(module.name, library.referred):
            yield "referred", derivation.decide_constructed(found)
        return
    if derivation.reviewed.judge(found.name).standing is Standing.DANGEROUS:
        return
    if _is_below(module.name, library.pickled):
        decision = derivation.decide_unpickled(found)
        yield "enumeration" if derivation.is_enumeration(found) else "unpickled", decision
        if decision.standing == "trusted":
            for rebuilder in derivation.list_rebuilders(found):
                if rebuilder.module.name.partition(".")[0] in library.roots:
                    yield "rebuilder", derivation.decide_rebuilder(rebuilder)
    if is_configured:
        yield "constructed", derivation.decide_constructed(found)


def _list_other_definitions(world: World, sources: Sources, library: Library) -> Iterator[str]:
    """Yield the name of each function of a release, and of each class that is not read for configurations."""
    for module in filter(None, map(world.find_module, sorted(sources.texts))):
        is_read = _is_below(module.name, library.configured) and not _is_left_out(module.name, library)
        for found in iterate_defined(module):
            if not (is_read and isinstance(found.node, ast.ClassDef)):
                yield found.node.name


def iterate_defined(module: Module) -> Iterator[Found]:
    """Yield each class and function that a module binds at its top level."""
    for bindings in module.bindings.values():
        definitions = [each.definition for each in bindings if each.definition is not None]
        if definitions:
            yield Found(module, definitions[-1])


def _iterate_aliases(modules: list[Module], library: Library, world: World) -> Iterator[tuple[str, str]]:
    """Yield (name, full name) of each definition that a package of the library exports under a shorter name."""
    for module in modules:
        if not module.is_package or not _is_below(module.name, library.configured):
            continue
        names = {name for name, bound in module.bindings.items() if any(each.target for each in bound)}
        for star in module.stars:
            other = world.find_module(star)
            names |= set(other.bindings) if other is not None else set()
        for name in sorted(names):
            found = world.look_up(module, name)
            if not name.startswith("_") and isinstance(found, Found) and found.name != f"{module.name}.{name}":
                yield f"{module.name}.{name}", found.name


def _is_below(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a module is one of ``prefixes``, or inside of one."""
    return any(name == each or name.startswith(each + ".") for each in prefixes)


def _is_left_out(name: str, library: Library) -> bool:
    """Whether a module holds no name that a file could need."""
    parts = name.split(".")
    is_test = any(part in _LEFT_OUT or part.startswith("test_") or part.endswith("_test") for part in parts)
    if is_test or _is_below(name, library.without):
        return True
    wanted = (*library.pickled, *library.configured, *library.functions, *library.referred)
    return not _is_below(name, wanted)
