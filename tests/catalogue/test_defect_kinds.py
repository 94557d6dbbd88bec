"""The words for contradictions: what readers can say, what ``rules/subjects.yaml`` lists, what rules ask for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fixtures import fixture_path

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.directory import rules_directory
from modelaudit.catalogue.document import read_document
from modelaudit.catalogue.findings import read_subjects

PACKAGE = Path(modelaudit.__file__).parent
LISTED = read_subjects([read_document(rules_directory() / "subjects.yaml", "subjects.yaml")])["defect"]
# Kinds without a rule. Each of the first group is an absence as well, for which a rule of its own fires.
ALSO_ABSENT = {
    "truncated": ("safetensors/truncated/in-data.safetensors", "coverage/damaged"),
    "encrypted-member": ("zip/malicious/encrypted-member.zip", "coverage/encrypted"),
}
HARMLESS = {"not-utf-8"}  # text in an 8-bit encoding is old, and is read whole


def reading_modules() -> list[Path]:
    """The modules that decode bytes or text."""
    return sorted(path for room in ("formats", "languages", "wire") for path in (PACKAGE / room).rglob("*.py"))


def kinds_in(path: Path, functions: frozenset[str] | None = None) -> Iterator[str]:
    """Every word that a module, or these functions of it, can give a defect, in the call or chosen just before."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef) or (functions is not None and function.name not in functions):
            continue
        parameters = {argument.arg for argument in function.args.args}
        counted = {name.id for part in ast.walk(function) if isinstance(part, ast.comprehension)
                   for name in ast.walk(part.target) if isinstance(name, ast.Name)}  # fmt: skip
        for call in (part for part in ast.walk(function) if isinstance(part, ast.Call) and part.args):
            if not is_report(call.func):
                continue
            kind = call.args[0]
            if isinstance(kind, ast.Name) and kind.id in parameters | counted:
                continue  # the log itself, which passes words on
            found = set(words(kind, function))
            assert found, f"{path.name}:{call.lineno}: cannot tell which kinds of defect this is"
            yield from found


def is_report(callee: ast.expr) -> bool:
    if isinstance(callee, ast.Name):
        return callee.id == "Defect"
    if not isinstance(callee, ast.Attribute):
        return False
    return callee.attr == "defect" or (callee.attr == "add" and ast.unparse(callee.value).endswith("log"))


def words(value: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(word)):
            yield word
        case ast.IfExp(body=body, orelse=other):
            yield from words(body, function)
            yield from words(other, function)
        case ast.Name(id=name):
            for part in ast.walk(function):
                match part:
                    case ast.Assign(targets=[ast.Name(id=target)], value=given) if target == name:
                        yield from words(given, function)
                    case ast.For(target=ast.Tuple(elts=[ast.Name(id=target), *_]), iter=ast.Tuple(elts=rows)) if (
                        target == name
                    ):
                        for row in rows:
                            if isinstance(row, ast.Tuple):
                                yield from words(row.elts[0], function)


EMITTED = {kind for path in reading_modules() for kind in kinds_in(path)}


def test_the_listed_kinds_are_those_that_readers_can_say() -> None:
    assert set(LISTED["kind"]) == EMITTED


def test_the_listed_formats_are_those_that_checks_lay_out() -> None:
    formats = {"pickle", "safetensors", "card", "compressed", "npy", "skops"}
    formats |= {"hdf5"}
    formats |= {"catboost", "lightgbm", "ubjson", "xgboost", "xgboost-binary"}
    formats |= {"gguf", "git-lfs-pointer", "msgpack"}
    formats |= {"onnx", "ort", "tflite", "executorch"}
    formats |= {"ggml", "zarr"}
    for path in reading_modules():
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Document", "ArchiveListing"):
                (word,) = words(call.args[0], ast.parse("def nothing(): pass").body[0])  # type: ignore[arg-type]
                formats.add(word)
    assert formats == set(LISTED["format"])


def asked_for(format_: str | None = None) -> set[object]:
    """The kinds that some rule asks for."""
    matchers = [dict(matcher.where) for rule in load_catalogue().findings.values() for matcher in rule.match
                if matcher.on == "defect"]  # fmt: skip
    return {kind for where in matchers if format_ is None or format_ in where["format"] for kind in where["kind"]}


# The formats under which the defects of a module of ``readers`` are laid out, by the first word of its path. Of a module
# for several formats each kind belongs to at least one of them.
PLACES = {
    "zip": ("zip",), "tar": ("tar",), "sevenzip": ("7z",), "compressed": ("compressed",), "card": ("card",),
    "documents": ("json", "yaml", "text"), "numpy": ("npy", "compressed"), "pickle": ("pickle",),
    "safetensors": ("safetensors",), "skops": ("skops",), "members": ("zip", "tar", "7z"),
    "hdf5": ("hdf5",),
    "xml": ("xml",),
    "boosters": ("catboost", "lightgbm", "ubjson", "xgboost", "xgboost-binary"), "markup": ("xml",),
    "gguf": ("gguf",), "lfs": ("git-lfs-pointer",), "msgpack": ("msgpack",),
    "onnx": ("onnx", "ort"), "tflite": ("tflite",), "executorch": ("executorch",),
    "ggml": ("ggml",), "zarr": ("zarr",),
}  # fmt: skip


def emitted() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(formats, kind, module) of all that readers say, what they say through functions of other modules included."""
    for path in reading_modules():
        module = path.relative_to(PACKAGE).as_posix()
        formats = next((PLACES[part] for part in reversed(re.split("[/_.]", module)) if part in PLACES), ())
        for kind in kinds_in(path):
            assert formats, f"{module} reports {kind!r}: list the format of the module in PLACES"
            yield formats, kind, module
        if formats:
            yield from ((formats, kind, module) for kind in borrowed(path))


def borrowed(path: Path) -> Iterator[str]:
    for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(part, ast.ImportFrom) and (part.module or "").startswith("modelaudit.formats."):
            other = PACKAGE.joinpath(*str(part.module).split(".")[1:]).with_suffix(".py")
            if other.is_file():
                yield from kinds_in(other, frozenset(name.name for name in part.names))


def rule_files(kind: str) -> str:
    """Where a kind is asked for already, under whatever format."""
    return ", ".join(
        f"rules/findings/{name}.yaml" for name, rule in load_catalogue().findings.items()
        for matcher in rule.match if matcher.on == "defect" and kind in dict(matcher.where)["kind"]
    ) or "a rule of its own in rules/findings"  # fmt: skip


@pytest.mark.parametrize(("formats", "kind", "module"), sorted(set(emitted())))
def test_every_kind_of_a_format_has_a_rule_for_that_format(formats: tuple[str, ...], kind: str, module: str) -> None:
    asked = set().union(*(asked_for(format_) for format_ in formats))
    assert kind in asked | ALSO_ABSENT.keys() | HARMLESS, (
        f"{module} reports {kind!r} for {' or '.join(formats)}, which no rule asks for: extend {rule_files(kind)}"
    )


def test_every_kind_has_a_rule_or_a_reason_for_none() -> None:
    assert set(LISTED["kind"]) - asked_for() == ALSO_ABSENT.keys() | HARMLESS


@pytest.mark.parametrize(("fixture", "rule"), ALSO_ABSENT.values())
def test_what_has_no_rule_of_its_own_is_told_as_an_absence(fixture: str, rule: str) -> None:
    report = modelaudit.scan(fixture_path(fixture), second_opinion=False)
    assert rule in {finding.rule for finding in report.findings}
    assert report.exit_code == 3
