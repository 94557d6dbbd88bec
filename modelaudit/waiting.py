"""Keep what can be judged only when all files of a model were read: a later file may name an earlier one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from modelaudit.checks.allowed_code import depends_on_code, find_stranger
from modelaudit.checks.data_strings import may_unpickle
from modelaudit.checks.documented_programs import DocumentedPrograms
from modelaudit.checks.formats import build_extension_subjects
from modelaudit.checks.loaded_code import CodeImports
from modelaudit.checks.module_aliases import ModuleAliases
from modelaudit.checks.own_modules import may_name_own_module
from modelaudit.checks.reach import depends_on_importer
from modelaudit.checks.read_files import loads_known_file, may_fetch, names_download
from modelaudit.checks.started_files import collect_commanded_names
from modelaudit.checks.subjects import build_subjects, build_unread_subjects
from modelaudit.checks.tensor_files import is_trailing_data, is_unrecognised
from modelaudit.configured_calls import calls_computed_name, imports_computed_name, unpickles_path
from modelaudit.inventory import ArtifactRead, ReferenceBound
from modelaudit.languages.python.source_encoding import decode_source
from modelaudit.model.address import file_of
from modelaudit.model.artifact import Artifact
from modelaudit.model.catalogue import Catalogue, Subject
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import DOCUMENTED_PROGRAM, RUN_FILE, References
from modelaudit.model.reading import Structure
from modelaudit.model.structure import Unread
from modelaudit.shared_sources import SharedSources
from modelaudit.wire.windows import read_all_bytes

_MOST_TEXT: Final = 1024 * 1024
"""Bytes of a setting or document that is read a second time."""

_MOST_STRANGERS: Final = 3


def make_text_reader(artifacts: Iterable[Artifact], sources: Collection[str]) -> Callable[[str], str]:
    """Return a function that reads the text of a small file by its path; empty if it is large or cannot be read.

    Args:
        artifacts: all files.
        sources: the paths of Python sources, which Python decodes as they say.
    """
    by_path = {artifact.path: artifact for artifact in artifacts}

    def read_text(path: str) -> str:
        artifact = by_path.get(path)
        if artifact is None or artifact.open is None or artifact.size > _MOST_TEXT:
            return ""
        try:
            with artifact.open() as window:
                if path in sources:
                    return decode_source(window).text
                return read_all_bytes(window, _MOST_TEXT).decode("utf-8", "replace")
        except WindowError:
            return ""

    return read_text


class WaitingFacts:
    """References and subjects of the files so far that depend on files which are read later.

    Attributes:
        references: with the address of the file that contains them, up to a bound.
        possible_tensor_data: subjects of files that a later file may name as tensor data.
        loads: subjects of calls that unpickle a file whose path is known.
        unpickles: whether code of the model unpickles something.
        fetching: the files of code that may fetch other files.
        own_names: subjects of Python names that a file of the model may define.
        importer_dependent: subjects of code whose severity depends on the file that imports it.
        code_dependent: subjects of settings whose severity depends on the code in the model.
        text_dependent: subjects of names that the texts of other files may settle.
        computed_calls: subjects of calls whose names the configurations may hold.
        importing: the files that import a module whose name they compute.
        unpickling: the files that unpickle a file whose path they do not show.
        strangers: the first repositories and addresses that configurations name for weights.
        module_aliases: the second names of modules.
        code_imports: the imports of Python files.
        documented: the programs that documents and commands have people run, and what they do.
        commanded: the files with commands that run a file of this name, by the name.
        shared_sources: the texts and modules that Python files import from each other.
    """

    def __init__(self, catalogue: Catalogue, limits: Limits) -> None:
        self._catalogue = catalogue
        self._reference_bound = ReferenceBound(limits)
        self.references: list[tuple[str, References]] = []
        self._run_files: list[tuple[str, References]] = []
        self.possible_tensor_data: list[Subject] = []
        self.importer_dependent: list[Subject] = []
        self.code_dependent: list[Subject] = []
        self.computed_calls: list[Subject] = []
        self.text_dependent: list[Subject] = []
        self.importing: set[str] = set()
        self.unpickling: set[str] = set()
        self.strangers: dict[str, None] = {}
        self.own_names: list[Subject] = []
        self.loads: list[Subject] = []
        self.fetching: set[str] = set()
        self.unpickles = False
        self.module_aliases = ModuleAliases(catalogue)
        self.code_imports = CodeImports()
        self.shared_sources = SharedSources()
        self.documented = DocumentedPrograms(catalogue)
        self.commanded: defaultdict[str, set[str]] = defaultdict(set)

    def collect_structures(self, structures: Iterable[tuple[str, Structure]]) -> list[tuple[str, Unread]]:
        """Keep the references of an artifact until all files were read, and return the absences of those beyond."""
        absences = []
        for address, structure in structures:
            self.code_imports.collect_imports(address, structure)
            self.shared_sources.collect_names(address, structure)
            if names_download(structure):
                self.fetching.add(file_of(address))
            if not isinstance(structure, References):
                continue
            if (absence := self._reference_bound.admit(structure)) is not None:
                absences.append((address, absence))
                continue
            if structure.format in (RUN_FILE, DOCUMENTED_PROGRAM):
                self.documented.collect_references(address, structure)
            if structure.format == RUN_FILE:
                for name in collect_commanded_names(structure):
                    self.commanded[name].add(file_of(address))
            if structure.format != DOCUMENTED_PROGRAM:
                references = self._run_files if structure.format == RUN_FILE else self.references
                references.append((address, structure))
        return absences

    def keep_subjects(self, reading: ArtifactRead) -> Iterator[Subject]:
        """Yield the subjects of an artifact, and set those aside that another file can explain or make worse."""
        subjects = chain(
            build_subjects(reading.structures, reading.unread, self._catalogue),
            build_extension_subjects(reading.formats, self._catalogue.formats),
        )
        kept_by_condition = (
            (self.shared_sources.takes_text, self.text_dependent),
            (depends_on_importer, self.importer_dependent),
            (depends_on_code, self.code_dependent),
            (calls_computed_name, self.computed_calls),
            (loads_known_file, self.loads),
            (may_name_own_module, self.own_names),
            (is_trailing_data, self.possible_tensor_data),
        )
        for subject in subjects:
            self.module_aliases.collect_names(subject)
            if imports_computed_name(subject):
                self.importing.add(subject.artifact)
            if unpickles_path(subject):
                self.unpickling.add(subject.artifact)
            self.documented.collect_use(subject)
            if len(self.strangers) < _MOST_STRANGERS and (stranger := find_stranger(subject)):
                self.strangers[stranger] = None
            self.unpickles = self.unpickles or may_unpickle(subject)
            if may_fetch(subject):
                self.fetching.add(file_of(subject.artifact))
            kept = next((subjects for is_kept, subjects in kept_by_condition if is_kept(subject)), None)
            if kept is None:
                yield subject
            else:
                kept.append(subject)
        for address, unread in reading.unread:
            if is_unrecognised(unread):
                self.possible_tensor_data += build_unread_subjects(address, (unread,))
            else:
                yield from build_unread_subjects(address, (unread,))

    def take_run_files(self) -> list[tuple[str, References]]:
        """Return the references to files that commands run, and forget them."""
        taken, self._run_files = self._run_files, []
        return taken

    def release_subjects(self) -> None:
        """Forget the references and subjects once they are judged: those of a hostile file take much memory."""
        self.references, self.possible_tensor_data = [], []
        self.importer_dependent, self.code_dependent = [], []
        self.own_names, self.loads, self.computed_calls, self.text_dependent = [], [], [], []
