"""Openness of each component, and the resulting class of the Model Openness Framework."""

from __future__ import annotations

import pytest

from modelaudit.catalogue.document import Document, parse_text
from modelaudit.catalogue.openness import read_openness
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import DatasetClaim, OriginState
from modelaudit.model.terms import LicenseCategory

CARD = "# M\n\n## Evaluation\n\nSee arxiv.org/abs/2403.13784. ## Training data\n"
WEIGHTS = ["config.json", "model.safetensors", "report.pdf"]
TOOLING = ["train.py", "modeling_x.py", "eval.py", "eval_set.jsonl", "requirements.txt"]
SCIENCE = ["paper.pdf", "prepare_data.py", "run/checkpoint-100/model.safetensors", "train.jsonl"]


def rate_card_openness(conclude_cards, paths, license_="apache-2.0", **options):
    """Rate a repository with these files, beside a card that names a report, an evaluation and its data."""
    return conclude_cards(license=license_, paths=["README.md", *paths], prose={"README.md": CARD}, **options).openness


@pytest.mark.parametrize(
    ("paths", "title"),
    [
        ([], "No class"),
        (WEIGHTS, "Class III"),
        # Class II requires the list of libraries too, which is the last file of the tooling.
        ([*WEIGHTS, *TOOLING[:-1]], "Class III"),
    ],
)
def test_openness_class_requires_the_presence_of_all_its_components(conclude_cards, paths, title):
    assert rate_card_openness(conclude_cards, paths).title.startswith(title)


def test_licenses_of_the_data_sets_decide_the_openness_of_the_training_data(conclude_cards):
    free = {"datasets": [DatasetClaim("a/b", OriginState.READ, ("CC-BY-4.0",))]}
    whole = [*WEIGHTS, *TOOLING, *SCIENCE]
    assert rate_card_openness(conclude_cards, [*WEIGHTS, *TOOLING], evidence=free).title.startswith("Class II,")
    assert rate_card_openness(conclude_cards, whole, evidence=free).title.startswith("Class I,")
    unknown = {"datasets": [DatasetClaim("a/b", OriginState.MISSING)]}
    assert rate_card_openness(conclude_cards, whole, evidence=unknown).title.startswith("Class III,")
    closed = {"datasets": [DatasetClaim("a/b", OriginState.READ, ("CC-BY-NC-4.0",))]}
    assert rate_card_openness(conclude_cards, whole, evidence=closed).title.startswith("Class III,")


def test_weights_are_shown_by_the_file_that_fits_the_first_pattern_of_the_part(conclude_cards):
    parts = rate_card_openness(conclude_cards, ["a.pkl", "label_map.pkl", "model.safetensors"]).components
    assert [each.evidence for each in parts if each.id == "model-parameters"] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["label_map.pkl"], ""),
        (["checkpoints/Label_Map.PKL", "vocab.pkl", "optimizer.pt", "scaler.joblib", "sub/training_args.bin"], ""),
        (["label_map.pkl", "model.pkl"], "model.pkl"),
        # A folder may be named after labels; the name of the file counts.
        (["labels/pytorch_model.bin"], "labels/pytorch_model.bin"),
        (["text_encoder/model.safetensors", "label_encoder.pkl"], "text_encoder/model.safetensors"),
    ],
)
def test_model_parameters_are_weights_and_no_labels_or_states_beside_them(conclude_cards, paths, shown):
    openness = rate_card_openness(conclude_cards, paths)
    [part] = [each for each in openness.components if each.id == "model-parameters"]
    assert (part.evidence, part.present) == (shown, bool(shown))
    assert any(line.startswith("Model parameters") for line in openness.missing) is not bool(shown)


@pytest.mark.parametrize(
    ("path", "is_final"),
    [
        *[(path, False) for path in ("run-00/step-0.safetensors", "checkpoint-500/model.safetensors")],
        *[(path, False) for path in ("global_step1000/layers/a.bin", "model_step_20k.pt", "epoch=3-step=100.ckpt")],
        # A number with a point, or with letters behind it, is part of the name of a model.
        *[(path, True) for path in ("Step-3.5-Flash.gguf", "step1x-edit.safetensors", "sdxl_4step.safetensors")],
        *[(path, True) for path in ("checkpoint-best/model.safetensors", "sam_checkpoint.pth", "steps/1/model.onnx")],
    ],
)
def test_weights_named_by_a_step_of_the_training_are_not_the_final_ones(conclude_cards, path, is_final):
    parts = {each.id: each.evidence for each in rate_card_openness(conclude_cards, [path]).components}
    evidence = (parts["model-parameters"], parts["intermediate-parameters"])
    assert evidence == ((path, "") if is_final else ("", path))


def test_part_that_leaves_out_an_unknown_one_is_an_error():
    text = "components:\n  a:\n    title: A\n    level: 3\n    kind: model\n    files: ['*.bin']\n    unless-part: b\n"
    with pytest.raises(ConfigurationError, match="the list has no component 'b'"):
        read_openness([Document("x.yaml", text, parse_text(text, "x.yaml"))])


@pytest.mark.parametrize("paths", [[], WEIGHTS, [*WEIGHTS, *TOOLING], [*WEIGHTS, *TOOLING, *SCIENCE]])
def test_list_of_missing_items_agrees_with_the_table_of_components(conclude_cards, paths):
    openness = rate_card_openness(conclude_cards, paths)
    rows = {each.title: each for each in openness.components}
    for line in openness.missing:
        row = rows[line.partition(": ")[0]]
        assert row.present is ("not found" not in line), line
        assert not (row.present and row.open), line
    assert len(openness.missing) == len(set(openness.missing))


@pytest.mark.parametrize("license_", ["llama3.1", "openrail++", "cc-by-nc-4.0", "other", "gemma"])
def test_model_under_a_restricted_license_has_no_open_component(conclude_cards, license_):
    openness = rate_card_openness(conclude_cards, WEIGHTS, license_)
    assert openness.title.startswith("No class")
    assert not any(part.open for part in openness.components)
    assert any("Model parameters" in line for line in openness.missing)


def test_weights_are_open_only_if_base_model_is_open(conclude_cards, origin_of):
    from_open = rate_card_openness(conclude_cards, WEIGHTS, origins=[origin_of("a/b", "MIT")])
    assert from_open.title.startswith("Class III")
    from_closed = rate_card_openness(conclude_cards, WEIGHTS, origins=[origin_of("a/b", "CC-BY-NC-4.0")])
    assert from_closed.title.startswith("No class")


def test_openness_component_states_the_file_or_text_that_proves_its_presence(conclude_cards):
    parts = {part.id: part for part in rate_card_openness(conclude_cards, WEIGHTS).components}
    assert (parts["model-parameters"].evidence, parts["model-parameters"].open) == ("model.safetensors", True)
    assert (parts["training-code"].present, parts["training-code"].open, parts["training-code"].evidence) == (
        False, None, "",
    )  # fmt: skip
    assert "report.pdf" in parts["technical-report"].evidence


def test_link_or_name_shows_that_a_part_exists_elsewhere_and_not_its_licence(conclude_cards):
    linked = rate_card_openness(conclude_cards, WEIGHTS[:2])
    parts = {part.id: part for part in linked.components}
    for id_ in ("technical-report", "research-paper"):
        assert (parts[id_].present, parts[id_].open, parts[id_].licenses) == (True, None, ())
        assert "arxiv" in parts[id_].evidence
    # The section of the card itself counts; a data set that is only named does not.
    assert parts["data-card"].open
    named = conclude_cards(license="mit", prose={"README.md": "# M"}, evidence={"fields": ("datasets",)}).openness
    assert [part.open for part in named.components if part.id == "data-card"] == [None]
    assert linked.title.startswith("No class")


def test_openness_component_proved_by_a_subfolder_card_states_that_card(conclude_cards):
    prose = {"README.md": "# M", "sub/README.md": CARD}
    openness = conclude_cards(license="mit", paths=["README.md", "sub/README.md"], prose=prose).openness
    [report] = [part for part in openness.components if part.id == "technical-report"]
    assert report.evidence.startswith("sub/README.md: “")


def test_license_of_a_restrictive_or_unknown_category_is_never_marked_open(rules):
    limited = (LicenseCategory.USE_RESTRICTED, LicenseCategory.CONDITIONAL, LicenseCategory.NON_COMMERCIAL,
               LicenseCategory.RESEARCH_ONLY, LicenseCategory.UNKNOWN)  # fmt: skip
    assert not [entry.id for entry in rules.licenses.values() if entry.open and entry.category in limited]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("components: {a: {title: A, level: 4, kind: model, files: [x]}}", "level"),
        ("components: {a: {title: A, level: 1, kind: wood, files: [x]}}", "kind"),
        ("components: {a: {title: A, level: 1, kind: model}}", "would show that the component is present"),
    ],
)
def test_mistake_in_openness_file_is_reported_with_its_line(text, why):
    with pytest.raises(ConfigurationError, match=f"x.yaml:1.*{why}"):
        read_openness([Document("x.yaml", text, parse_text(text, "x.yaml"))])
