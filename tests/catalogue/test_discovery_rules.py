"""``rules/discovery.yaml``: each mistake is reported with its line, and a further folder adds entries."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.catalogue import load_shipped

from modelaudit.catalogue import load_catalogue
from modelaudit.discovery import discover
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.limits import Limits


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("calls:\n  x:\n    calls: [a.b]\n", 2, "calls.x: has neither position nor keywords"),
        ("calls:\n  x:\n    calls: [b]\n    position: [0]\n", 3, "'b' is not a dotted name, or *.method"),
        ("calls:\n  x:\n    calls: [a.b]\n    positon: [0]\n", 4, "positon: is not a known key"),
        (
            "calls:\n  x:\n    calls: ['*.from_pretrained']\n    position: [0]\n",
            2,
            "belongs to 'from_pretrained' already",
        ),
        (
            "calls:\n  x:\n    calls: [a.b]\n    position: [0]\n    local-if: [a]\n",
            5,
            "needs a keyword and its value",
        ),
        (
            "calls:\n  x:\n    calls: [a.b]\n    position: [0]\n    name: {pattern: '('}\n",
            5,
            "is not a regular expression",
        ),
        (
            "calls:\n  x:\n    calls: [a.b]\n    position: [0]\n    name: {kind: movie}\n",
            5,
            "'movie' is not one of model",
        ),
        ("commands:\n  x:\n    options: [--m]\n", 2, "has neither programs nor modules nor images"),
        ("commands:\n  x:\n    programs: [x]\n", 2, "has neither argument nor options"),
        ("commands:\n  x:\n    programs: [x]\n    options: [m]\n", 4, "'m' is not an option such as --model"),
        ("keys:\n  x:\n    keys: [model_id]\n", 2, "'model_id' belongs to 'names with an owner' already"),
        ("keys:\n  x:\n    keys: [Model-Id]\n", 3, "is not a key in lower case with underscores"),
        ("files:\n  cobol: {endings: [.cob]}\n", 2, "'cobol' is not one of python"),
        ("names:\n  placeholders: ['[']\n", 2, "is not a regular expression"),
    ],
)
def test_mistake_is_reported_with_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    (tmp_path / "discovery.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_catalogue(extra=[tmp_path])
    assert f"{tmp_path.name}/discovery.yaml:{line}: " in str(raised.value)
    assert message in str(raised.value)


def test_further_folder_adds_calls_commands_and_keys(tmp_path: Path) -> None:
    rules, code = tmp_path / "rules", tmp_path / "code"
    rules.mkdir()
    code.mkdir()
    (rules / "discovery.yaml").write_text(
        "calls:\n  acme:\n    calls: [acme.fetch]\n    position: [1]\n"
        "commands:\n  acme:\n    programs: [acme]\n    words: [get]\n    argument: true\n"
        "keys:\n  acme:\n    keys: [acme_net]\n",
        encoding="utf-8",
    )
    (code / "app.py").write_text("import acme\nacme.fetch(1, 'o/call')\n", encoding="utf-8")
    (code / "run.sh").write_text("acme get o/command\n", encoding="utf-8")
    (code / "app.yaml").write_text("acme_net: o/key\n", encoding="utf-8")
    found = discover(str(code), Limits(), load_catalogue(extra=[rules]))
    assert {use.name for use in found.uses} == {"o/call", "o/command", "o/key"}
    assert not discover(str(code), Limits(), load_shipped()).uses


def test_shipped_list_has_the_calls_and_commands_of_the_main_libraries() -> None:
    rules = load_shipped().discovery
    for callee in ("*.from_pretrained", "*.hf_hub_download", "*.snapshot_download", "transformers.pipeline", "vllm.LLM",
                   "*.SentenceTransformer", "torch.hub.load", "timm.create_model", "datasets.load_dataset"):  # fmt: skip
        assert callee in rules.calls
    assert {"vllm serve", "text-generation-inference", "ollama", "llama.cpp", "hf download"} <= {
        command.id for command in rules.commands
    }


def test_endings_of_weights_are_listed_in_one_place() -> None:
    rules = load_shipped().discovery
    assert set(WEIGHT_ENDINGS) < set(rules.local_endings)
    assert len(set(rules.local_endings)) == len(rules.local_endings)


def test_further_folder_adds_loaders_of_paths_and_programs(tmp_path: Path) -> None:
    rules, code = tmp_path / "rules", tmp_path / "code"
    rules.mkdir()
    (rules / "discovery.yaml").write_text(
        "calls:\n  own:\n    calls: [own.open_model]\n    position: [0]\n    name: {source: local}\n"
        "commands:\n  own:\n    programs: [own-serve]\n    paths: [--weights]\n"
        "names:\n  command-calls: [own.start]\n",
        encoding="utf-8",
    )
    code.mkdir()
    text = "import own\nown.open_model('a.net')\nown.start(['own-serve', '--weights', 'b.net'])\n"
    (code / "a.py").write_text(text, encoding="utf-8")
    found = discover(str(code), Limits(), load_catalogue(extra=[rules]))
    assert [(use.line, use.source, use.name) for use in found.uses] == [(2, "local", "a.net"), (3, "local", "b.net")]
