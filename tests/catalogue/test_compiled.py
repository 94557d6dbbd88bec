"""The compiled form of the rule set, which a process loads instead of parsing a thousand files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

import modelaudit
from modelaudit.catalogue import base_models, compiled, compiled_file, fingerprints
from modelaudit.catalogue.base_models import load_base_models
from modelaudit.catalogue.compiled import identify_rules, load_compiled, store_compiled
from modelaudit.catalogue.directory import find_installed_rules
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.catalogue.load import load_catalogue
from modelaudit.catalogue.rule_set import read_rule_set
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.fingerprint import SAMPLE_STEP
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("read_names", "read_discovery", "read_element_lists")


@pytest.fixture(autouse=True)
def bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let Python write bytecode, below a folder of the test."""
    folder = tmp_path / "bytecode"
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(compiled_file, "_BYTECODE", os.fspath(folder / "compiled.pyc"))
    return folder


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Return a copy of a few shipped rules."""
    folder = tmp_path / "rules"
    shipped = find_installed_rules()
    for name in ("clauses.yaml", "subjects.yaml", "taxonomy.yaml", "licenses/MIT.yaml", "licenses/_vague.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shipped / name, folder / name)
    return folder


def compile_rules(folder: Path, formats: FormatFacts = NO_FORMATS) -> Catalogue:
    """Read rules from their files, and store their compiled form."""
    sources = identify_rules(folder, formats)
    catalogue = read_rule_set((folder,), formats)
    store_compiled(folder, formats, catalogue, sources)
    return catalogue


def find_stored(bytecode: Path) -> list[Path]:
    """List the files below the folder of bytecode."""
    return [each for each in bytecode.rglob("*") if each.is_file()]


def simplify(value: object) -> Any:
    """Turn a part of a catalogue into plain values whose order has no meaning."""
    plain = msgspec.to_builtins(value, enc_hook=lambda each: simplify(compiled._simplify(each)))
    return sort_sets(plain, value)


def sort_sets(plain: Any, value: object) -> Any:
    """Sort what was made of sets, which have no order."""
    if isinstance(value, frozenset | set):
        return sorted(map(repr, plain))
    if isinstance(value, msgspec.Struct):
        return {name: simplify(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {key: simplify(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [simplify(each) for each in value]
    return plain


@pytest.mark.parametrize("formats", [NO_FORMATS, FACTS], ids=["no-formats", "formats"])
def test_compiled_rules_are_the_rules_of_the_files(formats: FormatFacts) -> None:
    read = compile_rules(find_installed_rules(), formats)
    loaded = load_compiled(find_installed_rules(), formats)
    assert loaded is not None
    for name in Catalogue.__struct_fields__:
        ours, theirs = getattr(loaded, name), getattr(read, name)
        if name in PARTS:
            ours, theirs = ours(), theirs()
        assert ours == theirs or simplify(ours) == simplify(theirs), name
    names = read.read_names()
    assert list(loaded.callables.by_name) == list(names.callables.by_name)
    assert loaded.callables.by_name["os.system"].name == "os.system"
    assert "os.nothing" not in loaded.callables.by_name


def test_a_part_is_read_once(rules: Path) -> None:
    compile_rules(rules)
    loaded = load_compiled(rules, NO_FORMATS)
    assert loaded is not None
    assert loaded.read_names() is loaded.read_names()


def edit(rules: Path) -> None:
    """Change a file to another of the same size."""
    path = rules / "licenses" / "MIT.yaml"
    path.write_bytes(path.read_bytes().replace(b"MIT", b"TIM", 1))


def age(rules: Path) -> None:
    """Set back the time of a file, as a copy of an older one may have it."""
    os.utime(rules / "taxonomy.yaml", ns=(1, 1))


def add(rules: Path) -> None:
    """Add a file with the wrong ending, which is an error in a rule set."""
    (rules / "licenses" / "Other.yml").write_text("name: Other\n")


def remove(rules: Path) -> None:
    """Remove a file."""
    (rules / "licenses" / "MIT.yaml").unlink()


@pytest.mark.parametrize("change", [edit, age, add, remove])
def test_rules_that_changed_are_read_again(rules: Path, change: Callable[[Path], None]) -> None:
    compile_rules(rules)
    assert load_compiled(rules, NO_FORMATS) is not None
    change(rules)
    assert load_compiled(rules, NO_FORMATS) is None


def test_rules_that_change_while_they_are_read_are_read_again(rules: Path) -> None:
    sources = identify_rules(rules, NO_FORMATS)
    catalogue = read_rule_set((rules,), NO_FORMATS)
    edit(rules)
    store_compiled(rules, NO_FORMATS, catalogue, sources)
    assert load_compiled(rules, NO_FORMATS) is None


def test_rules_that_cannot_be_identified_are_not_stored(rules: Path, bytecode: Path) -> None:
    sources = identify_rules(rules / "missing", NO_FORMATS)
    store_compiled(rules, NO_FORMATS, read_rule_set((rules,), NO_FORMATS), sources)
    assert not find_stored(bytecode)


def test_a_changed_reader_reads_the_rules_again(rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = tmp_path / "readers" / "reader.py"
    reader.parent.mkdir()
    reader.write_text("")
    monkeypatch.setattr(compiled_file, "_READERS", (reader.parent,))
    compiled_file._identify_readers.cache_clear()
    compile_rules(rules)
    assert load_compiled(rules, NO_FORMATS) is not None
    reader.write_text("# another\n")
    compiled_file._identify_readers.cache_clear()
    assert load_compiled(rules, NO_FORMATS) is None


def test_another_release_reads_the_rules_again(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled_file._identify_readers.cache_clear()
    compile_rules(rules)
    monkeypatch.setattr(modelaudit, "__version__", "0.0.1")
    compiled_file._identify_readers.cache_clear()
    assert load_compiled(rules, NO_FORMATS) is None
    compiled_file._identify_readers.cache_clear()


def test_rules_for_other_facts_on_formats_are_read_again(rules: Path, bytecode: Path) -> None:
    facts = FormatFacts(extensions={".new": frozenset({"new"})})
    compile_rules(rules, facts)
    compile_rules(rules)
    assert load_compiled(rules, facts) is not None
    assert load_compiled(rules, NO_FORMATS) is not None
    assert load_compiled(rules, FormatFacts(extensions={".new": frozenset({"old"})})) is None
    assert len(find_stored(bytecode)) == 2


@pytest.mark.parametrize("place", [0, 31, 32, 40, 400, -1])
def test_damage_is_ignored(rules: Path, bytecode: Path, place: int) -> None:
    compile_rules(rules)
    (stored,) = find_stored(bytecode)
    content = bytearray(stored.read_bytes())
    content[place] ^= 1
    stored.write_bytes(content)
    assert load_compiled(rules, NO_FORMATS) is None
    stored.write_bytes(content[: len(content) // 2])
    assert load_compiled(rules, NO_FORMATS) is None
    stored.write_bytes(b"")
    assert load_compiled(rules, NO_FORMATS) is None


def link_device(path: Path) -> None:
    """Link a device without an end."""
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, link_device], ids=["pipe", "folder", "device"])
def test_pipe_device_or_folder_in_place_of_the_rules_is_ignored(
    rules: Path, bytecode: Path, make: Callable[[Path], None]
) -> None:
    compile_rules(rules)
    (stored,) = find_stored(bytecode)
    stored.unlink()
    make(stored)
    assert load_compiled(rules, NO_FORMATS) is None
    compile_rules(rules)
    assert [each for each in bytecode.iterdir() if each != stored] == []


def test_nothing_is_written_where_python_writes_no_bytecode(
    rules: Path, bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    compile_rules(rules)
    assert not find_stored(bytecode)


def test_a_folder_that_cannot_be_written_is_no_error(rules: Path, bytecode: Path) -> None:
    bytecode.write_text("a file in the place of the folder")
    compile_rules(rules)
    assert load_compiled(rules, NO_FORMATS) is None


def test_without_bytecode_there_is_no_compiled_form(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_file, "_BYTECODE", None)
    compile_rules(rules)
    assert load_compiled(rules, NO_FORMATS) is None


def test_a_failed_write_leaves_nothing(rules: Path, bytecode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    compile_rules(rules)
    assert not find_stored(bytecode)


def test_the_second_process_parses_no_rules(bytecode: Path, tmp_path: Path) -> None:
    """It loads none of the modules that would."""
    program = (
        "import sys, modelaudit\n"
        f"modelaudit.scan({os.fspath(ROOT / 'fixtures' / 'repositories' / 'acme-tiny')!r}, offline=True)\n"
        "print('modelaudit.catalogue.rule_set' in sys.modules)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = os.fspath(bytecode)
    for expected in ("True", "False"):
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
        )
        assert run.stdout.strip() == expected


def test_another_rule_folder_has_no_compiled_form(rules: Path, bytecode: Path) -> None:
    load_catalogue(rules)
    assert not find_stored(bytecode)


def test_compiled_fingerprints_are_those_of_the_files(bytecode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints._load_folders.cache_clear()
    read = load_fingerprints()
    assert [each.name.partition(".")[0] for each in find_stored(bytecode)] == ["fingerprints"]
    fingerprints._load_folders.cache_clear()
    monkeypatch.setattr(fingerprints, "_read_files", None)  # a call of it would fail
    loaded = load_fingerprints()
    assert loaded is not read
    assert loaded.items == read.items
    assert loaded.pattern_words == read.pattern_words
    sampled = next(each for each in read.items[0].triples if each % SAMPLE_STEP == 0)
    assert loaded.find_places(sampled) == read.find_places(sampled)


def test_compiled_base_models_are_those_of_the_files(bytecode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base_models._load_folders.cache_clear()
    read = load_base_models()
    assert [each.name.partition(".")[0] for each in find_stored(bytecode)] == ["lineage"]
    base_models._load_folders.cache_clear()
    monkeypatch.setattr(base_models, "_read_files", None)  # a call of it would fail
    assert load_base_models() == read
