"""Clauses about data, demos, logos, authors and the behaviour of a model restrict no use of it; their twins do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue.clause_subjects import read_clause_subjects
from modelaudit.catalogue.document import read_document
from modelaudit.licenses.evidence.card_sections import index_sections
from modelaudit.licenses.evidence.clause_subjects import cut_clauses_on_others
from modelaudit.licenses.evidence.restriction_sentences import find_restrictions
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.restrictions import ClauseSubjects

CASES: dict[str, dict[str, list[str]]] = yaml.safe_load(Path(__file__).with_name("clauses.yaml").read_text("utf-8"))


BINDING: list[str] = yaml.safe_load(Path(__file__).with_name("binding.yaml").read_text("utf-8"))


def is_noticed(text: str) -> bool:
    return any(find_restrictions(text, 1, "README.md", load_shipped().restrictions))


def cut(sentence: str, section: str = "") -> str:
    return cut_clauses_on_others(fold_sentence(sentence), load_shipped().restrictions.subjects, section)


def test_each_shape_cuts_its_examples_and_leaves_their_twins() -> None:
    subjects = load_shipped().restrictions.subjects
    assert CASES.keys() == {shape.name for shape in subjects.shapes}
    faults = []
    for shape in subjects.shapes:
        case, section = CASES[shape.name], next(iter(shape.within), "")
        # Without the shape something is left of each example, and with it nothing.
        others = replace(subjects, shapes=tuple(each for each in subjects.shapes if each is not shape))
        faults += [each for each in case["cut"] if not _is_empty(cut(each, section))]
        faults += [
            each for each in case["cut"] if _is_empty(cut_clauses_on_others(fold_sentence(each), others, section))
        ]
        faults += [each for each in case["kept"] if _is_empty(cut(each, section))]
    assert faults == []


def _is_empty(rest: str) -> bool:
    return not rest.strip(" ;.")


def test_shape_that_must_be_alone_leaves_a_clause_beside_another() -> None:
    assert _is_empty(cut("The weights are not subject to these restrictions."))
    assert "not subject" in cut("The weights are not subject to these restrictions; firms pay.")


@check_each("text", BINDING)
def test_restriction_beside_the_words_of_a_harmless_shape_is_noticed(text: str) -> None:
    assert is_noticed(text)


def test_kept_clauses_that_bind_the_model_are_noticed() -> None:
    kept = [each for case in CASES.values() for each in case["kept"]]
    missed = [each for each in kept if not is_noticed(each)]
    assert len(missed) / len(kept) <= 0.05, missed


@check_each(
    "text",
    [
        "## Training data\n\nWe recorded 230 volunteers.\n\nThey may not be published.",
        "## Data\n\n### Filters\n\nThey may not be published.",
        "**Training data**\n\nThey may not be published.",
        "Training data\n=============\n\nThey may not be published.",
        "## 3. 训练数据\n\nThey may not be published.",
    ],
)
def test_section_says_what_a_pronoun_means(text: str) -> None:
    assert not is_noticed(text)
    assert is_noticed(text.replace("Training data", "Rules").replace("## Data", "## Rules").replace("训练数据", "规则"))


def test_heading_of_the_same_level_ends_a_section() -> None:
    text = "## Training data\n\na\n\n### Details\n\nb\n\n## Terms\n\nc\n"
    index = index_sections(text, load_shipped().restrictions.subjects.sections)
    found = [index.find_section(text.index(f"\n{letter}\n") + 1) for letter in "abc"]
    assert [section.name if section else None for section in found] == ["data", "data", None]


def test_strong_restriction_counts_in_any_section() -> None:
    for heading in ("Training data", "Evaluation", "Acknowledgements", "Demo", "Limitations"):
        for limit in ("The weights are for non-commercial use only.", "You may not use this model at a company."):
            assert is_noticed(f"## {heading}\n\n{limit}\n"), heading


def test_quoted_examples_in_a_table_are_no_terms() -> None:
    row = '| "Licensee shall not use the Software for commercial purposes." | no-commercial |'
    assert not is_noticed(f"| Sentence | Label |\n|---|---|\n{row}\n")
    assert is_noticed(f"| Right | Value |\n|---|---|\n{row}\n")
    assert is_noticed("| Sentence | Label |\n|---|---|\n| Commercial use is forbidden. | x |\n")


def test_long_sentence_is_not_read_by_clauses() -> None:
    sentence = "the recordings may be used for research only, " * 20
    assert cut(sentence) == fold_sentence(sentence)


FILE = {
    "clauses": ";",
    "spared": [],
    "carries": [],
    "asides": [],
    "words": {"thing": ["data|corpus", ["demo"]]},
    "sections": {"data": {"headings": ["data"], "margin": 1.0}},
    "shapes": [{"name": "thing", "words": r"\W*the\W+{thing}\b", "within": ["data"]}],
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"shapes": [{"name": "a", "words": "{unknown}"}]}, "shapes: {unknown} is none of the lists of words"),
        ({"shapes": [{"name": "a", "words": "x", "within": ["b"]}]}, "shapes: 'b' is none of the sections"),
        ({"shapes": [{"name": "a", "words": "x", "unless": ["("]}]}, "shapes: '(' is not a regular expression"),
        ({"clauses": "("}, "clauses: '(' is not a regular expression"),
    ],
)
def test_malformed_clauses_are_refused(change: dict[str, object], fault: str, tmp_path: Path) -> None:
    def read(file: dict[str, object]) -> ClauseSubjects:
        path = tmp_path / "clause_subjects.yaml"
        path.write_text(yaml.safe_dump(file), "utf-8")
        return read_clause_subjects([read_document(path, path.name)])

    assert cut_clauses_on_others("the demo is ours; x", read(FILE), "data") == " ;  x"
    with pytest.raises(ConfigurationError) as caught:
        read({**FILE, **change})
    assert fault in str(caught.value)
