"""Names that imitate well-known ones, and names that do not."""

from __future__ import annotations

import pytest
from support.catalogue import load_shipped

from modelaudit.checks.imitation import find_imitated_model, find_imitated_publisher

KNOWN = load_shipped().known_names
UNRELATED = [
    *("acme", "ai", "org", "me", "google-x-research", "inter", "apples", "ample", "metal", "opera", "timmy", "amdo"),
    *(
        "gpt2",
        "hf-internal-testing",
        "trl-lib",
        "peft",
        "qwerty",
        "baal",
        "Baal",
        "01ai-fans",
        "llamaindex",
        "microsaas",
        "hubert",
    ),
    *("Лаборатория", "研究所", "", "-", "x" * 96),
]


@pytest.mark.parametrize(
    ("name", "publisher", "how"),
    [
        ("meta-Ilama", "meta-llama", "look alike"),
        ("metallama", "meta-llama", "look alike"),
        ("rnicrosoft", "microsoft", "look alike"),
        ("g00gle", "google", "look alike"),
        ("g\u043e\u043egle", "google", "another script"),
        ("Google", "google", "upper and lower case"),
        ("lntel", "Intel", "look alike"),
        ("qwen", "Qwen", "upper and lower case"),
        ("Qvven", "Qwen", "look alike"),
        ("BAAl", "BAAI", "look alike"),
        ("8AAI", "BAAI", "look alike"),
        ("googel", "google", "one letter"),
        ("nvidiaa", "nvidia", "one letter"),
        ("micosoft", "microsoft", "one letter"),
        ("mistrqlai", "mistralai", "one letter"),
    ],
)
def test_name_that_imitates_a_publisher_names_it_and_how(name: str, publisher: str, how: str) -> None:
    found = find_imitated_publisher(name, KNOWN)
    assert found is not None
    assert found[0] == publisher
    assert how in found[1]


def test_true_names_and_unrelated_names_imitate_nobody() -> None:
    assert {name: find_imitated_publisher(name, KNOWN) for name in [*KNOWN.publishers, *UNRELATED]} == dict.fromkeys(
        [*KNOWN.publishers, *UNRELATED]
    )


@pytest.mark.parametrize("name", ["Ilama-3.1-8B", "I1ama3", "gemrna-2b", "Meta-Liama", "b1oom-560m", "Mistra1-7B"])
def test_word_that_looks_like_a_family_of_models_imitates_it(name: str) -> None:
    assert find_imitated_model(name, KNOWN) is not None


@pytest.mark.parametrize(
    "name",
    [
        *sorted(KNOWN.models),
        "meta-LLAMA-3",
        "tiny-llama-gguf",
        "bert-base-uncased",
        "phi-3",
        "whisper-large-v3",
        "opt-125m",
        "t5",
    ],
)
def test_true_name_of_a_family_and_an_unrelated_model_imitate_nothing(name: str) -> None:
    assert find_imitated_model(name, KNOWN) is None
