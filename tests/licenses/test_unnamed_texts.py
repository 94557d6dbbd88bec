"""Texts are found by their words under any name, in any folder and format, and a licence check agrees with a scan."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from importlib.metadata import distribution
from itertools import product
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

import modelaudit
from modelaudit.licenses.recognition.terms_likeness import find_terms
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import SHARED_WEIGHTS

SALE = {"policy": "commercial-product", "territories": ["EU"], "monthly_active_users": 1e5, "annual_revenue_usd": 2e6}
REPOSITORIES = Path(__file__).resolve().parents[2] / "fixtures" / "repositories"


def build_safetensors(**metadata: str) -> bytes:
    """Build a safetensors file without tensors."""
    header = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(header)) + header


EMPTY_WEIGHTS = b"\x02" + bytes(7) + b"{}"
APACHE = next(file.read_text("utf-8") for file in distribution("huggingface_hub").files or () if file.name == "LICENSE")
TERMS = """Whale Model Agreement

1. Grant. Subject to this Agreement, we grant you a limited, non-transferable licence to study whales with the model.
2. Restrictions. You shall not use the model for commercial purposes, sell access to it, or distribute it to third
parties without our prior written consent.
3. Warranty. The model is provided as is, and we are not liable for damages.
"""
CHINESE_TERMS = "鲸鱼模型使用协议\n\n本协议适用于鲸鱼模型。未经书面许可,用户不得将模型用于商业用途,不得向第三方分发。\n"


def build_pdf(text: str, subject: str = "Whales") -> bytes:
    """Build a PDF of one page, which shows the lines of ``text`` or, without any, a filled square."""
    shown = " ".join(f"({re.sub(r'[()]', '', line)}) Tj T*" for line in text.splitlines())
    content = f"BT /F1 10 Tf 12 TL 40 780 Td {shown} ET" if text else "40 40 80 80 re f"
    stream = zlib.compress(content.encode())
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Subject (%s) >>" % subject.encode(),
    ]
    document = b"%PDF-1.4\n"
    offsets = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer << /Size 6 /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(document)
    return document + b"xref\n0 6\n0000000000 65535 f \n" + table + end


def build_zip(name: str, content: str) -> bytes:
    """Build a ZIP archive with one member."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stored.getvalue()


def build_png(kind: bytes, text: bytes) -> bytes:
    """Build the chunks of a PNG picture of one pixel, with one more of the kind."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), (kind, text), (b"IDAT", zlib.compress(b"\0\0"))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (*chunks, (b"IEND", b""))
    )


HTML = "<html><body>" + "".join(f"<p>{line}</p>\n" for line in TERMS.splitlines()) + "</body></html>"
YAML = "terms: |\n" + "".join(f"  {line}\n" for line in TERMS.splitlines())
DATA_TERMS = TERMS.replace("Model", "Song").replace("model", "recordings")
WEIGHT_TERMS = TERMS.replace("the model", "the weights")
BOUND: dict[str, str | bytes] = {
    # A word of the file name, or a folder of a text that speaks of the model, sets no text apart.
    **dict.fromkeys(
        (
            *("third_party_LICENSE", "model-data-LICENSE.txt", "LICENSE.data.txt", "LICENSE external.txt"),
            *("data/LICENSE", "tools/LICENSE", "scripts/TERMS.md", "docs/3rdparty-license.md"),
        ),
        TERMS,
    ),
    **dict.fromkeys(
        ("third_party/orca/COPYING", "node_modules/orca/LICENSE", "orca-1.dist-info/LICENSE", "LICENSE_DATA"),
        WEIGHT_TERMS,
    ),
    "vendor/notes/USE.md": "The model in this repository may not be used commercially.\n",
    "vendor/notes/USAGE.md": "The weights may not be used commercially.\n",
    **dict.fromkeys(
        (
            *("Llama3License", "MODELLICENSE", "LICENSE-MODEL", "ModelLicense.txt", "EULA", "Legal.txt", "TERMS"),
            *("COPYING.weights", "LICENSE.bak", "RIGHTS", "whales.txt", "CONDITIONS.rst", "GEMMA_TERMS.md", "about.org"),
            *("weights.license", ".hidden", "LICENSE.pdf.txt", "note", "table.csv", "rules.cfg", "whales.tex"),
            *("sub/LICENSE", "sub/terms.txt", "a/b/c/d/text.adoc", "weights/USE", "docs/overview.md"),
            *("model_files/agreement.rst", "en/EULA.md", "LICENSES/Whale.txt", "sub/README_20240605.md"),
        ),
        TERMS,
    ),
    "third_party/model/NOTES": TERMS,
    "third_party/model/model.safetensors": EMPTY_WEIGHTS,
    "agreement.html": HTML,
    "page.html": f"<html><!-- {TERMS} --><p>Hello</p></html>",
    "info.json": json.dumps({"about": {"text": TERMS}}),
    "lines.json": json.dumps({"text": TERMS.splitlines()}),
    "settings.yaml": YAML,
    "whales.pdf": build_pdf(TERMS),
    "sub/terms.py": f'"""A module."""\n\nimport os\n\nTEXT = """\n{TERMS}"""\n',
    "使用.txt": CHINESE_TERMS,
    "wide.txt": TERMS.encode("utf-16"),
    "wide-without-mark.txt": TERMS.encode("utf-16-le"),
    "wider.txt": TERMS.encode("utf-32"),
    "wider-without-mark.txt": TERMS.encode("utf-32-be"),
    "joined.txt": "\u200b".join(TERMS),
    "control.txt": TERMS.replace("Grant.", "Grant.\x08"),
    "padded.txt": "\n" * 300_000 + TERMS,
    "extra.zip": build_zip("LICENSE", TERMS),
    "whales.docx": build_zip("word/document.xml", f"<w:p><w:t>{TERMS}</w:t></w:p>"),
    "long.txt": TERMS + "whales swim in the sea\n" * 100_000,
    "notes.txt": "Whales swim in the sea, and they sing.\n" * 8000 + "The weights may not be used commercially.\n",
    "README_20240605.md": "---\nlicense: apache-2.0\n---\nThe weights are for non-commercial use only.\n",
    "docs/readme-zh.md": "本模型仅供学术研究使用,禁止商业用途。\n",
    # Single sentences among the values of other files, comments and printed strings.
    "config.json": json.dumps({"architectures": ["BertForMaskedLM"], "_note": "Weights: non-commercial use only"}),
    "legal.json": '{"commercial_use": false}',
    "notes.json": '{"The weights may not be used commercially.": 1}',
    "vision/config.json": json.dumps({"padding": [0] * 100_000, "about": "The weights are for non-commercial use only."}),
    "joined.py": "x = 1\nNOTE = ('The model may not '\n    'be used for commercial purposes.')\n",
    "model.safetensors.index.json": '{"metadata": {"license": "non-commercial"}, "weight_map": {}}',
    "usage.yaml": "name: whales\nusage:\n  commercial: prohibited\n  research: allowed\n",
    "notice.safetensors": build_safetensors(about="The weights are for non-commercial use only."),
    "walk.ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": ["The model is for research\n", "use only."]}]}),
    "wave.py": "import os\n\n\nclass Wave:\n    \"\"\"A wave.\n\n    The weights are for non-commercial\n    use only.\n    \"\"\"\n",
    "told.py": "def run():\n    print('This model may not be used commercially.')\n",
    "tagged.py": "x = 1\n" * 500 + "# SPDX-License-Identifier: CC-BY-NC-4.0\n",
    "wave.cpp": "int x;\n" * 20_000 + "/* The weights are licensed\n * for non-commercial use only. */\n",
    "text.png": build_png(b"tEXt", b"Comment\0The weights are for non-commercial use only."),
    "packed.png": build_png(b"zTXt", b"Comment\0\0" + zlib.compress(b"The weights are for non-commercial use only.")),
    "wide.png": build_png(b"iTXt", b"Comment\0\0\0en\0\0The weights are for non-commercial use only."),
    "logo.svg": "<svg><text>The weights are for non-commercial use only.</text></svg>",
    "sentence.pdf": build_pdf("The weights are for non-commercial use only."),
    "rights.xml": '<meta><licence href="https://creativecommons.org/licenses/by-nc/4.0/">terms</licence></meta>',
    "index.html": '<p>Whales.</p><link rel="license" href="https://creativecommons.org/licenses/by-nc/4.0/" />',
    "subject.pdf": build_pdf("Whales sing.", "Model weights: non-commercial research use only"),
    "footer.docx": build_zip("word/footer1.xml", "<w:p><w:t>Sale of products that contain the model is prohibited.</w:t></w:p>"),
    "words.txt": "whale\n" * 500_000 + "The weights may not be used commercially.\n",
    "deploy/run.sh": "# Copyright Acme. For non-commercial use only.\necho\n",
}  # fmt: skip
"""A file with a restriction -> its content. No use of the model may be allowed beside any of them."""


def judge_both(folder: Path, files: dict[str, str | bytes]) -> tuple[AuditReport, AuditReport]:
    """Report the licence of a model under Apache-2.0 with further files, by a licence check and by a scan."""
    own_files: dict[str, str | bytes] = {
        "README.md": "---\nlicense: apache-2.0\n---\n# Whales\n\nA model of whales.\n",
        "LICENSE": APACHE,
        "config.json": '{"architectures": ["BertForMaskedLM"]}',
        "model.safetensors": EMPTY_WEIGHTS,
    }
    for name, content in {**own_files, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return judge_folder(folder)


def judge_folder(folder: Path) -> tuple[AuditReport, AuditReport]:
    """Report the licence of a folder for sale in the EU, by a licence check and by a scan."""
    checked = modelaudit.license(folder, offline=True, **SALE)  # type: ignore[arg-type]
    return checked, modelaudit.scan(folder, second_opinion=False, offline=True, **SALE)  # type: ignore[arg-type]


def get_conclusion(report: AuditReport) -> LicenseConclusion:
    """Return the licence conclusion of a report that has one."""
    assert report.license is not None
    return report.license


def list_repositories() -> list[Path]:
    """List the model repositories among the fixtures."""
    folders = (each.parent for each in REPOSITORIES.rglob("*") if each.is_file())
    return sorted(
        {REPOSITORIES / each.relative_to(REPOSITORIES).parts[0] for each in folders}
        | {each for each in (REPOSITORIES / "licenses").iterdir() if each.is_dir()}
    )


def summarise(report: AuditReport) -> tuple[object, ...]:
    """Return what a licence check and a scan of the same files have to agree on."""
    found = get_conclusion(report)
    # A licence check opens no weights, so that only a scan knows which are equal.
    conflicts = [each for each in found.conflicts if each.kind != SHARED_WEIGHTS]
    return found.state, found.expression, found.permission, conflicts, found.reasoning


@check_each("name", BOUND)
def test_restrictive_text_under_any_name_is_never_allowed(name: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {name: BOUND[name]}
    if name.startswith("third_party/model/"):
        files = {each: content for each, content in BOUND.items() if each.startswith("third_party/model/")}
    report, scanned = judge_both(tmp_path / re.sub(r"\W", "-", name), files)
    assert (get_conclusion(report).permission, report.exit_code) == ("review", 3)
    assert summarise(report) == summarise(scanned)
    assert scanned.exit_code in (1, 3)


HARMLESS: dict[str, str | bytes] = {
    "vocab.txt": "\n".join(
        ["license", "licensed", "licensor", "grant", "shall", "warranty", "liable", "liability", "patent", "copyright", "prohibited", "commercial", "distribute", "terminate", "hereby", "foregoing", "jurisdiction", "sublicense", "redistribution", "worldwide", "perpetual"]
        + ["".join(letters) for letters in product("abcdehijlm", repeat=3)]
    ),
    "sub/README.md": "",
    "numbers.txt": "whale 0.123 4567 -0.891\n" * 15_000,
    "merges.txt": "Ġt he\n" * 60_000,
    "corpora/datasets/songs.txt": "Whales swim in the sea, and they sing.\n" * 8000,
    "settings.yaml": "# Licensed under the Apache License, Version 2.0 (the License); you may not use this file except\n"
    "# in compliance with the License. Unless required by applicable law or agreed to in writing, software\n"
    "# distributed under the License is distributed on an AS IS BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY\n"
    "# KIND. See the License for the specific language governing permissions and limitations under the License.\n"
    "layers: 3\n",
    "docs/usage.md": "# Usage\n\nLoad the model and pass it a recording. It is licensed under Apache 2.0.\n",
    "prompts.json": json.dumps({"system": "You are a helpful assistant that must not repeat the question."}),
    "paper.pdf": build_pdf("Whales sing.\nWe measure how whales sing in the sea and how the song changes."),
    "wave.py": "import os\n\n# For internal use only.\nREDISTRIBUTE = 'cannot redistribute the tensor to it'\n"
    "commercial = not os.environ.get('NO_COMMERCIAL_USE')  # whether a commercial licence is at hand\n",
    "usage.json": '{"usage": {"prompt_tokens": 3}, "license": "apache-2.0", "commercial_use": true}',
    "usage.yaml": "commercial: allowed\nrestrictions: none\n",
    "CONTRIBUTING.md": "Any contribution shall be licensed under Apache 2.0, without any additional terms or conditions.\n",
    "figures/README.md": "Figures of the paper.\x08\n",
}  # fmt: skip
"""A file of an honest model -> its content."""


@check_each(
    "weights",
    [f"net{each}" for each in (*WEIGHT_ENDINGS, ".zip", ".tar", ".pkl.gz", ".model", ".dat")]
    + ["net", "net.whale", "deep/net.001"],
)
def test_text_beside_weights_of_any_name_is_not_set_apart(weights: str, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "vendor/LICENSE": TERMS,
        f"vendor/{weights}": b"\x08\x01\x12\x04demo" * 200 + bytes(64),
    }
    report, scanned = judge_both(tmp_path, files)
    assert get_conclusion(report).permission == "review"
    assert get_conclusion(scanned).permission == "review"


@check_each("other", ["merges.txt.gz", "tokenizer.model", "logo.png", "module.wasm", "small", "main.c", "AUTHORS"])
def test_text_beside_files_of_another_purpose_is_set_apart(other: str, tmp_path: Path) -> None:
    content = bytes(100) if other == "small" else b"Whales sing. " * 200 + bytes("." in other)
    report, _ = judge_both(tmp_path, {"vendor/LICENSE": TERMS, f"vendor/{other}": content})
    assert get_conclusion(report).permission == "allow"


@check_each("name", HARMLESS)
def test_ordinary_files_leave_the_permission(name: str, tmp_path: Path) -> None:
    report, scanned = judge_both(tmp_path / re.sub(r"\W", "-", name), {name: HARMLESS[name]})
    found = get_conclusion(report)
    assert (found.permission, report.exit_code) == ("allow", 0), (found.answers, report.decision)
    assert summarise(report) == summarise(scanned)


ORDERS = """# Rules

- Do not rewrite shared history: that is forbidden.
- Comments must only be used to state a reason.
- You may not commit without permission.
"""


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("AGENTS.md", "allow"),
        ("skills/whales/SKILL.md", "allow"),
        (".cursorrules", "allow"),
        (".claude/commands/review.md", "allow"),
        (".github/copilot-instructions.md", "allow"),
        ("docs/rules.md", "review"),  # a document for people may state terms in any words
        (".claude/README.md", "review"),
    ],
)
def test_orders_to_an_agent_about_its_work_are_no_terms(name: str, permission: str, tmp_path: Path) -> None:
    report, scanned = judge_both(tmp_path, {name: ORDERS})
    assert get_conclusion(report).permission == permission
    assert summarise(report) == summarise(scanned)


@pytest.mark.parametrize("name", ["AGENTS.md", "skills/whales/SKILL.md", ".cursorrules", ".claude/whales.md"])
@check_each(
    "text",
    [
        TERMS,
        CHINESE_TERMS,
        "The weights may be used for research only.",
        "Companies need a licence before they use\nthe model.",
        "Commercial use of the checkpoints is forbidden.",
        "This model must not be offered as a service.",
        "Using the weights in a product takes a contract with us.",
    ],
)
def test_terms_of_the_model_count_in_a_file_for_agents(name: str, text: str, tmp_path: Path) -> None:
    folder = tmp_path / re.sub(r"\W", "-", text[:30])
    report, scanned = judge_both(folder, {name: f"{ORDERS}\n{text}\n"})
    assert get_conclusion(report).permission == "review"
    assert summarise(report) == summarise(scanned)


@pytest.mark.parametrize(
    ("path", "terms", "reason"),
    [
        ("third_party/orca/LICENSE", TERMS, "the work of others"),
        ("vendor/terms.txt", TERMS, "the work of others"),
        ("datasets/LICENSE", DATA_TERMS, "data"),
        ("tools/convert/LICENSE", DATA_TERMS, "a tool"),
    ],
)
def test_text_whose_place_names_something_else_is_set_apart_and_said(
    path: str, terms: str, reason: str, tmp_path: Path
) -> None:
    report, scanned = judge_both(tmp_path, {path: terms})
    found = get_conclusion(report)
    assert (found.permission, report.exit_code) == ("allow", 0)
    assert [line for line in found.reasoning if "set apart" in line] == [
        f"{path} holds terms that are no licence of the rule set, and it is set apart from the model: its path names"
        f" {reason}."
    ]
    assert not [line for line in found.reasoning if "must read" in line]
    assert summarise(report) == summarise(scanned)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (build_pdf(""), "no text layer"),
        (b"%PDF-1.4\n" + bytes(200), "gave no text"),
        (b"%PDF-1.4\n" + bytes(9 << 20), "takes 9437193 bytes"),
    ],
)
def test_pdf_without_text_is_a_doubt_with_a_clear_line(content: bytes, words: str, tmp_path: Path) -> None:
    report, scanned = judge_both(tmp_path, {"paper.pdf": content})
    assert get_conclusion(report).permission == "review"
    assert any("paper.pdf was not searched" in each.because and words in each.because for each in
               get_conclusion(report).answers)  # fmt: skip
    assert summarise(report) == summarise(scanned)


def test_adapter_of_a_base_in_a_folder_of_the_repository_needs_no_other(tmp_path: Path) -> None:
    files = {
        "adapter_config.json": '{"base_model_name_or_path": "./base", "peft_type": "LORA"}',
        "adapter_model.safetensors": EMPTY_WEIGHTS,
        "base/model.safetensors": EMPTY_WEIGHTS,
    }
    report, _ = judge_both(tmp_path, files)
    assert get_conclusion(report).permission == "allow", get_conclusion(report).answers


def test_list_of_the_licences_of_sources_leaves_the_permission(tmp_path: Path) -> None:
    sources = "# Whale songs\n* Author: Ishmael\n* License: CC BY-SA 4.0\n"
    report, _ = judge_both(tmp_path, {"LICENSES_SOURCES": sources})
    assert get_conclusion(report).permission == "allow", get_conclusion(report).answers


def test_card_of_fifty_megabytes_is_read_in_a_window_and_this_is_said(tmp_path: Path) -> None:
    card = "---\nlicense: apache-2.0\n---\n" + "Whales swim in the sea.\n" * 2_100_000
    (tmp_path / "README.md").write_text(f"{card}For non-commercial use only.\n")
    found = get_conclusion(modelaudit.license(tmp_path, offline=True, uses={"commercial": True}))
    assert found.permission == "review"
    assert any("README.md was not searched for terms to its end" in each.because for each in found.answers)


@check_each("folder", list_repositories)
def test_license_check_and_scan_agree_on_every_fixture_repository(folder: Path) -> None:
    checked, scanned = judge_folder(folder)
    assert summarise(checked) == summarise(scanned)


def test_unread_texts_are_counted(tmp_path: Path) -> None:
    report, _ = judge_both(
        tmp_path,
        {
            "vocab.bin": bytes(range(256)) * 40,
            "data.json": b"[%s1]" % (b"1, " * 100_000),
            "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(99),
        },
    )
    assert report.coverage.unopened == 3


def test_signs_far_apart_are_no_terms() -> None:
    words = load_shipped().term_words
    apart = ("\n" + "The whale swims and the sea is deep. " * 100 + "\n").join(TERMS.split("\n\n")[1].split(". "))
    assert find_terms(TERMS, words) is not None
    assert find_terms(apart, words) is None
    assert find_terms(APACHE, words) is not None
