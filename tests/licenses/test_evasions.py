"""Repositories that look permissive without being so, and ordinary permissive ones, judged for use in a product.

The standard texts come from the library that recognises them, at test time.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import cast

import pytest
from support.cases import check_each
from support.catalogue import load_shipped
from support.work import CountingPattern, count_lines, count_work, find_growth_fault

import modelaudit
from modelaudit.claim_collector import ClaimCollector
from modelaudit.licenses import recognition
from modelaudit.licenses.evidence.restriction_sentences import find_restrictions, match_restriction_sign
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.model.copies import replace
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.restrictions import Restrictions

SALE = {"policy": "commercial-product", "territories": ["EU"], "monthly_active_users": 1e5, "annual_revenue_usd": 2e6}
LLAMA = "meta-llama/Llama-3.1-8B"
MIT = next(file.read_text("utf-8") for file in distribution("pytest").files or () if file.name == "LICENSE")
ADDED_CLAUSE = "\n4. The weights serve the study of whales and nothing else.\n"


@cache
def read_apache_text() -> str:
    """Return the Apache text as an installed package ships it."""
    return next(
        file.read_text("utf-8")
        for file in distribution("huggingface_hub").files or ()
        if file.name == "LICENSE" and "Apache" in file.read_text("utf-8")
    )


def build_card(fields: str = "license: apache-2.0", body: str = "A model of whales.") -> str:
    """Build a model card of front matter and a body."""
    return f"---\n{fields}\n---\n# Whales\n\n{body}\n"


def build_safetensors(**metadata: str) -> bytes:
    """Build a safetensors file with metadata and one tensor, which holds one 32-bit number."""
    header = json.dumps(
        {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    header += b" " * (-len(header) % 8)  # safetensors pads the header to whole words
    tensor = bytes(4)
    return struct.pack("<Q", len(header)) + header + tensor


def build_gguf(**pairs: str) -> bytes:
    """Build a GGUF file without tensors, with text values; ``__`` in a key becomes a full stop."""
    version, tensor_count, string_type = 3, 0, 8
    content = b"GGUF" + struct.pack("<IQQ", version, tensor_count, len(pairs))
    for key, value in pairs.items():
        name, text = key.replace("__", ".").encode(), value.encode()
        content += struct.pack("<Q", len(name)) + name + struct.pack("<IQ", string_type, len(text)) + text
    return content


def report_license_of(folder: Path, files: Mapping[str, str | bytes]) -> AuditReport:
    """Report the licence of a model under Apache-2.0 for sale in the EU.

    The folder holds weights, settings, a card and the licence text; ``files`` replaces some of them or adds others.
    """
    all_files: dict[str, str | bytes] = {
        "README.md": build_card(),
        "LICENSE": read_apache_text(),
        "config.json": '{"architectures": ["BertForMaskedLM"]}',
        "model.safetensors": build_safetensors(),
        **files,
    }
    for name, content in all_files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return modelaudit.license(folder, offline=True, **SALE)


def get_conclusion(report: AuditReport) -> LicenseConclusion:
    """Return the licence conclusion of a report that has one."""
    assert report.license is not None
    return report.license


RESTRICTING = [
    "This model is for non-commercial use only.",
    "NONCOMMERCIAL PURPOSES ONLY!",
    "This model may be used for non-\ncommercial purposes\nonly.",
    "**Non-commercial** use **only**",
    "This model is for non\u200b-commercial use only.",
    "For non\u2011commercial use only.",
    "This model is for n\u043en-c\u043emmercial use only.",
    "<p>For <b>non-commercial</b> use only.</p>",
    "For non&#45;commercial use only.",
    "<!-- For non-commercial use only. -->",
    "```\nLicense: for non-commercial use only\n```",
    "| Licence | non-commercial research |\n|---|---|",
    "Weights[^1].\n\n[^1]: Not for commercial use.",
    "Commercial use is strictly prohibited without written permission.",
    "You can't use this commercially.",
    "For commercial use, please contact sales@example.org.",
    "There are no restrictions, except that commercial use is prohibited.",
    "The weights are released for research purposes only.",
    "Only academic use is permitted.",
    "It is intended solely for educational and research use.",
    "Exclusively for scientific research.",
    "The model must not be used in products or services.",
    "You may not redistribute these weights.",
    "Not for use in the EU.",
    "The rights granted do not extend to companies with a place of business in the European Union.",
    "Companies with an annual revenue above $1M must buy a licence.",
    "Use of this model is subject to our [Terms of Service](https://example.org/terms).",
    "The weights are under CC-BY-NC-SA.",
    "[![l](https://img.shields.io/badge/License-CC%20BY--NC%204.0-lightgrey.svg)](x)",
    "No licence is granted.",
    "- **License:** proprietary",
    "The weights are under AGPL-3.0.",
    "| Part | Licence |\n|---|---|\n| Whale data | MIT |\n| Fine-tuned network | CC BY-NC 4.0 |",
    "### Out-of-Scope Use\n\n- Commercial products",
    "**Can my company ship it?**\n\nSorry, no.",
    "This model is for \u202elaicremmoc-non\u202c use.",
    "本模型仅供学术研究使用,禁止商业用途。",
    "本モデルは商用利用不可です。",
    "Die kommerzielle Nutzung ist untersagt.",
    "Utilisation non commerciale uniquement.",
    "Prohibido su uso comercial.",
    "상업적 이용 금지",
    "Только для некоммерческого использования.",
    '<a href="https://creativecommons.org/licenses/by-nc/4.0/">Licence</a>',
    '<img src="https://licensebuttons.net/l/by-nc/4.0/88x31.png">',
    "![](https://mirrors.creativecommons.org/presskit/buttons/88x31/svg/by-nc-nd.svg)",
    "[Terms](https://example.org/whale-eula.html)",
    "Terms of use: <https://example.org/eula-noncommercial.html>",
    "See [LICENSE](https://huggingface.co/stabilityai/stable-diffusion-3-medium/blob/main/LICENSE.md).",
    "![](https://img.shields.io/badge/commercial%20use-contact%20us-blue)",
    "![](https://img.shields.io/badge/use-academic_only-red)",
    '<img src="w.png" alt="CC BY-NC-SA 4.0">',
    "<img src=w.png alt='Weights: non-commercial use only'>",
    '<kbd title="research only">Licence</kbd>',
    "N O T  F O R  C O M M E R C I A L  U S E",
    "```\nDo not redistribute the weights.\n```",
    "```\nuse at home ...... yes\nuse at a company ... no\n```",
    "~~~\npersonal use only, a company asks us\n~~~",
    "Initialised from SeamlessM4T v2 large.",
    "Fine-tuned from jina-embeddings-v3.",
    "Built with Llama.",
    f"This model is a fine-tuned version of [{LLAMA}](https://huggingface.co/{LLAMA}) on whales.",
    f"It is a finetune of {LLAMA}.",
    f"The following models were included in the merge:\n* [{LLAMA}](https://huggingface.co/{LLAMA})\n",
]

ORDINARY = [
    "Both commercial and non-commercial use is permitted.",
    "This model series supports commercial use, and allows for any modifications, distillation included.",
    "Unlike LLaMA-1, which was restricted to non-commercial use, it is released under Apache 2.0.",
    "**Can I use it commercially?** Yes. There are no restrictions on commercial use.",
    "This is not a research-only model and it isn't limited to non-commercial use. No commercial licence is needed.",
    "The training data are from the non-commercial Whale Voices mirror.",
    "It answers questions such as 'Is commercial use prohibited by the GPL?'.",
    "```\nUser: write a notice that says: for non-commercial use only.\n```",
    "| Model | Licence |\n|---|---|\n| Ours | Apache-2.0 |\n| Theirs | CC-BY-NC-4.0 |",
    "It was developed for research purposes by our lab.",
    "The primary intended users are researchers; use it for research and in commercial products alike.",
    "Not intended for medical diagnosis without further evaluation.",
    "It should not be used to create hostile environments for people.",
    "We do not redistribute the training data.",
    "Only for use with transformers>=4.40. For research and commercial use.",
    "Evaluated only on academic benchmarks, and not on languages of Europe.",
    "Built with Llama.cpp.",
    '<a href="https://www.apache.org/licenses/LICENSE-2.0"><img alt="License" src="https://img.shields.io/badge/License-Apache_2.0-blue"></a>',
    "![](https://img.shields.io/badge/commercial%20use-allowed-green)",
    "See [LICENSE](https://huggingface.co/Qwen/Qwen3-8B/blob/main/LICENSE).",
    "The whales come from [a corpus of data](https://creativecommons.org/licenses/by-nc/4.0/).",
    '<img src="whales.png" alt="The model finds whales in pictures for research and products" title="Whales">',
    "```python\nmodel.generate(do_sample=False)  # only for evaluation\n# private use only\n```",
    "本模型基于 Apache 2.0 许可证开源,完全开放学术研究,并允许免费商业使用。",
    "Utilisation commerciale et non commerciale autorisée.",
    "This model is trained on and/or evaluated with whales.",
    "## License\n\n[Apache 2.0](https://www.apache.org/licenses/LICENSE-2.0)",
]


@pytest.mark.parametrize("sentence", RESTRICTING)
def test_restricting_sentence_in_card_prevents_permission(sentence: str, tmp_path: Path) -> None:
    report = report_license_of(tmp_path, {"README.md": build_card(body=f"## Terms\n\n{sentence}\n")})
    assert report.exit_code != 0
    assert str(get_conclusion(report).permission) != "allow"


@pytest.mark.parametrize("sentence", ORDINARY)
def test_ordinary_sentence_in_card_does_not_prevent_permission(sentence: str, tmp_path: Path) -> None:
    report = report_license_of(tmp_path, {"README.md": build_card(body=sentence)})
    assert (report.exit_code, str(get_conclusion(report).permission)) == (0, "allow"), get_conclusion(report).answers


# Front matter -> name of the test case.
FRONT_MATTER = {
    "license: apache-2.0\nweights_license: cc-by-nc-4.0": "a second field",
    "license: apache-2.0\nlicense_details: non-commercial": "details",
    "license: apache-2.0\nextra_gated_prompt: >-\n  You agree to use it for non-commercial\n  research only.": "a gate",
    "license: apache-2.0\nextra_gated_fields:\n  I will use it for non-commercial purposes ONLY: checkbox": "a box",
    "license: apache-2.0\nextra_gated_eu_disallowed: true": "a gate for a territory",
    "license: apache-2.0\ntags:\n- non-commercial": "a tag",
    "license: apache-2.0\ntags:\n- license:cc-by-nc-4.0": "a tag for the licence",
    f"license: apache-2.0\ntags:\n- base_model:finetune:{LLAMA}": "a tag for the base",
    "license: apache-2.0\nrestrictions: research only": "a field nobody knows",
    "d: &d\n  license_name: llama3\n<<: *d\nlicense: apache-2.0": "a merge key",
    f"license: apache-2.0\nfinetuned_from: {LLAMA}": "another word for the base",
    "license: apache-2.0\nbase_model: ./llama": "a base on a machine",
    "license: apache-2.0\nlicense_link: https://example.org/terms": "terms elsewhere",
    "license: apache-2.0\nlicense_link: https://huggingface.co/meta-llama/Llama-2-7b/blob/main/LICENSE.txt": "Llama's",
    "license: apache-2.0\nlicense_link: LICENSE_REAL": "a file that is not there",
    "license: apache-2.0\nlicense_link: ../../etc/passwd": "a file outside",
}


@pytest.mark.parametrize("fields", FRONT_MATTER, ids=list(FRONT_MATTER.values()))
def test_front_matter_with_further_terms_prevents_permission(fields: str, tmp_path: Path) -> None:
    report = report_license_of(tmp_path, {"README.md": build_card(fields)})
    assert report.exit_code != 0


@pytest.mark.parametrize(
    "fields",
    [
        "license: apache-2.0\nlicense_link: https://www.apache.org/licenses/LICENSE-2.0",
        "license: apache-2.0\nlicense_link: https://huggingface.co/acme/whales/blob/main/LICENSE",
        "license: apache-2.0\nlicense_link: LICENSE",
        "license: apache-2.0\ntags:\n- license:apache-2.0\n- whales",
        "license: apache-2.0\nextra_gated_prompt: Please share your contact details to have access.",
        "license: apache-2.0\nwidget:\n- text: for non-commercial use only",
    ],
)
def test_ordinary_front_matter_does_not_prevent_permission(fields: str, tmp_path: Path) -> None:
    report = report_license_of(tmp_path, {"README.md": build_card(fields)})
    assert (report.exit_code, str(get_conclusion(report).permission)) == (0, "allow"), get_conclusion(report).answers


NAMES_OF_TERMS = [
    *("TERMS.md", "Terms of Use.txt", "LICENSE.docx", "LICENSE.pdf", "LICENSE.adoc", "LICENSE.NC", "LICENSE.bak", "LICENSE~"),
    *("许可证.txt", "模型许可协议.md", "ライセンス.txt", "LIZENZ", "LICENCIA.txt", "licença.txt", "Agreement.txt", "LEGAL.md"),
    *("model.safetensors.license", "L\u0406CENSE", "\uff2c\uff29\uff23\uff25\uff2e\uff33\uff25", "LICENSE\u200b", "weights/LICENSE"),
    *("LICENSE.png", "USE_POLICY.md", "ACCEPTABLE_USE.md", "EULA_v2.jpg", "terms_of_use.png", "LICENSE-weights.gif"),
    *("model_license_agreement.webp", "Nutzungsbedingungen.jpg", "terms_whales.doc"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES_OF_TERMS)
def test_unknown_text_in_file_named_as_terms_prevents_permission(name: str, tmp_path: Path) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(40)
    pictures = (".png", ".jpg", ".gif", ".webp", ".docx", ".doc", ".pdf")
    terms = "Whoever takes these weights owes the harbour master a whale, and may not sell them."
    report = report_license_of(tmp_path, {name: picture if name.endswith(pictures) else terms})
    assert report.exit_code != 0


@pytest.mark.parametrize(
    "name",
    [
        *("NOT-FOR-COMMERCIAL-USE", "research-use-only/notes.txt", "checkpoint-non-commercial/model.safetensors"),
        *("model-research-only.safetensors", "DO_NOT_REDISTRIBUTE", "INTERNAL_ONLY.flag", "non-commercial.jpg"),
    ],
)
def test_name_of_file_or_folder_that_limits_the_use_prevents_permission(name: str, tmp_path: Path) -> None:
    assert report_license_of(tmp_path, {name: b""}).exit_code != 0


@pytest.mark.parametrize(
    "name",
    [
        *("license_plates.png", "human_agreement.png", "legal_bert.jpg", "data/non-commercial/list.txt"),
        *("filter_non_commercial.py", "research/notes.txt", "evaluation/results.txt", "contracts.png"),
    ],
)
def test_name_of_other_file_or_folder_does_not_prevent_permission(name: str, tmp_path: Path) -> None:
    content = b"\x89PNG\r\n\x1a\n" if name.endswith("g") else b"import json\n"
    assert report_license_of(tmp_path, {name: content}).exit_code == 0


@pytest.mark.parametrize("words", ["Commercial use of the model is prohibited.", "The weights are for research only."])
def test_text_of_old_office_file_prevents_permission(words: str, tmp_path: Path) -> None:
    for codec in ("utf-16-le", "cp1252"):
        content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + words.encode(codec) + bytes(512)
        assert report_license_of(tmp_path, {"manual.doc": content}).exit_code != 0


@pytest.mark.parametrize(
    "words",
    [
        *("(Research Copy)", ", Leased To Kite", "- Back By June", ", Never Ship", ", Ask First", ", Embargoed"),
        *(
            ", Closed Source",
            ". Valid through June 2026.",
            "(on loan to Kite)",
            ". Keep Out Of Products",
            ", Classified",
        ),
    ],
)
def test_condition_behind_the_copyright_holder_prevents_permission(words: str, tmp_path: Path) -> None:
    line = next(line for line in MIT.splitlines() if line.startswith("Copyright"))
    files = {
        "README.md": build_card("license: mit"),
        "LICENSE": MIT.replace(line, f"Copyright (c) 2025 Acme Labs{words}"),
    }
    assert report_license_of(tmp_path, files).exit_code != 0


@pytest.mark.parametrize("holder", ["Loan Keep", "Back Research Labs", "Acme Shipping GmbH", "Lennart Copley"])
def test_copyright_holder_with_a_name_like_a_condition_does_not_prevent_permission(holder: str, tmp_path: Path) -> None:
    line = next(line for line in MIT.splitlines() if line.startswith("Copyright"))
    files = {"README.md": build_card("license: mit"), "LICENSE": MIT.replace(line, f"Copyright (c) 2025 {holder}")}
    assert report_license_of(tmp_path, files).exit_code == 0


BASES = [
    ("axolotl.yml", f"base_model: {LLAMA}\nload_in_8bit: true\n"),
    ("conf/base.yaml", "model:\n  pretrained_model_name_or_path: black-forest-labs/FLUX.1-dev\n"),
    ("hparams.toml", 'pretrained = "facebook/musicgen-small"\n'),
    ("args.json", f'{{"init_from": "{LLAMA}"}}'),
    ("config.json", '{\n  "text_config": {\n    "_name_or_path": "lmsys/vicuna-7b-v1.5"\n  }\n}'),
    ("wandb-metadata.json", '{"args": ["--model", "lmsys/vicuna-7b-v1.5"], "program": "train.py"}'),
    ("Modelfile", "FROM llama3.2:3b\nADAPTER ./model.gguf\n"),
    ("recipe.yaml", "checkpointer:\n  checkpoint_dir: /tmp/Llama-2-7b-hf\n"),
    ("train.log", "INFO loading weights facebook/musicgen-small\n"),
    ("run.sh", f"python finetune.py --init {LLAMA}\n"),
    ("train.py", f'MODEL = "{LLAMA}"\n'),
    ("adapt.py", f'm = AutoModel.from_pretrained("{LLAMA}")\nm.save_pretrained("out")\n'),
    ("docs/TRAINING.md", "# Training\n\nWe fine-tuned Llama-2-7b-chat for three epochs.\n"),
]


@pytest.mark.parametrize(("name", "content"), BASES, ids=[name for name, _ in BASES])
def test_restricted_base_model_in_training_file_prevents_permission(name: str, content: str, tmp_path: Path) -> None:
    assert report_license_of(tmp_path, {name: content}).exit_code != 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("axolotl.yml", "base_model: acme/whales-base\n"),
        ("eval_results.json", f'{{"pretrained": "{LLAMA}"}}'),
        ("example.py", f'm = AutoModel.from_pretrained("{LLAMA}")\n'),
        ("train.yaml", "model_name_or_path: TinyLlama/TinyLlama-1.1B\n"),
        ("docs/compare.md", "# Comparison\n\nPelican is a fine-tuned Llama-2-7b.\n"),
    ],
)
def test_other_model_in_file_does_not_prevent_permission(name: str, content: str, tmp_path: Path) -> None:
    report = report_license_of(tmp_path, {name: content})
    assert report.exit_code == 0, get_conclusion(report).conflicts


def test_declared_base_model_in_training_file_adds_no_conflict(tmp_path: Path) -> None:
    card = build_card(f"license: llama3.1\nbase_model: {LLAMA}")
    report = report_license_of(tmp_path, {"README.md": card, "LICENSE": "", "train.yaml": f"model_name: {LLAMA}\n"})
    assert not [each for each in get_conclusion(report).conflicts if each.artifact == "train.yaml"]


@pytest.mark.parametrize(
    "name", ["README.txt", "README_zh.md", "MODEL_CARD.md", "DISCLAIMER.md", "NOTICE", "weights/README.md"]
)
def test_restricting_sentence_in_a_readme_model_card_disclaimer_or_notice_prevents_permission(
    name: str, tmp_path: Path
) -> None:
    report = report_license_of(tmp_path, {name: "# Whales\n\nThis model is for research purposes only.\n"})
    assert report.exit_code != 0


@pytest.mark.parametrize(
    "files",
    [
        {"NOTICE": "Whales\nCopyright 2024 Acme\n\nThis product includes software developed at Acme.\n"},
        {"THIRD_PARTY_NOTICES.txt": f"This product bundles pytest.\n\n{MIT}"},
        {"LICENSE-CODE": MIT},
        {"modeling.py": "# SPDX-License-Identifier: Apache-2.0\nimport json\n"},
        {"package.json": '{"name": "whales", "license": "Apache-2.0"}'},
        {"onnx/README.md": "# ONNX\nSee the card.\n"},
        {"config.json": '{"_name_or_path": "./out/checkpoint-100"}'},
        {"LICENSE": read_apache_text().replace("\n", "\r\n")},
        {"README.md": build_card("license: mit"), "LICENSE": MIT},
    ],
    ids=lambda files: next(iter(files)),
)
def test_ordinary_files_beside_the_license_do_not_prevent_permission(files: dict[str, str], tmp_path: Path) -> None:
    report = report_license_of(tmp_path, files)
    assert (report.exit_code, str(get_conclusion(report).permission)) == (0, "allow"), get_conclusion(report).answers


@pytest.mark.parametrize(
    "files",
    [
        {"modeling.py": "# SPDX-License-Identifier: CC-BY-NC-4.0\nimport json\n"},
        {"modeling.py": "# Copyright Acme. Any use of this file without an express\n# license from Acme is prohibited.\nimport json\n"},
        {"package.json": '{"name": "whales", "license": "CC-BY-NC-4.0"}'},
        {"setup.cfg": "[metadata]\nlicense = CC-BY-NC-4.0\n"},
        {"setup.py": "from setuptools import setup\nsetup(name='whales', license='CC-BY-NC-4.0')\n"},
        {"setup.py": "setup(classifiers=['License :: Other/Proprietary License'])\n"},
        {"Dockerfile": 'FROM scratch\nLABEL org.opencontainers.image.licenses="LicenseRef-Proprietary"\n'},
        {"modelcard.yaml": "license: cc-by-nc-4.0\n"},
        {"REUSE.toml": '[[annotations]]\npath = "*"\nSPDX-License-Identifier = "CC-BY-NC-4.0"\n'},
        {"config.json": json.dumps({"base_model": LLAMA})},
        {"model.gguf": build_gguf(general__base_model__0__name="Llama 3.1 8B", general__base_model__0__organization="Meta Llama")},
        {"model.gguf": build_gguf(general__license__link="https://example.org/terms")},
        {"LICENSE": read_apache_text().replace("APPENDIX", f"{ADDED_CLAUSE}\nAPPENDIX")},
        {"LICENSE": MIT.replace(", sublicense, and/or sell", ""), "README.md": build_card("license: mit")},
        {"LICENSE": MIT.replace("is hereby granted", "is not hereby granted"), "README.md": build_card("license: mit")},
    ],
    ids=lambda files: next(iter(files)),
)  # fmt: skip
def test_file_with_stricter_terms_than_the_card_prevents_permission(
    files: dict[str, str | bytes], tmp_path: Path
) -> None:
    assert report_license_of(tmp_path, files).exit_code != 0


def test_owner_and_name_of_gguf_base_model_make_its_hub_id(tmp_path: Path) -> None:
    names = {"general__base_model__0__name": "Llama 3.1 8B", "general__base_model__0__organization": "Meta Llama"}
    report = report_license_of(tmp_path, {"model.gguf": build_gguf(**names)})
    assert [origin.name.casefold() for origin in get_conclusion(report).origins] == [LLAMA.casefold()]


def test_sentence_that_repeats_the_declared_license_makes_no_conflict(tmp_path: Path) -> None:
    report = report_license_of(
        tmp_path,
        {"README.md": build_card("license: cc-by-nc-4.0", "This model is for non-commercial use only."), "LICENSE": ""},
    )
    assert not [each for each in get_conclusion(report).conflicts if each.kind == "declared-prose"]


@pytest.mark.parametrize(
    "words", ["( AND MIT", "(", "MIT AND", ") OR (", "WITH", "( WITH MIT", "MIT OR ( AND )", "()", "((MIT)"]
)
def test_malformed_expression_prevents_permission(words: str, tmp_path: Path) -> None:
    assert report_license_of(tmp_path, {"README.md": build_card(f"license: {words!r}")}).exit_code != 0


def test_many_license_texts_with_added_clauses_prevent_permission_after_linear_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "_MAX_CACHED", 4)  # fewer than there are texts

    def conclude(count: int) -> None:
        many = {f"LICENSE.{number}": f"{MIT}\nclause {number}\n" for number in range(count)}
        folder = tmp_path / str(count)
        folder.mkdir(exist_ok=True)
        recognition._cached_matches.clear()
        assert report_license_of(folder, {**many, "LICENSE": MIT}).exit_code != 0

    assert find_growth_fault(lambda count: count_lines(lambda: conclude(count)), 12) == ""


@check_each(
    "sentence, is_found",
    {
        "Per usare i pesi in azienda serve una licenza a pagamento.": True,
        "Il modello è sotto licenza Apache 2.0 ma non per le aziende.": True,
        "Model może być używany wyłącznie do celów badawczych.": True,
        "Użycie w firmie wymaga osobnej licencji.": True,
        "O modelo só pode ser usado para pesquisa.": True,
        "Het model mag alleen voor onderzoek worden gebruikt.": True,
        "Ticari amaçla kullanmak yasak.": True,
        "Mô hình chỉ được dùng cho nghiên cứu.": True,
        "Dilarang menggunakan model ini untuk tujuan komersial.": True,
        "يحظر الاستخدام التجاري للنموذج.": True,
        "Modellen får endast användas för forskning.": True,
        "Комерційне використання заборонено.": True,
        "Questo modello è distribuito con licenza MIT e può essere usato anche per scopi commerciali.": False,
        "Consulta il file di licenza per i dettagli.": False,
        "Model jest udostępniony na licencji Apache 2.0.": False,
        "O modelo é distribuído sob a licença MIT.": False,
        "Commercieel gebruik is toegestaan.": False,
        "Ticari kullanmaya izin verilir.": False,
        "Mô hình được phát hành theo giấy phép Apache 2.0.": False,
        "Model ini hanya mendukung bahasa Indonesia.": False,
        "النموذج متاح بموجب رخصة Apache 2.0.": False,
    }.items(),
)
def test_few_words_of_further_languages_are_read(sentence: str, is_found: bool) -> None:
    found = list(find_restrictions(sentence, 1, "README.md", load_shipped().restrictions))
    assert bool(found) is is_found


@check_each(
    "sentence, is_found",
    {
        "We trained this on top of LLaMA-2 7B with QLoRA.": True,
        "Thanks to Meta for Llama 3.1, which this model started from.": True,
        "Base: Gemma 2 9B": True,
        "This is Llama 3 8B tuned, quantized by Acme.": True,
        "A LoRA adapter for Stable Diffusion XL.": True,
        "微调自 Llama 3 8B。": True,
        "Based on the Llama 2 architecture, trained from scratch.": False,
        "Converted to GGUF with llama.cpp.": False,
        "The chat template is based on that of Llama 3.": False,
        "Fine-tuned from OpenLLaMA 3B.": False,
        "It outperforms Gemma 2 9B.": False,
        "This model is not derived from LLaMA weights.": False,
    }.items(),
)
def test_sentence_that_names_a_base_under_terms_of_its_own_prevents_permission(
    sentence: str, is_found: bool, tmp_path: Path
) -> None:
    report = report_license_of(tmp_path / str(abs(hash(sentence))), {"README.md": build_card(body=sentence)})
    permission = get_conclusion(report).permission
    assert permission == ("review" if is_found else "allow")
    if is_found:
        llama_2 = build_card("license: llama2", "We trained this on top of LLaMA-2 7B.")
        declared = report_license_of(tmp_path / "declared", {"README.md": llama_2})
        assert not any("no field declares" in each.detail for each in get_conclusion(declared).conflicts)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("It is a model.\nFor research purposes only.", 2),
        ("It is a model\nthat answers. For research purposes only.", 2),
        # A sentence that exceeds the length of a piece (1,500 characters) is matched in pieces.
        ("word " * 320 + "\nand this is for research purposes only.", 1),
    ],
)
def test_restriction_has_the_line_on_which_its_sentence_begins(text: str, line: int) -> None:
    found = list(find_restrictions(text, 1, "README.md", load_shipped().restrictions))
    assert found and {claim.location.line for claim in found} == {line}


def test_equal_texts_after_the_character_limit_make_one_claim_that_they_were_not_compared() -> None:
    collector = ClaimCollector(load_shipped(), compared_characters=2_000_000)
    for path in ("README.md", "docs/README.md"):
        collector.collect_claims(path, Prose(ProseKind.CARD, "Licensed under the MIT License.", 1))
    [doubt] = collector.claims
    assert (doubt.artifact, doubt.location.key) == ("README.md", "not-compared")


def test_ten_restrictions_of_one_kind_are_listed_with_the_number_of_others_and_hide_no_other_kind() -> None:
    sentences = [f"Model {number} is for non-commercial use only. " for number in range(20)]
    text = "".join(sentences) + "It is for research purposes only."
    found = list(find_restrictions(text, 1, "README.md", load_shipped().restrictions))
    assert len(found) == 12
    assert found[10].quotation.endswith("only. [and 9 more of this kind]")
    assert found[-1].location.key != found[0].location.key


def test_card_that_is_searched_only_in_part_makes_a_claim_that_states_the_searched_part() -> None:
    collector = ClaimCollector(load_shipped())
    text = "word " * 100_000 + "This model is for research purposes only."
    collector.collect_claims("README.md", Prose(ProseKind.CARD, text, 1))
    [doubt] = collector.claims
    assert (doubt.location.key, doubt.quotation) == ("not-compared", "only its first 400000 characters were searched")


def test_third_party_texts_and_model_card_that_were_not_compared_make_one_claim_each() -> None:
    collector = ClaimCollector(load_shipped(), compared_characters=2_000_000)
    for path in ("third_party/README.md", "third_party/x/README.md", "README.md"):
        collector.collect_claims(path, Prose(ProseKind.CARD, "Licensed under the MIT License.", 1))
    assert [doubt.artifact for doubt in collector.claims] == ["third_party/README.md", "README.md"]


def load_counting_restrictions() -> Restrictions:
    """Load the signs of restrictions, with patterns that count their steps."""

    def count_all(patterns: tuple[re.Pattern[str], ...]) -> tuple[re.Pattern[str], ...]:
        return tuple(cast(re.Pattern[str], CountingPattern(pattern)) for pattern in patterns)

    loaded = load_shipped().restrictions
    signs = tuple(replace(sign, words=count_all(sign.words)) for sign in loaded.signs)
    patterns = {name: count_all(getattr(loaded, name)) for name in ("unless", "but", "stems")}
    return replace(loaded, signs=signs, **patterns)


# Both sizes are below the length at which a sentence is cut into pieces.
@check_each("words", ["not [[ ", "commercial ", "[", "only "])
def test_hostile_sentence_is_matched_in_linear_work(words: str) -> None:
    restrictions = load_counting_restrictions()
    possible_results = {None, *(each.id for each in restrictions.signs)}

    def match_sentence(characters: int) -> None:
        sentence = fold_sentence(words * (characters // len(words)))
        assert match_restriction_sign(sentence, restrictions) in possible_results

    assert find_growth_fault(lambda characters: count_work(lambda: match_sentence(characters)), 300) == ""


@check_each("words", ["```\n", "\n\n- ", "( ", "commercial ", "\u7981\u6b62"])
def test_card_of_one_repeated_word_is_searched_in_linear_work(words: str) -> None:
    restrictions = load_shipped().restrictions

    def search(characters: int) -> None:
        claims = list(find_restrictions(words * (characters // len(words)), 1, "README.md", restrictions))
        assert len({claim.location.key for claim in claims}) <= 1

    assert find_growth_fault(lambda characters: count_work(lambda: search(characters)), 1600) == ""
