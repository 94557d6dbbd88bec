"""The four places of a format: its folder with the declaration, its rules, its fixtures, its test.

Each check names the place that a format lacks. They read files of the tree and need no built fixtures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import yaml
from support.cases import check_each
from support.catalogue import READ_BY_CHECKS

from modelaudit.catalogue import load_catalogue
from modelaudit.formats.declaration import Declaration
from modelaudit.formats.registry import DECLARATIONS, FACTS, ROOMS
from modelaudit.model.catalogue import Standing

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ROOT / "modelaudit/formats"
# Each room (group of formats) is a package, so it has an __init__.py of its own beside the folders of its formats.
FOLDERS = sorted(
    path for room in ROOMS for path in (FORMATS / room).iterdir() if path.name not in ("__pycache__", "__init__.py")
)
DECLARATIONS_WITH_READER = [each for each in DECLARATIONS if each.read]
FORMAT_NAMES = sorted({each.name for each in DECLARATIONS_WITH_READER})

WITHOUT_RULES = {
    "bzip2": "its defects are those of the format compressed",
    "cntk": "its content is an absence, for which coverage/no-reader is the rule",
    "lz4": "its defects are those of the format compressed",
    "lzma": "its defects are those of the format compressed",
    "rar": "its content is an absence, for which coverage/no-reader is the rule",
    "rknn": "its content is an absence, for which coverage/no-reader is the rule",
    "tensorrt": "its content is an absence, for which coverage/no-reader is the rule",
    "torch-tar-records": "it hands out storages and pickles, which have rules of their own",
    "torch-weight": "it hands out pickles and storages, which have rules of their own",
    "unqlite": "it hands out values, which have rules of their own",
}
"""Formats that no rule names, each with its reason."""

EXTENSIONS_WITHOUT_PROMISE = frozenset({
    *(".7z", ".array", ".bin", ".bz2", ".caffemodel", ".cbm", ".cdb", ".dat", ".data-00000-of-00001", ".dic", ".gz", ".host"),
    *(".index", ".j2", ".joblib", ".keras"),
    *(".lz4", ".lzma", ".mar", ".meta", ".model", ".nemo", ".ocdbt", ".params", ".parquet", ".pdiparams", ".pdmodel"),
    *(".pkl", ".pmml", ".ps1", ".pt", ".pt2", ".pth", ".ptl", ".rar", ".rda", ".rds", ".scp"),
    *(".ser", ".simstring", ".skops", ".sqlite", ".t7", ".tar", ".template", ".tl", ".tmpl", ".ubj", ".wap", ".xz", ".z", ".zip", ".zst"),
})  # fmt: skip
"""Extensions of benign fixtures that promise no format: no finding reports other content under them."""

WITHOUT_FORMAT = {
    "hydra": "the configurations of a library, in YAML",
    "npz": "zip archives of npy files",
    "torch-legacy": "pickles with numbers between them, which the pickle reader decodes",
    "torchserve": "zip archives with a manifest",
}
"""Folders of fixtures for a use of other formats."""


def get_folder(declaration: Declaration) -> str:
    """Return the folder of a format within ``modelaudit/formats``, such as ``weights/gguf``."""
    # The reader is a dotted path, such as modelaudit.formats.weights.gguf.reader.read.
    _, _, room, folder, *_ = declaration.read.split(".")
    return f"{room}/{folder}"


@cache
def read_texts(folder: str, pattern: str) -> Mapping[Path, str]:
    """Return the text of every file below a folder of the tree whose name matches ``pattern``, by its path."""
    return {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).rglob(pattern))}


@check_each("folder", FOLDERS)
def test_each_folder_in_a_group_of_formats_declares_a_format(folder: Path) -> None:
    assert folder.is_dir(), f"{folder.relative_to(ROOT)}: give the format of this module a folder of its own"
    declaration = folder / "__init__.py"
    assert declaration.is_file(), f"{folder.relative_to(ROOT)}: add __init__.py with DECLARATIONS"
    assert "DECLARATIONS" in declaration.read_text(encoding="utf-8"), f"{declaration.relative_to(ROOT)}: DECLARATIONS"
    package = f"modelaudit.formats.{folder.parent.name}.{folder.name}"
    functions = [name for each in DECLARATIONS for name in (each.read, each.recognise, each.interpreter)]
    has_function = any(isinstance(name, str) and name.startswith(f"{package}.") for name in functions)
    assert has_function, f"{declaration.relative_to(ROOT)}: declare a reader or an interpreter of this folder"


@check_each("name", FORMAT_NAMES)
def test_each_format_is_named_in_the_rules_unless_it_is_listed_as_without_rules(name: str) -> None:
    statements, _, _ = (ROOT / "rules/formats.yaml").read_text("utf-8").partition("\njudged:")
    texts = [*read_texts("rules/findings", "*.yaml").values(), statements]
    # ``lzma.decompress`` and ``sys.modules[lzma]`` are names of Python.
    pattern = re.compile(rf"(?<![\w-])(?<!sys\.modules\[){re.escape(name)}(?![\w-]|\.decompress)")
    is_named = any(map(pattern.search, texts))
    assert is_named != (name in WITHOUT_RULES), (
        f"{name}: no rule of rules/findings and no reason of rules/formats.yaml names it; add a rule, or the format to "
        "WITHOUT_RULES with its reason"
    )


def test_formats_file_states_for_every_format_whether_loading_runs_code() -> None:
    file = yaml.safe_load((ROOT / "rules/formats.yaml").read_text(encoding="utf-8"))
    listed = {*file["runs-code"], *file["inert"], *file["judged"]}
    declared = {each.name for each in DECLARATIONS}
    missing, unknown = sorted(declared - listed), sorted(listed - declared)
    assert not missing, (
        f"rules/formats.yaml lists {', '.join(missing)} in none of runs-code, inert and judged; its head explains them"
    )
    assert not unknown, f"rules/formats.yaml lists {', '.join(unknown)}, which no folder of modelaudit/formats declares"


@check_each("kind", ["benign", "malicious"])
@check_each("name", FORMAT_NAMES)
def test_every_format_with_a_reader_has_benign_and_malicious_fixtures(name: str, kind: str) -> None:
    listed = (ROOT / "fixtures/digests.txt").read_text(encoding="utf-8")
    folder = next((each.fixtures for each in DECLARATIONS_WITH_READER if each.name == name and each.fixtures), name)
    # A line of the file is a digest, two blanks, and the path of a fixture.
    assert f"  {folder}/{kind}/" in listed, (
        f"{name}: no builder in fixtures/builders makes {folder}/{kind}/; add one, and run fixtures/build.py --update"
    )


@check_each("name", FORMAT_NAMES)
def test_every_format_with_a_reader_is_named_in_a_test_module(name: str) -> None:
    declarations = [each for each in DECLARATIONS_WITH_READER if each.name == name]
    modules = {get_folder(each).replace("/", ".") for each in declarations}
    folders = {each.fixtures or name for each in declarations}
    # A test imports a module of the format, reads a fixture of it, or has its name as an argument.
    pattern = "|".join([
        *(rf"modelaudit\.formats\.{re.escape(module)}\b" for module in modules),
        *(rf"[\"']{re.escape(folder)}/" for folder in folders),
        rf"[\"'\[(, ]{re.escape(name)}[\"'(]",
    ])  # fmt: skip
    # These modules name every format.
    excluded = {"test_declarations.py", "test_registry.py", "test_fixtures.py", "test_mutated_files.py", "test_docs.py"}
    test_texts = [text for path, text in read_texts("tests", "test_*.py").items() if path.name not in excluded]
    assert any(re.search(pattern, text) for text in test_texts), (
        f"{name}: no test reads it; add tests/formats/{get_folder(declarations[0]).replace('/', '/test_')}.py"
    )


def test_every_folder_of_benign_fixtures_belongs_to_a_format_or_is_listed_as_an_exception() -> None:
    listed = (ROOT / "fixtures/digests.txt").read_text(encoding="utf-8").splitlines()
    folders = {line.split("  ", 1)[1].split("/")[0] for line in listed if "/benign/" in line}
    declared = {each.fixtures or each.name for each in DECLARATIONS} | set(WITHOUT_FORMAT)
    unknown = sorted(folders - declared)
    assert not unknown, [f"fixtures/{each} has no format: add modelaudit/formats/<room>/{each}" for each in unknown]


def test_each_vocabulary_with_a_dangerous_name_is_matched_by_a_rule_other_than_a_fallback() -> None:
    catalogue = load_catalogue(formats=FACTS)
    # A fallback rule takes what no other rule matches, so it would hide that such a rule is missing.
    matchers = [matcher for rule in catalogue.findings.values() if not rule.is_fallback for matcher in rule.match]
    matched_vocabularies: set[str] = set()
    matched_formats: set[str] = set()
    for matcher in matchers:
        where = dict(matcher.where)
        # A matcher that lists no standing matches every standing.
        if matcher.subject != "mention" or "dangerous" not in where.get("standing", ("dangerous",)):
            continue
        if "vocabulary" in where:
            matched_vocabularies |= set(map(str, where["vocabulary"]))
        else:
            matched_formats |= set(map(str, where.get("format", ())))
    dangerous_vocabularies = {
        name
        for name, entries in catalogue.vocabularies.items()
        if any(entry.standing is Standing.DANGEROUS for entry in entries.values())
    }
    # A rule that matches a format covers the vocabularies that are named after it, such as caffe-layers.
    missing = sorted(
        name
        for name in dangerous_vocabularies - matched_vocabularies - READ_BY_CHECKS
        if name.partition("-")[0] not in matched_formats
    )
    assert not missing, (
        f"no rule matches the dangerous names of {', '.join(missing)}; a rule that matches by format covers only the "
        "vocabularies that begin with its name, so match the vocabulary: where: {vocabulary: <name>}"
    )


def test_extension_of_each_benign_fixture_promises_a_format_or_is_listed_as_an_exception() -> None:
    listed = (ROOT / "fixtures/digests.txt").read_text(encoding="utf-8").splitlines()
    paths = [PurePosixPath(line.split("  ", 1)[1]) for line in listed]
    # A fixture of a single file is <format>/benign/<file>; deeper paths belong to the fixtures that are folders.
    benign_files = [path for path in paths if len(path.parts) == 3 and path.parts[1] == "benign"]
    known_extensions = {"", *load_catalogue(formats=FACTS).formats.promises, *EXTENSIONS_WITHOUT_PROMISE}
    undeclared = sorted(
        f"{path} ({path.suffix})" for path in benign_files if path.suffix.lower() not in known_extensions
    )
    assert not undeclared, (
        f"no format declares the extension of {', '.join(undeclared)}: add it to the Declaration of the format"
    )
