"""The list of models whose licence is known by name: it is validated, and it can only add restrictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue import load_catalogue
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.terms import KnownModel, LicenseCategory

ORIGINS = "licenses/_origins.yaml"
ACME = """\
id: LicenseRef-Acme
name: Acme License
category: non-commercial
url: https://example.org/acme
"""
ENTRY = """\
origins:
  - pattern: "acme/rocket-*"
    license: LicenseRef-Acme
    multimodal: true
    why: Its card says so.
    read: 2026-01-31
"""
SECOND_ENTRY = """\
  - pattern: "acme/wagon"
    license: LicenseRef-Acme
    why: Its card says so.
"""


@pytest.fixture
def write_origins(rules: Path) -> Callable[[str], Path]:
    """Return a function that writes the file of origins beside a licence that restricts, and returns the rule set."""

    def write(text: str) -> Path:
        (rules / "licenses/LicenseRef-Acme.yaml").write_text(ACME, encoding="utf-8")
        (rules / ORIGINS).write_text(text, encoding="utf-8")
        return rules

    return write


def test_known_models_are_loaded_in_the_order_of_their_file(write_origins: Callable[[str], Path]) -> None:
    assert load_catalogue(write_origins(ENTRY + SECOND_ENTRY)).known_models == (
        KnownModel("acme/rocket-*", "LicenseRef-Acme", True, "Its card says so.", "2026-01-31"),
        KnownModel("acme/wagon", "LicenseRef-Acme", None, "Its card says so."),
    )


def test_rule_set_without_a_file_of_known_models_has_no_known_models(rules: Path) -> None:
    assert load_catalogue(rules).known_models == ()


def test_extra_folder_adds_known_models(write_origins: Callable[[str], Path], tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    (extra / "licenses").mkdir(parents=True)
    (extra / ORIGINS).write_text("origins:\n" + SECOND_ENTRY, encoding="utf-8")
    known_models = load_catalogue(write_origins(ENTRY), [extra]).known_models
    assert [model.pattern for model in known_models] == ["acme/rocket-*", "acme/wagon"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("license: LicenseRef-Acme", "license: LicenseRef-Nobody", 3, "'LicenseRef-Nobody' has no file in licenses/"),
        ("license: LicenseRef-Acme", "license: MIT", 3, "MIT is permissive and adds no restriction; remove the origin"),
        ('"acme/rocket-*"', '"acme/wagon"', 7, "'acme/wagon' is listed already, in rules/licenses/_origins.yaml:2"),
        ('"acme/rocket-*"', '"Acme/WAGON"', 7, "'acme/wagon' is listed already, in rules/licenses/_origins.yaml:2"),
        ('"acme/rocket-*"', '"*/rocket"', 2, "'*/rocket' is not a publisher, a slash and a name"),
        ('"acme/rocket-*"', '"acme/*"', 2, "'acme/*' is not a publisher"),
        ('"acme/rocket-*"', "acme", 2, "'acme' is not a publisher"),
        ('"acme/rocket-*"', '"acme/r[ao]cket"', 2, "is not a publisher"),
        ('"acme/rocket-*"', '"acme/x/rocket"', 2, "is not a publisher"),
        ("why: Its card says so.", 'why: ""', 5, "why: must not be empty"),
        ("    why: Its card says so.\n    read", "    read", 2, "why: is missing"),
        ("read: 2026-01-31", "read: yesterday", 6, "'yesterday' is not a date"),
        ("multimodal: true", "multimodal: perhaps", 4, "multimodal: must be true or false"),
        ("multimodal: true", "modality: text", 4, "modality: is not a known key"),
    ],
)
def test_mistake_in_known_models_names_file_and_line(
    write_origins: Callable[[str], Path], old: str, new: str, line: int, message: str
) -> None:
    text = ENTRY + SECOND_ENTRY
    assert old in text
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(write_origins(text.replace(old, new, 1)))
    assert str(caught.value).startswith(f"rules/licenses/_origins.yaml:{line}: ")
    assert message in str(caught.value)


def test_empty_list_of_known_models_is_refused(write_origins: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigurationError, match=r"_origins.yaml:1: origins: must not be empty"):
        load_catalogue(write_origins("origins: []\n"))


@check_each(
    "name, covered",
    [
        ("acme/rocket-1", True),
        ("Acme/Rocket-1-GGUF", True),
        ("acme/rocket", False),
        ("acme2/rocket-1", False),
        ("evil/acme/rocket-1", False),
        ("", False),
        ("acme/rocket-" + "x" * 100_000, True),
    ],
)
def test_known_model_covers_repository_names_that_match_its_whole_pattern_in_any_case(name: str, covered: bool) -> None:
    assert KnownModel("acme/rocket-*", "LicenseRef-Acme", None, "w").covers(name) is covered


SHIPPED = load_shipped()


@check_each(
    "name, license_id, multimodal",
    [
        ("meta-llama/Llama-2-7b-hf", "LicenseRef-Llama-2", False),
        ("meta-llama/Meta-Llama-3-8B", "LicenseRef-Llama-3", False),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "LicenseRef-Llama-3.1", False),
        ("meta-llama/Llama-3.1-8B", "LicenseRef-Llama-3.1", False),
        ("meta-llama/Llama-3.2-1B-Instruct", "LicenseRef-Llama-3.2", False),
        ("meta-llama/Llama-3.2-11B-Vision", "LicenseRef-Llama-3.2", True),
        ("meta-llama/Llama-3.3-70B-Instruct", "LicenseRef-Llama-3.3", False),
        ("meta-llama/Llama-4-Scout-17B-16E", "LicenseRef-Llama-4", True),
        ("google/gemma-2-9b-it", "LicenseRef-Gemma", False),
        ("Qwen/Qwen2.5-3B-Instruct", "LicenseRef-Qwen-Research", False),
        ("Qwen/Qwen2.5-72B-Instruct", "LicenseRef-Qwen", False),
        ("Qwen/Qwen2-72B", "LicenseRef-Tongyi-Qianwen", False),
        ("mistralai/Codestral-22B-v0.1", "LicenseRef-Mistral-MNPL", False),
        ("black-forest-labs/FLUX.1-dev", "LicenseRef-FLUX.1-dev", None),
        ("black-forest-labs/FLUX.2-dev", "LicenseRef-FLUX-dev-2.0", None),
        ("stabilityai/stable-diffusion-3.5-large", "LicenseRef-Stability-AI-Community", None),
        ("stabilityai/stable-diffusion-xl-base-1.0", "LicenseRef-OpenRAIL-plus-plus-M", None),
        ("CompVis/stable-diffusion-v1-4", "LicenseRef-CreativeML-OpenRAIL-M", None),
        ("deepseek-ai/DeepSeek-V3", "LicenseRef-DeepSeek-1.0", False),
        ("tiiuae/falcon-180B-chat", "LicenseRef-Falcon-180B", False),
        ("tiiuae/Falcon3-7B-Instruct", "LicenseRef-Falcon-3", False),
        ("CohereLabs/c4ai-command-r-plus", "LicenseRef-Cohere-C4AI", None),
        ("bigscience/bloomz-560m", "LicenseRef-BigScience-BLOOM-RAIL-1.0", False),
        ("bigcode/starcoder2-15b", "LicenseRef-BigCode-OpenRAIL-M", False),
        ("coqui/XTTS-v2", "LicenseRef-Coqui-CPML", None),
    ],
)
def test_repository_name_matches_the_shipped_known_model_with_its_licence(
    name: str, license_id: str, multimodal: bool | None
) -> None:
    assert [(model.license, model.multimodal) for model in SHIPPED.known_models if model.covers(name)] == [
        (license_id, multimodal)
    ]


@check_each(
    "name",
    [
        "google/gemma-4-9b",
        "Qwen/Qwen2.5-7B-Instruct",
        "Qwen/Qwen3-8B",
        "mistralai/Mistral-7B-v0.1",
        "black-forest-labs/FLUX.1-schnell",
        "black-forest-labs/FLUX.2-klein-4B",
        "deepseek-ai/DeepSeek-R1",
        "deepseek-ai/DeepSeek-V3.1",
        "deepseek-ai/DeepSeek-V3-0324",
        "tiiuae/falcon-7b",
        "bigscience/T0pp",
        "CohereForAI/aya-101",
        "meta-llama-mirror/Llama-3.1-8B",
        "openbmb/MiniCPM-o-4",
    ],
)
def test_repository_of_an_openly_licensed_model_or_a_mirror_matches_no_shipped_known_model(name: str) -> None:
    assert [model.pattern for model in SHIPPED.known_models if model.covers(name)] == []


def test_no_shipped_known_model_has_a_permissive_or_public_domain_licence() -> None:
    free = {LicenseCategory.PERMISSIVE, LicenseCategory.PUBLIC_DOMAIN}
    assert len(SHIPPED.known_models) >= 60
    assert [model for model in SHIPPED.known_models if SHIPPED.licenses[model.license].category in free] == []
