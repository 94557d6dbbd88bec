"""A scan describes a model by its files, and names what the card and the files contradict each other about."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.catalogue import load_shipped
from support.fixtures import FIXTURES
from support.work import count_lines, find_growth_fault

import modelaudit
from modelaudit.catalogue.description import read_description
from modelaudit.catalogue.document import Document, parse_text
from modelaudit.description.cards import read_card_text
from modelaudit.description.comparison import compare_facts
from modelaudit.description.figures import parse_figures
from modelaudit.description.values import LONGEST_NAME, LONGEST_PROSE, FactMaker, strip_markup
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.description_rules import Form
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.structure import Location

CASES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text("utf-8"))
BYTES = {"F16": 2, "F32": 4, "I32": 4, "I64": 8, "U8": 1}


def write_weights(path: Path, tensors: Mapping[str, list[Any]]) -> None:
    header: dict[str, Any] = {}
    end = 0
    for name, (kind, *shape) in tensors.items():
        start, end = end, end + math.prod(shape) * BYTES[kind]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def scan(root: Path) -> ModelDescription:
    return modelaudit.scan(root, offline=True, second_opinion=False).description


def describe_fact(fact: Fact) -> str:
    place = fact.where.line or fact.where.key or ""
    qualifiers = " ".join(f"{name}={value}" for name, value in fact.qualifiers)
    return f"{fact.topic}: {fact.value} @ {fact.confidence} {fact.artifact} {place}" + (
        f" [{qualifiers}]" if qualifiers else ""
    )


@pytest.mark.parametrize("case", CASES["facts"], ids=lambda case: case["id"])
def test_description_states_each_fact_with_its_source_and_nothing_else(case: Mapping[str, Any], tmp_path: Path) -> None:
    for path, text in case.get("files", {}).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    for path, tensors in case.get("weights", {}).items():
        write_weights(tmp_path / path, tensors)
    description = scan(tmp_path)
    expected = [
        each if isinstance(each, str) else ": ".join(map(str, next(iter(each.items())))) for each in case["facts"]
    ]
    facts = sorted(map(describe_fact, description.facts))
    if "without" in case:
        assert not description.list_facts(*map(Topic, case["without"]))
    else:
        assert facts == sorted(expected)


@pytest.mark.parametrize("case", CASES["contradictions"], ids=lambda case: case["card"][:40])
def test_card_that_files_contradict_is_named_and_an_honest_one_is_not(case: Mapping[str, Any], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(case["card"] + "\n", "utf-8")
    name, values = case.get("file", ("config.json", case.get("config", {})))
    (tmp_path / name).write_text(json.dumps(values))
    if "weights" in case:
        write_weights(tmp_path / "model.safetensors", case["weights"])
    if case.get("pickle"):
        (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
    contradictions = scan(tmp_path).contradictions
    assert [each.declared.topic for each in contradictions] == case["topics"]
    for each in contradictions:
        assert each.declared.artifact == "README.md" and each.found.artifact != "README.md"
        assert re.fullmatch(r"The card gives the .+ as .+ \(.+\), but .+ has .+\.", each.sentence)


def test_tags_and_languages_of_gguf_are_facts(tmp_path: Path) -> None:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = (("general.tags", ["chat", "small"]), ("general.languages", ["en"]))
    lists = (text(key) + struct.pack("<IIQ", 9, 8, len(items)) + b"".join(map(text, items)) for key, items in pairs)
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(lists))
    facts = scan(tmp_path).list_facts(Topic.TAG, Topic.LANGUAGE)
    assert sorted((fact.topic, fact.value) for fact in facts) == [("language", "en"), ("tag", "chat"), ("tag", "small")]


def test_long_history_of_training_keeps_its_settings_and_compares_no_results(tmp_path: Path) -> None:
    history = [{"eval_loss": 3 - number / 1000, "step": number} for number in range(2_000)]
    state = {"log_history": history, "num_train_epochs": 3}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    (tmp_path / "README.md").write_text("- Loss: 1.9\n- num_epochs: 10\n")
    assert [each.declared.topic for each in scan(tmp_path).contradictions] == ["hyperparameter"]


def test_last_evaluation_of_a_training_is_a_metric_and_earlier_ones_are_compared_alone(tmp_path: Path) -> None:
    history = [{"eval_loss": 3.1, "eval_f1": 0.5}, {"loss": 2.9}, {"eval_loss": 2.65, "eval_runtime": 12.5}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    facts = scan(tmp_path).list_facts(Topic.METRIC)
    assert [(fact.get("name"), fact.value) for fact in facts] == [("eval_f1", "0.5"), ("eval_loss", "2.65")]
    assert {fact.get("record") for fact in facts} == {"last evaluation of the training"}


def test_storages_of_a_checkpoint_count_once_each_and_those_of_an_optimizer_do_not(tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "optimizer.pt"):
        (tmp_path / name).write_bytes((FIXTURES / "torch-zip/benign/state-dict.pt").read_bytes())
    facts = scan(tmp_path).list_facts(Topic.PARAMETERS, Topic.PRECISION)
    assert [(fact.value, fact.artifact) for fact in facts] == [
        ("6", "pytorch_model.bin"),
        ("float32", "pytorch_model.bin"),
    ]


def test_facts_are_sorted_by_topic_then_strength_and_bounded(tmp_path: Path) -> None:
    card = "---\nlibrary_name: keras\n---\n- Developed by: " + "ab" * 450 + "\n# T\n## Limitations\n" + "y " * 4000
    (tmp_path / "README.md").write_text(card)
    (tmp_path / "config.json").write_text('{"transformers_version": "4.44.2"}')
    description = scan(tmp_path)
    topics = [list(Topic).index(fact.topic) for fact in description.facts]
    assert topics == sorted(topics)
    assert [fact.value for fact in description.list_facts(Topic.FRAMEWORK)] == ["transformers", "keras"]
    author, limitation = description.find_value(Topic.AUTHOR), description.find_value(Topic.LIMITATION)
    assert (len(author), author[-1]) == (LONGEST_NAME, "…")
    assert (len(limitation), limitation[-1]) == (LONGEST_PROSE, "…")


@pytest.mark.parametrize(
    ("form", "text", "figures"),
    [
        (Form.COUNTS, "1.3B total, 0.4B active", ["1300000000"]),
        (Form.COUNTS, "7,241,732,096", ["7241732096"]),
        (Form.COUNTS, "8x7B", ["7000000000", "44800000000", "56000000000"]),
        (Form.COUNTS, "70亿", ["7000000000"]),
        (Form.COUNTS, "14.5 GB", []),
        (Form.NUMBERS, "4,096 tokens (32k with scaling)", ["4096", "32000"]),
        (Form.GRAMS, "about 61 kg CO2eq", ["61000"]),
        (Form.GRAMS, "0.5 tCO2eq", ["500000"]),
        (Form.GRAMS, "61", []),
        (Form.KILOWATT_HOURS, "1.2 MWh", ["1200"]),
    ],
)
def test_figures_are_stated_in_decimal_digits(form: Form, text: str, figures: list[str]) -> None:
    assert list(parse_figures(form, text)) == figures


@pytest.mark.parametrize(
    "line",
    [
        "**Developed by:** x\n",
        "# Uses\ntext\n",
        "###### a\n",
        "| Layers | 12 |\n",
        "[a](<!--",
        "The model has 12 layers, a context length of 8k tokens and 7B parameters.\n",
        "- " + " " * 200 + ":\n",
        "a_b_c = 1, num_hidden_layers is 4, " * 3 + "\n",
        "Layers: 4, Heads: 2 | Hidden size: 8\n",
        "| Layers | Heads |\n|---|---|\n| 4 | 2 |\n",
        "- a a a a a a a a = = =\n",
        "## Precision\nfp32\n",
        "one and a half hundred thousand layers and\n",
        "三十二层参数词表七十亿\n",
        "it classifies lora as w4 g128 not merged\n",
        "- Target modules:\n  - q_proj\n  - k_proj\n",
    ],
)
def test_work_on_a_hostile_card_grows_with_its_length(line: str) -> None:
    rules = load_shipped().description

    def count(size: int) -> int:
        prose = Prose(ProseKind.CARD, line * (size // len(line)))
        maker = FactMaker(rules.placeholders)
        return count_lines(lambda: list(read_card_text(prose, "README.md", rules.card, maker)))

    assert find_growth_fault(count, 32_000) == ""


def test_card_of_400_kilobytes_gives_a_bounded_number_of_facts(tmp_path: Path) -> None:
    lines = (f"- Developed by: a{number}\n" for number in range(20_000))
    matter = "".join(f"- t{number}\n" for number in range(3_000))
    (tmp_path / "README.md").write_text(f"---\ntags:\n{matter}---\n" + "".join(lines))
    assert len(scan(tmp_path).facts) <= 2_000


def test_work_of_comparing_many_statements_with_many_files_is_linear() -> None:
    comparisons = load_shipped().description.comparisons

    def make(topic: Topic, artifact: str, number: int, *names: tuple[str, str]) -> Fact:
        return Fact(topic, f"acme/n{number}", Confidence.FOUND, artifact, Location(line=number), names)

    def count(size: int) -> int:
        pair = [
            [
                make(topic, artifact, number, *names)
                for number in range(size)
                for topic, names in (
                    (Topic.DATASET, (("use", "training"),)),
                    (Topic.METRIC, (("name", f"m{number}"),)),
                    (Topic.LIBRARY, (("version", "1.2"),)),
                )
            ]
            for artifact in ("README.md", "a.json")
        ]
        return count_lines(lambda: compare_facts(*pair, comparisons))

    assert find_growth_fault(count, 800) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sentences: [{topic: precision, hints: [x], patterns: ['a(b']}]", "is not a regular expression"),
        ("sentences: [{topic: precision, hints: [x], patterns: [ab]}]", "has no group 'value'"),
        ("card: [{topic: colour}]", "topic"),
        ("comparisons: [{topic: version, how: word, title: v, against: [version]}]", "words"),
    ],
)
def test_wrong_rule_is_one_error_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_description([Document("d.yaml", text, parse_text(text, "d.yaml"))])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "[Write to us](mailto:ann@acme.example?subject=Hi) for questions",
            "Write to us (ann@acme.example) for questions",
        ),
        ("[ann@acme.example](mailto:ann@acme.example)", "ann@acme.example"),
        ("Mail <ann@acme.example> or <mailto:bo@acme.example>", "Mail ann@acme.example or bo@acme.example"),
        ('<a class="x" href="mailto:ann@acme.example">Mail</a> us', "Mail (ann@acme.example) us"),
        ("[the site](https://acme.example) <b>now</b>", "the site now"),
    ],
)
def test_address_of_mail_stays_beside_the_text_of_its_link(text, shown):
    assert strip_markup(text) == shown
