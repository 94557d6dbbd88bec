"""Decide which Python files are loaded with the model, and lower findings in those that people only run by hand.

A loader imports what a configuration names, what it imports by convention, and what these files import. A
demonstration, training code or a test beside them runs only if a person runs it. What cannot be decided counts as
loaded.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.checks.references import resolve_code_target
from modelaudit.model.address import file_of, is_member
from modelaudit.model.catalogue import FindingRule
from modelaudit.model.copies import replace
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Outline, ReferenceKind, References
from modelaudit.model.reading import Structure
from modelaudit.model.report import ArtifactRecord

_PYTHON: Final = "python"
_NOTEBOOK: Final = "notebook"
_MOST_NAMES: Final = 100_000
"""Imported names of all files together; beyond, every file counts as loaded."""
# Servers, Python, installers and plug-in loaders import these without any reference to them.
_CONVENTIONAL: Final = defer_pattern(
    r"(?:^|/)(?:handler|\w+_handler|sitecustomize|usercustomize|setup|__init__|custom_generate/generate|code/inference|"
    r"model|pipeline|predict|service|hubconf|nodes|prestartup_script|\d+/model)\.py\Z|\.pth\Z"
)
# Names that transformers, diffusers and their users give to the code of a model, whether or not something names it.
_MODEL_NAME: Final = defer_pattern(
    r"(?:^|/)(?:model|modell?ing|configuration|config|token|process|image_process|video_process|feature_extract|pipeline|"
    r"custom|net|arch|layer|module|generation|schedul|autoencoder|unet|transformer|controlnet|encoder|decoder|attention|"
    r"block|loader|load_)[^/]*\.pyw?\Z"
)
_SCRIPT_FOLDERS: Final = frozenset(
    {"test", "tests", "testing", "example", "examples", "demo", "demos", "script", "scripts", "benchmark", "benchmarks",
     "eval", "evals", "evaluation", "train", "training", "finetune", "finetuning", "doc", "docs", "tools", "notebooks",
     "experiments", "recipes", ".github"}
)  # fmt: skip
_SCRIPT_WORDS: Final = (
    "demo|app|webui|gradio|streamlit|cli|chat|train|training|trainer|finetune|finetuning|sft|dpo|grpo|pretrain|test|tests|"
    "eval|evaluate|evaluation|evaluator|benchmark|bench|inference|infer|example|examples|sample|usage|run|main|convert|"
    "conversion|converter|export|publish|push|upload|download|prepare|preprocess|quantize|quantise|merge|plot|visualize|"
    "visualise|server|serve|client|api|script|quickstart|playground|tune|reproduce|ablation|scrape|crawl"
)
_SCRIPT_NAME: Final = defer_pattern(rf"(?:\A|_|-)(?:{_SCRIPT_WORDS})(?:\Z|_|-|\d)")
# Scripts that make or measure a model, rather than use it.
_OTHER_PURPOSE: Final = defer_pattern(
    r"train|tun(?:e|ing)|sft|dpo|grpo|test|eval|bench|convert|export|quanti|merge|plot|push|upload|publish|prepare"
    r"|preprocess|scrape|crawl|reproduce|ablation",
    re.IGNORECASE,
)
# Classes that a library looks for in a file of the model, whose subclasses it makes objects of, and decorators by which
# a file registers the names in a configuration of spaCy.
_LOADED_BASES: Final = frozenset(
    {"datasets.GeneratorBasedBuilder", "datasets.ArrowBasedBuilder", "datasets.DatasetBuilder",
     "datasets.BeamBasedBuilder", "datasets.Metric", "evaluate.Metric", "evaluate.Measurement", "evaluate.Comparison",
     "evaluate.EvaluationModule", "spacy.Language.factory", "spacy.Language.component", "mlserver.MLModel",
     "spacy.language.Language.factory", "spacy.language.Language.component", "spacy.util.registry",
     "mlflow.pyfunc.PythonModel", "mlflow.pyfunc.model.PythonModel", "cog.BasePredictor"}
)  # fmt: skip
# The folder is read as a program for a person as well: these are no settings that a loader reads.
_SETTINGS: Final = defer_pattern(
    r"(?:\.(?:json|ya?ml|toml|ini|cfg|conf|properties|gin|jsonnet|libsonnet|pbtxt)|"
    r"(?:^|/)(?:MLmodel|Procfile|(?:[\w-]+\.)?(?:Dockerfile|Containerfile)(?:\.[\w-]+)?))\Z"
)
# Documents that show how to import a module, and settings of gin, which import modules by statements.
_IMPORTING: Final = defer_pattern(r"\.(?:md|markdown|rst|mdx|gin)\Z", re.IGNORECASE)
# Large data of tokenizers and indexes of weights, which name no module.
_DATA_FILE: Final = defer_pattern(
    r"(?:^|/)(?:tokenizer|vocab|added_tokens|special_tokens_map|merges|word_index|[\w.-]*\.index)\.json\Z"
)
_FOR_PEOPLE: Final = defer_pattern(
    r"(?:^|/)(?:\.github|docs?|tests?)/|(?:^|/)(?:docker-compose[\w.-]*|mkdocs|\.pre-commit-config)\.ya?ml\Z"
)
_DOCUMENT: Final = defer_pattern(r"\.(?:md|markdown|rst|mdx)\Z", re.IGNORECASE)
_DATA_ENDINGS: Final = (
    "jsonl?|csv|tsv|txt|parquet|arrow|bin|pth?|ckpt|safetensors|ya?ml|toml|ini|cfg|md|sh|bat|log|wav|mp3|mp4|flac|png|jpe?g|"
    "gif|onnx|gguf|zip|gz|tar|model|np[yz]|pkl|h5|html?|ipynb|conll?u?|src|tgt|idx|lst|out|err|db"
)
_LIBRARY_MODEL: Final = '"model_type"'
# Calls after which any file of the model may be imported.
_ANY_IMPORT: Final = frozenset(
    {"importlib.import_module", "importlib.__import__", "builtins.__import__", "importlib.*", "runpy.run_path",
     "runpy.run_module", "pkgutil.resolve_name", "pydoc.locate", "builtins.exec", "builtins.eval",
     "importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader",
     "(function reached by computed names)", "(function that a file names)", "(function that is worked out)"}
)  # fmt: skip
# Modules with functions that search for tests, or import by a dotted name.
_IMPORTING_MODULES: Final = ("unittest.", "pytest.", "_pytest.", "nose.", "nose2.", "doctest.", "logging.config.")

ReadText = Callable[[str], str]
"""Returns the text of a file of the model by its path; empty if it is large or cannot be read."""


class _Imports(Struct):
    """The dotted names that one file imports, whether it imports what no name shows, and has a class for a library."""

    names: set[str] = field(default_factory=set)
    is_open: bool = False
    has_loaded_class: bool = False


class CodeImports:
    """The imports of all Python files of a model so far."""

    def __init__(self) -> None:
        self._imports: defaultdict[str, _Imports] = defaultdict(_Imports)
        self._names_left = _MOST_NAMES
        self._started: frozenset[str] = frozenset()

    def collect_imports(self, address: str, structure: Structure) -> None:
        """Keep what a structure of a Python file imports."""
        if not isinstance(structure, Outline) or structure.format != _PYTHON:
            return
        imports = self._imports[file_of(address)]
        before = len(imports.names)
        for mention in structure.mentions:
            if mention.use == "import":
                imports.names.add(mention.name)
            elif mention.use == "reference" and "." in mention.name:
                imports.names.add(mention.name.lstrip("."))
            elif mention.use == "module-alias" and "=." in mention.name:
                imports.names.add(mention.name.partition("=.")[2].rstrip(".*"))
            imports.has_loaded_class = imports.has_loaded_class or mention.name in _LOADED_BASES
            imports.is_open = imports.is_open or (mention.use != "import" and _imports_any(mention.name))
        self._names_left -= len(imports.names) - before

    def find_beside_model(
        self,
        records: Sequence[ArtifactRecord],
        references: Iterable[tuple[str, References]],
        read_text: ReadText,
    ) -> Mapping[str, str]:
        """Return the Python files that are not loaded with the model, each with the reason.

        Args:
            records: of all files.
            references: those of all files, with the address of the file that contains them.
            read_text: reads a small file of the model.
        """
        sources = {each.path: each for each in records if not _FORMATS.isdisjoint(each.formats)}
        if len(records) < 2 or self._names_left < 0:
            return {}
        scripts = {path for path in sources if _NOTEBOOK in sources[path].formats}
        python_files = sources.keys() - scripts
        imported, started = self._find_roots(python_files, records, references, read_text)
        loaded = self.follow_imports(imported | started, python_files)
        self._started = frozenset(loaded - self.follow_imports(imported, python_files)) if started else frozenset()
        reason = "no configuration, convention or loaded file names it"
        return dict.fromkeys(python_files - loaded, reason) | dict.fromkeys(scripts, "a notebook is not imported")

    def list_started(self) -> frozenset[str]:
        """Return the files that count as loaded only because a person starts one; ``find_beside_model`` finds them."""
        return self._started

    def _find_roots(
        self,
        python_files: Iterable[str],
        records: Sequence[ArtifactRecord],
        references: Iterable[tuple[str, References]],
        read_text: ReadText,
    ) -> tuple[set[str], set[str]]:
        """Return the files that a loader imports first, or may import, and the programs that people start."""
        roots = {
            resolve_code_target(address, reference)
            for address, group in references
            if group.format not in _FORMATS
            for reference in group.items
            if reference.kind is ReferenceKind.CODE
        }
        texts = _ModelTexts(records, read_text)
        started: set[str] = set()
        for path in python_files:
            folders = path.split("/")[:-1]
            is_script = bool(_SCRIPT_FOLDERS.intersection(each.lower() for each in folders)) or _is_script_name(path)
            is_conventional = _CONVENTIONAL.search(path) is not None and not _SCRIPT_FOLDERS.intersection(folders)
            has_class = path in self._imports and self._imports[path].has_loaded_class
            is_beside = is_script or (_MODEL_NAME.search(path) is None and texts.has_library_model)
            is_loader = not texts.has_library_model and texts.shows_command(path)
            if is_conventional or has_class or not (is_beside or is_loader) or texts.name_module(path):
                roots.add(path)
            elif is_loader:
                started.add(path)
        return roots, started

    def follow_imports(self, roots: set[str], python_files: Iterable[str]) -> set[str]:
        """Return the files that are loaded once ``roots`` are: those that they import, through any number of files."""
        index: defaultdict[str, list[str]] = defaultdict(list)
        for path in python_files:
            module = re.sub(r"(?:/__init__)?\.\w+\Z", "", path)
            parts = module.split("/")
            for start in range(len(parts)):
                index["/".join(parts[start:])].append(path)
        loaded: set[str] = set()
        waiting = [path for path in python_files if path in roots]
        while waiting:
            path = waiting.pop()
            if path in loaded:
                continue
            loaded.add(path)
            imports = self._imports[path] if path in self._imports else _Imports(is_open=True)
            if imports.is_open:
                return set(python_files)
            for name in imports.names:
                parts = name.split(".")
                for end in range(1, len(parts) + 1):
                    waiting += index.get("/".join(parts[:end]), ())
        return loaded


_FORMATS: Final = frozenset({_PYTHON, _NOTEBOOK})


def _imports_any(name: str) -> bool:
    """Whether code that uses a name may import any file of the model."""
    return name in _ANY_IMPORT or name.startswith(_IMPORTING_MODULES)


def _is_script_name(path: str) -> bool:
    """Whether a file is named like a script that a person runs, such as ``train.py`` or ``gradio_demo.py``."""
    stem = posixpath.splitext(posixpath.basename(path))[0].lower()
    return _SCRIPT_NAME.search(stem) is not None


class _ModelTexts:
    """The settings and documents of a model, which may name a Python file; they are read when needed."""

    def __init__(self, records: Iterable[ArtifactRecord], read_text: ReadText) -> None:
        self._sizes = {each.path: each.size for each in records}
        self._read_text = read_text
        self._texts: dict[str, str] | None = None

    def _list_texts(self) -> dict[str, str]:
        """Return the texts by their paths."""
        if self._texts is None:
            self._texts = {
                path: self._read_text(path)
                for path in self._sizes
                if _DOCUMENT.search(path) or (_SETTINGS.search(path) and not _FOR_PEOPLE.search(path))
            }
        return self._texts

    @property
    def _has_unread_settings(self) -> bool:
        """Whether settings are too large to look for a module in them."""
        return any(
            not text and self._sizes[path] and not _DOCUMENT.search(path) and not _DATA_FILE.search(path)
            for path, text in self._list_texts().items()
        )

    @property
    def has_library_model(self) -> bool:
        """Whether a library loads the model by a configuration that names its type."""
        return any(_LIBRARY_MODEL in text for path, text in self._list_texts().items() if not _DOCUMENT.search(path))

    def shows_command(self, path: str) -> bool:
        """Whether a document shows the command that runs a script to use the model: without a library, it loads it."""
        if _OTHER_PURPOSE.search(posixpath.basename(path)):
            return False
        command = re.compile(rf"\bpython[\d.]*[ \t]+(?:-\w[ \t]+)?(?:\./)?{re.escape(path)}(?![\w.])")
        return any(command.search(text) for each, text in self._list_texts().items() if _DOCUMENT.search(each))

    def name_module(self, path: str) -> bool:
        """Whether settings name the module of a file, may name it beyond what was read, or a document imports it."""
        stem = re.escape(posixpath.splitext(posixpath.basename(path))[0])
        before = r"(?<![\w.-])(?:[\w.-]+[./])*"
        named = re.compile(
            rf"{before}{stem}(?:\.pyw?\b|:\w|\.(?!(?:{_DATA_ENDINGS})\b)[A-Za-z_])|"
            rf"(?:module|loader|handler|entry|script|code|implement|plugin|class|function|file|import)[\w-]*[\"']?\s*[:=]\s*"
            rf"[\"']?(?:[\w.-]+[./])*{stem}[\"']?\s*(?:[,}}\]\n]|\Z)",
            re.IGNORECASE,
        )
        imported = re.compile(rf"^[ \t>]*(?:from|import)[ \t]+(?:[\w.]+\.)?{stem}\b", re.MULTILINE)
        return self._has_unread_settings or any(
            stem.replace("\\", "") in text
            and (
                (not _DOCUMENT.search(path) and named.search(text))
                or (_IMPORTING.search(path) and imported.search(text))
            )
            for path, text in self._list_texts().items()
        )


def lower_findings(
    findings: Sequence[Finding],
    rules: Mapping[str, FindingRule],
    find_beside: Callable[[], Mapping[str, str]],
    find_runner: Callable[[Finding], str] = lambda _: "",
    list_started: Callable[[], frozenset[str]] = frozenset,
) -> list[Finding]:
    """Return the findings; those in files that are not loaded with the model get the severity that their rule states.

    Args:
        findings: all findings.
        rules: the rules by their ids.
        find_beside: returns the files that are not loaded, each with the reason; called only where that matters.
        find_runner: returns the file that has people run the program of a finding, if the finding is more than what
            ordinary programs do; otherwise an empty text.
        list_started: returns the files that no loader imports and a person starts to use the model.
    """
    severities = [_find_lower_severity(each, rules) for each in findings]
    beside = find_beside() if any(severities) else {}
    started = list_started() if any(severities) else frozenset()
    findings = [_judge_started(each, rules) if each.artifact in started else each for each in findings]
    return [
        _judge_beside(finding, severity, beside[finding.artifact], find_runner(finding))
        if severity is not None and finding.artifact in beside
        else finding
        for finding, severity in zip(findings, severities, strict=True)
    ]


def _judge_started(finding: Finding, rules: Mapping[str, FindingRule]) -> Finding:
    """Return a finding in a program that a person starts, with the severity that its rule states for one."""
    severity = rules[finding.rule].started if finding.rule in rules else None
    if severity is None or severity.rank >= finding.severity.rank:
        return finding
    note = "no loader imports it: a document has people start it as a program"
    message = f"{finding.message} Here {note}."
    return replace(finding, severity=severity, message=message, evidence=(*finding.evidence, note))


def _judge_beside(finding: Finding, severity: Severity, reason: str, runner: str) -> Finding:
    """Return a finding in a file beside the model: lowered, or at most high if a document has people run the file."""
    if not runner:
        return _lower_finding(finding, severity, reason)
    kept = Severity.HIGH if finding.severity is Severity.CRITICAL else finding.severity
    message = f"{finding.message} {runner} has users run this file as a program."
    return replace(finding, severity=kept, message=message, evidence=(*finding.evidence, f"run as {runner} says"))


def _find_lower_severity(finding: Finding, rules: Mapping[str, FindingRule]) -> Severity | None:
    """Return the severity of a finding in code that is not loaded with the model; ``None`` if it stays the same."""
    # Code inside an archive is there for the loader of the archive.
    if finding.rule not in rules or is_member(finding.artifact):
        return None
    severity = rules[finding.rule].beside_model
    return severity if severity is not None and severity.rank < finding.severity.rank else None


def _lower_finding(finding: Finding, severity: Severity, reason: str) -> Finding:
    """Return a finding with another severity, which its message and evidence explain."""
    note = f"not loaded with the model: {reason}"
    message = f"{finding.message} This file is {note}."
    return replace(finding, severity=severity, message=message, evidence=(*finding.evidence, note))
