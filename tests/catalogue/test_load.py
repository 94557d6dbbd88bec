from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelaudit.catalogue import load_catalogue, load_policy, rule_files
from modelaudit.catalogue.directory import RulesInPlace, find_installed_rules, replace_rules_directory
from modelaudit.catalogue.document import Document, read_document
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.catalogue.rule_set import read_rule_set
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse, Catalogue, Matcher, Standing
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.format_facts import NO_FORMATS
from modelaudit.model.lazy_pattern import LazyPattern
from modelaudit.model.structure import UnreadReason


def test_loaded_rule_has_the_fields_of_its_file(rules: Path) -> None:
    rule = load_catalogue(rules).findings["pickle/dangerous-call"]
    assert rule.rule.severity is Severity.CRITICAL
    assert rule.rule.check is CheckFamily.SECURITY
    assert rule.match == (Matcher("pickle-act", (("act", ("call", "construct")),)),)
    assert rule.fires == ("pickle/malicious",)
    assert rule.message == "it calls {name}"


def test_loaded_callables_have_standing_reason_and_argument_conditions(rules: Path) -> None:
    callables = load_catalogue(rules).callables
    by_name = callables.by_name
    assert by_name["collections.defaultdict"].arguments == (ArgumentRule(0, ArgumentUse.CALLS),)
    assert by_name["collections.defaultdict"].standing is Standing.TRUSTED
    assert by_name["builtins.frozenset"].why == "names of one kind"
    assert by_name["builtins.frozenset"].library == "python"
    assert (by_name["platform.popen"].standing, by_name["platform.popen"].effect) == (Standing.DANGEROUS, "command")
    assert by_name["builtins.open"].effect == "file"
    assert by_name["builtins.type"].arguments == (ArgumentRule(0, None, ("None",)),)
    assert callables.modules["os"].effect == "command"
    assert callables.standard_library == {"os", "collections"}


def test_loaded_licenses_and_policies_have_the_fields_of_their_files(rules: Path) -> None:
    catalogue = load_catalogue(rules)
    assert catalogue.licenses["MIT"].read == "2026-01-31"
    assert catalogue.licenses["MIT"].clauses[0].section == "1"
    assert catalogue.vague_licenses == {"other": "names no licence"}
    policy = catalogue.policies["default"]
    assert policy.gates[CheckFamily.SECURITY] is Severity.HIGH
    assert policy.checks == tuple(CheckFamily)
    assert policy.allow_unread[0].reasons == (UnreadReason.NO_READER,)
    assert len(policy.digest) == 64


def test_digest_of_the_rule_set_changes_if_a_comment_is_added_or_a_file_only_gets_another_name(rules: Path) -> None:
    before = load_catalogue(rules).digest
    assert load_catalogue(rules).digest == before
    policy = rules / "policies/default.yaml"
    policy.write_text(policy.read_text() + "# a remark\n")
    changed = load_catalogue(rules).digest
    assert changed != before
    trusted = rules / "callables/trusted/python.yaml"
    trusted.rename(trusted.with_name("renamed.yaml"))
    assert load_catalogue(rules).digest not in (before, changed)


def test_extra_folder_adds_trusted_names_but_is_refused_if_it_trusts_a_dangerous_name(
    rules: Path, tmp_path: Path
) -> None:
    extra = tmp_path / "ours"
    (extra / "callables/trusted").mkdir(parents=True)
    (extra / "callables/trusted/ours.yaml").write_text("library: ours\nnames: {ours.Net: only stores its layers}\n")
    assert load_catalogue(rules, (extra,)).callables.by_name["ours.Net"].library == "ours"
    (extra / "callables/trusted/ours.yaml").write_text("library: ours\nnames: {os.system: we need it}\n")
    with pytest.raises(ConfigurationError, match=r"^ours/callables/trusted/ours.yaml:2: os.system is trusted, but"):
        load_catalogue(rules, (extra,))


def test_error_about_a_missing_policy_file_is_one_line(tmp_path: Path, rules: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone.yaml: cannot be read: No such file or directory$") as caught:
        load_policy(tmp_path / "gone.yaml", load_catalogue(rules))
    assert len(str(caught.value).splitlines()) == 1


def test_error_about_a_missing_rules_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="gone: is not a folder of rules") as caught:
        load_catalogue(tmp_path / "gone")
    assert len(str(caught.value).splitlines()) == 1


def test_second_load_of_the_shipped_rules_returns_the_same_catalogue() -> None:
    assert load_catalogue() is load_catalogue()


def test_rule_set_with_the_content_of_another_is_loaded_once_and_any_change_is_loaded(
    rules: Path, tmp_path: Path
) -> None:
    def load(folder: Path) -> Catalogue:
        with replace_rules_directory(RulesInPlace(folder, {})):
            return load_catalogue()

    first = load(rules)
    copy, renamed, changed = tmp_path / "a" / rules.name, tmp_path / "renamed", tmp_path / "b" / rules.name
    for folder in (copy, renamed, changed):
        shutil.copytree(rules, folder)
    assert load(copy) is first
    # Origins begin with the name of the folder.
    assert load(renamed) is not first
    file = changed / "findings/pickle/dangerous-call.yaml"
    file.write_text(file.read_text().replace("severity: critical", "severity: low"))
    assert load(changed).findings["pickle/dangerous-call"].rule.severity is Severity.LOW
    assert load(rules).findings["pickle/dangerous-call"].rule.severity is Severity.CRITICAL


def test_patterns_are_compiled_at_once_in_a_rule_file_that_differs_from_that_of_this_installation(
    tmp_path: Path,
) -> None:
    copy = shutil.copytree(find_installed_rules(), tmp_path / "rules")
    assert isinstance(load_catalogue(copy).restrictions.stems[0], LazyPattern)
    cues = copy / "cues.yaml"
    cues.write_text(
        cues.read_text("utf-8").replace(r"\bomit\W+", r"\bomit\W(+", 1).replace("# Marks", "# Mark", 1), "utf-8"
    )
    assert cues.stat().st_size == (find_installed_rules() / "cues.yaml").stat().st_size
    with pytest.raises(ConfigurationError, match=r"cues\.yaml:\d+: agreements: .* is not a regular expression"):
        load_catalogue(copy)


def test_rule_sets_share_the_values_of_equal_files_and_no_reader_changes_them(tmp_path: Path) -> None:
    copy = shutil.copytree(find_installed_rules(), tmp_path / "rules")
    load_catalogue(copy)
    load_fingerprints(copy)
    for path in copy.rglob("*.yaml"):
        name = str(path.relative_to(copy))
        label = name if path.parent.name == "fingerprints" else f"rules/{name}"
        shared = read_document(path, label, is_shared=True)
        assert shared.data == read_document(path, label).data, label
    again = shutil.copy(copy / "cues.yaml", tmp_path / "again.yaml")
    label = "rules/cues.yaml"
    cues = read_document(again, label, is_shared=True).data
    assert cues is read_document(copy / "cues.yaml", label, is_shared=True).data
    again.write_text(again.read_text("utf-8").replace("# Marks", "# Mark", 1) + "more: 1\n", "utf-8")
    assert read_document(again, label, is_shared=True).data != cues


def test_lists_of_names_are_parsed_when_one_of_them_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = rule_files.read_document

    def record(path: Path, label: str, **flags: bool) -> Document:
        read.append(label)
        return original(path, label, **flags)

    monkeypatch.setattr(rule_files, "read_document", record)
    catalogue = read_rule_set((find_installed_rules(),), NO_FORMATS)
    later = ("rules/callables/", "rules/vocabularies/", "rules/torchscript/", "rules/elements/", "rules/discovery.yaml")
    assert "rules/vocabularies.yaml" in read
    assert not [label for label in read if label.startswith(later)]
    read.clear()
    assert catalogue.callables is catalogue.callables
    assert catalogue.discovery is catalogue.discovery
    assert catalogue.element_lists is catalogue.element_lists
    assert {label for label in read if label.startswith(later)} == set(read) - {"rules/skops.yaml"}
    assert len(read) == len(set(read))


def test_a_fault_in_a_list_of_names_of_another_folder_is_found_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own" / "vocabularies" / "keras-classes"
    own.mkdir(parents=True)
    (own / "own.yaml").write_text("library: [\n")
    with pytest.raises(ConfigurationError, match=r"own/vocabularies/keras-classes/own\.yaml:"):
        load_catalogue(extra=[tmp_path / "own"])


def test_key_that_a_class_unpickles_has_to_be_one_that_readers_follow(rules: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ours" / "callables" / "trusted"
    folder.mkdir(parents=True)
    text = "library: lib\nnames:\n  lib.Model:\n    why: holds its parts as files\n    unpickles:\n      KEY: {fx: pickle}\n"
    (folder / "lib.yaml").write_text(text.replace("KEY", "__parts__"))
    entry = load_catalogue(rules, (tmp_path / "ours",)).callables.by_name["lib.Model"]
    assert entry.unpickles == (("__parts__", (("fx", "pickle"),)),)
    (folder / "lib.yaml").write_text(text.replace("KEY", "parts"))
    with pytest.raises(ConfigurationError, match="which readers of pickles follow"):
        load_catalogue(rules, (tmp_path / "ours",))
