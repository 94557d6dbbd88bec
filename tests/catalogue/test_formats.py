from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.model.catalogue import ArgumentRule, ArgumentUse
from modelaudit.model.errors import ConfigurationError

FORMATS = """\
runs-code:
  pickle: it is a program
promises:
  - {why: text, extensions: [.json, .txt]}
  - {why: tensors, extensions: [.safetensors], formats: [safetensors]}
"""


@pytest.fixture
def rules_with_formats(rules: Path) -> Path:
    """Return the small rule set with a file of formats."""
    (rules / "formats.yaml").write_text(FORMATS)
    return rules


def test_formats_file_maps_an_extension_to_the_formats_that_it_promises(rules_with_formats: Path) -> None:
    formats = load_catalogue(rules_with_formats).formats
    assert formats.runs_code == {"pickle": "it is a program"}
    assert sorted(formats.promises) == [".json", ".safetensors", ".txt"]
    assert formats.promises[".txt"].formats == frozenset()
    assert formats.promises[".safetensors"].formats == {"safetensors"}
    assert formats.promises[".txt"].why == "text"


def test_without_a_formats_file_no_file_extension_promises_a_format(rules: Path) -> None:
    assert load_catalogue(rules).formats.promises == {}


def test_extra_rules_folder_adds_file_extensions_that_promise_a_format(
    rules_with_formats: Path, tmp_path: Path
) -> None:
    extra = tmp_path / "ours"
    extra.mkdir()
    (extra / "formats.yaml").write_text("promises:\n  - {why: ours, extensions: [.ours], formats: [ours]}\n")
    assert {".ours", ".json"} <= load_catalogue(rules_with_formats, (extra,)).formats.promises.keys()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "promises:\n",
            "judged:\n  - toy\n  - pickle\npromises:\n",
            r"^rules/formats.yaml:5: judged: 'pickle' is listed",
        ),
        (".safetensors]", ".json]", r"^rules/formats.yaml:5: .json is listed already; it promises text"),
        (
            "[.safetensors]",
            "[safetensors]",
            r"^rules/formats.yaml:5: .*: 'safetensors' is not an extension in lower case with its dot",
        ),
        (
            "promises:\n",
            "promises:\n  - {why: nothing, extensions: []}\n",
            r"^rules/formats.yaml:4: .*: must not be empty",
        ),
        ("  pickle: it", "  Pickle: it", r"^rules/formats.yaml:2: .*: 'Pickle' is not a word in kebab-case"),
    ],
)
def test_error_about_a_mistake_in_the_formats_file_names_file_line_and_mistake(
    old: str, new: str, message: str, rules_with_formats: Path, damage: Callable[[str, str, str], Path]
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_catalogue(damage("formats.yaml", old, new))


@pytest.mark.parametrize(
    ("part", "text"), [("runs-code", "runs-code:\n  pickle: again\n"), ("judged", "judged:\n  - pickle\n")]
)
def test_format_that_an_extra_folder_lists_again_is_refused(
    rules_with_formats: Path, tmp_path: Path, part: str, text: str
) -> None:
    extra = tmp_path / "ours"
    extra.mkdir()
    (extra / "formats.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"ours/formats.yaml:\d: {part}: 'pickle' is listed already"):
        load_catalogue(rules_with_formats, (extra,))


def test_format_that_the_list_of_judged_formats_repeats_is_refused(rules_with_formats: Path, tmp_path: Path) -> None:
    extra = tmp_path / "ours"
    extra.mkdir()
    (extra / "formats.yaml").write_text("judged:\n  - zzz\n  - zzz\n")
    with pytest.raises(ConfigurationError, match=r"ours/formats.yaml:3: judged: 'zzz' is listed already"):
        load_catalogue(rules_with_formats, (extra,))


def test_name_that_a_program_runs_cannot_be_listed_again_with_further_readers(tmp_path: Path) -> None:
    (tmp_path / "formats.yaml").write_text(
        "run-by-name:\n  - why: a browser runs its scripts\n    extensions: [.html]\n    read-by: [safetensors]\n"
    )
    with pytest.raises(ConfigurationError, match=r"formats.yaml:3: .html is listed already; a browser"):
        load_catalogue(extra=(tmp_path,))


def test_argument_condition_use_reads_is_accepted_for_a_dangerous_callable(
    rules: Path, damage: Callable[[str, str, str], Path]
) -> None:
    folder = damage("callables/dangerous/command.yaml", '{0: {one-of: ["None"]}}', "{0: {use: reads}}")
    assert load_catalogue(folder).callables.by_name["builtins.type"].arguments == (ArgumentRule(0, ArgumentUse.READS),)
