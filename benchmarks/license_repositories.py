"""Conclude the licences of whole repositories: of published traps, and of a thousand repositories in one process.

These are two sections for ``benchmarks/licenses.py``. Run alone with ``--texts TEXTS``, this module prints them
without peers. No file of this project contains the licence texts of vendors: without ``--texts``, only
texts that dependencies ship are used, and the traps are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Protocol

import yaml
from figures import render_table
from samples import ROOT

COUNT = 1000
"""Repositories in the second section."""
_PEERS = Path(__file__).resolve().parent / "peers"
_SAFETENSORS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
_CONFIG = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
_TIMEOUT = 3600
_MEBIBYTE = 1024 * 1024


class Text(Protocol):
    """A licence text with its label, as ``license_texts.py`` has them."""

    @property
    def place(self) -> str:
        """The package or file that contains the text."""

    @property
    def license_id(self) -> str:
        """The id of its licence."""

    @property
    def text(self) -> str:
        """Its words."""


class Bench(Protocol):
    """The input of a section of the licence benchmark."""

    pythons: dict[str, str]
    texts: dict[str, list[Text]]


@dataclass(frozen=True, slots=True)
class Trap:
    """A repository whose card misleads, or whose licence text is on no list of standard licences.

    Attributes:
        name: the description in the table.
        text: the name of the licence text in the folder of texts.
        card: the front matter of the model card.
        binds: the id of a licence that the conclusion must contain.
        states: the states of the conclusion that are right; never ``concluded`` where the evidence disagrees.
    """

    name: str
    text: str
    card: Mapping[str, str]
    binds: str
    states: tuple[str, ...] = ("concluded",)


_OTHER = {"license": "other", "license_link": "LICENSE"}
TRAPS = (
    Trap("Llama 3.1 text, no licence on the card", "llama-3.1-license-2024", {}, "LicenseRef-Llama-3.1"),
    Trap(
        "FLUX.1 dev text under “other”",
        "flux-1-dev-nc-1.1.1",
        _OTHER | {"license_name": "flux-1-dev-non-commercial-license"},
        "LicenseRef-FLUX.1-dev",
    ),
    Trap(
        "Hunyuan text under “other”",
        "tencent-hunyuan-video-2024-12-03",
        _OTHER | {"license_name": "tencent-hunyuan-community"},
        "LicenseRef-Tencent-Hunyuan-Video-2024-12-03",
    ),
    Trap(
        "Kimi's modified MIT",
        "kimi-k2-modified-mit",
        _OTHER | {"license_name": "modified-mit"},
        "LicenseRef-Kimi-K2-Modified-MIT",
    ),
    Trap(
        "Apache-2.0 card over a Llama 3.1 text and base",
        "llama-3.1-license-2024",
        {"license": "apache-2.0", "base_model": "meta-llama/Llama-3.1-8B"},
        "LicenseRef-Llama-3.1",
        ("contradictory",),
    ),
)


@dataclass
class Answers:
    """The answers of one tool with their cost.

    Attributes:
        rows: the answer for each repository, by its folder.
        seconds: wall time of the process.
        cpu: CPU seconds, if the tool reports them.
        peak: peak of resident memory in bytes, if the tool reports it.
    """

    rows: dict[str, dict[str, object]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0


def write_repository(folder: Path, card: Mapping[str, str], text: str) -> Path:
    """Write a repository with a card, a licence file, a configuration and empty weights; return ``folder``."""
    folder.mkdir(parents=True)
    lines = "".join(f"{key}: {value}\n" for key, value in card.items())
    body = (
        "# A model\n\nIt was made to measure how licences are read.\n\n## Use\n\nLoad it with your favourite library.\n"
    )
    (folder / "README.md").write_text(f"---\n{lines}---\n{body}" if lines else body, encoding="utf-8")
    (folder / "LICENSE").write_text(text, encoding="utf-8")
    (folder / "config.json").write_bytes(_CONFIG)
    (folder / "model.safetensors").write_bytes(_SAFETENSORS)
    return folder


def ask_tool(python: str, arguments: Sequence[str], folders: Sequence[Path], environment: Mapping[str, str]) -> Answers:
    """Run ``python arguments`` with a folder on each line of its input, and parse each line of its output as JSON."""
    began = time.perf_counter()
    process = subprocess.run(
        [python, *arguments],
        input="".join(f"{folder}\n" for folder in folders),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env=dict(environment),
    )
    answers = Answers(seconds=time.perf_counter() - began)
    for line in process.stdout.splitlines():
        row = json.loads(line)
        if "path" in row:
            answers.rows[str(row["path"])] = row
        answers.peak = int(row.get("peak", answers.peak))
        answers.cpu = float(row.get("cpu", answers.cpu))
    return answers


def ask_own_scanner(folders: Sequence[Path]) -> Answers:
    """Return this project's answers, from one fresh process whose time includes all imports."""
    root = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": root, "HF_HUB_OFFLINE": "1"}
    return ask_tool(sys.executable, [str(Path(__file__).resolve()), "--worker"], folders, environment)


def ask_peer(tool: str, python: str, folders: Sequence[Path]) -> Answers:
    """Return the answers of the peer ``tool``, from one process in its own environment."""
    from scanners import clean_environment

    return ask_tool(python, [str(_PEERS / "license_worker.py"), tool], folders, clean_environment(python))


def render_traps(bench: Bench) -> Iterator[str]:
    """Render the answers of every tool for repositories that mislead."""
    texts = {each.place: each.text for each in bench.texts.get("ai", [])}
    traps = [trap for trap in TRAPS if trap.text in texts]
    yield from ("## Traps", "")
    if not traps:
        yield from ("Not measured: no folder of texts was given.", "")
        return
    with tempfile.TemporaryDirectory() as root:
        folders = [
            write_repository(Path(root) / str(number), trap.card, texts[trap.text]) for number, trap in enumerate(traps)
        ]
        own_answers = ask_own_scanner(folders)
        others = {tool: ask_peer(tool, python, folders) for tool, python in bench.pythons.items()}
    right = 0
    rows = []
    for trap, folder in zip(traps, folders, strict=True):
        row = own_answers.rows.get(str(folder), {})
        licenses = row.get("licenses")
        binding = licenses if isinstance(licenses, list) else []
        is_right = row.get("state") in trap.states and trap.binds in binding
        right += is_right
        conclusion = row.get("expression") or " against ".join(map(str, binding)) or "nothing"
        own_cell = f"{'right' if is_right else 'WRONG'}, {row.get('state')}: {conclusion}"
        rows.append((trap.name, own_cell, *(_format_names(answers, folder) for answers in others.values())))
    yield f"{right} of {len(traps)} right: the licence that binds is named, and nothing is concluded"
    yield "where the evidence disagrees."
    yield ""
    yield from render_table(("repository", "ours", *others), rows)


def _format_names(answers: Answers, folder: Path) -> str:
    """Return the licence names of a tool for one repository, joined by commas, or ``nothing``."""
    names = answers.rows.get(str(folder), {}).get("licenses")
    return ", ".join(map(str, names)) if isinstance(names, list) and names else "nothing"


def render_thousand(bench: Bench) -> Iterator[str]:
    """Render the conclusions and the cost of a thousand repositories, each scanned separately in one process."""
    vendor_texts = [each for group in ("standard", "ai") for each in bench.texts.get(group, [])]
    texts = vendor_texts or [each for group in ("common", "package") for each in bench.texts.get(group, [])]
    peers = {tool: python for tool, python in bench.pythons.items() if tool == "promptfoo"}
    peer_count = COUNT // 20  # the peer is too slow for all of them
    with tempfile.TemporaryDirectory() as root:
        folders = list(_write_repositories(Path(root), texts))
        own_answers = ask_own_scanner(folders)
        others = {tool: ask_peer(tool, python, folders[:peer_count]) for tool, python in peers.items()}
    states = Counter(str(row.get("state")) for row in own_answers.rows.values())
    text_count = len({each.text for each in texts})
    yield from ("## A thousand repositories", "")
    yield f"{len(folders)} repositories with a card, a licence file, settings and empty weights, made of {text_count}"
    yield "texts; a third of them names a base model, which no tool can read. Wall time from the start of the"
    yield "process, imports and rules included."
    yield f"Ours came to: {', '.join(f'{count} {state}' for state, count in states.most_common())}."
    yield ""
    rows = []
    for tool, answers in {"ours": own_answers, **others}.items():
        cpu = f"{answers.cpu:.1f} s" if tool == "ours" else "not reported"
        peak = f"{answers.peak / _MEBIBYTE:.0f} MiB"
        rows.append((tool, str(len(answers.rows)), f"{answers.seconds:.1f} s", cpu, peak))
    yield from render_table(("tool", "repositories", "seconds", "CPU time", "peak of resident memory"), rows)


def _write_repositories(root: Path, texts: Sequence[Text]) -> Iterator[Path]:
    """Write ``COUNT`` repositories whose licence files are ``texts`` in turn; yield the folder of each.

    Every fourth card declares ``other`` with a licence name, and every third names a base model.
    """
    from modelaudit.catalogue import load_catalogue

    licenses = load_catalogue().licenses
    for number in range(COUNT):
        text = texts[number % len(texts)]
        entry = licenses.get(text.license_id)
        name = entry.hub_ids[0] if entry and entry.hub_ids else text.license_id
        card = (
            {"license": name} if number % 4 else {"license": "other", "license_name": name, "license_link": "LICENSE"}
        )
        if number % 3 == 0:
            card |= {"base_model": f"acme/base-{number}", "base_model_relation": "finetune"}
        yield write_repository(root / f"{number:04}", card, text.text)


SECTIONS = (render_traps, render_thousand)


def _answer_as_worker() -> None:
    """Conclude the licence of each folder on standard input; print a JSON object for each, and one with the cost."""
    import modelaudit

    for line in sys.stdin:
        folder = line.rstrip("\n")
        report = modelaudit.license(folder, policy="commercial-product", territories=["EU"], offline=True)
        concluded = report.license
        row = {
            "path": folder,
            "state": concluded.state,
            "expression": concluded.expression,
            "licenses": [entry.id for entry in concluded.entries],
            "permission": concluded.permission,
        }
        sys.stdout.write(json.dumps(row) + "\n")
    sys.path.append(str(_PEERS))
    from process import read_peak_memory  # as the peers read theirs

    usage = resource.getrusage(resource.RUSAGE_SELF)
    row = {"peak": read_peak_memory(), "cpu": usage.ru_utime + usage.ru_stime}
    sys.stdout.write(json.dumps(row) + "\n")


@dataclass(frozen=True)
class _ShippedText:
    place: str
    license_id: str
    text: str


@dataclass
class _TextsOnly:
    """The input of the sections when this module runs alone: texts, and no peer."""

    pythons: dict[str, str] = field(default_factory=dict)
    texts: dict[str, list[Text]] = field(default_factory=dict)


def _collect_texts(folder: Path | None) -> dict[str, list[Text]]:
    """Return the licence texts of installed packages and of ``folder``, by group."""
    texts: dict[str, list[Text]] = {"package": [], "standard": [], "ai": []}
    for package in distributions():
        expression = package.metadata.get("License-Expression") or ""
        for file in package.files or ():
            if expression and file.name.upper().startswith("LICENSE"):
                text = Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")
                texts["package"].append(_ShippedText(package.metadata["Name"], expression, text))
    listed = yaml.safe_load((ROOT / "rules/fingerprints/_texts.yaml").read_text(encoding="utf-8"))["texts"]
    for group in ("standard", "ai"):
        for path in sorted((folder / group).glob("*.txt")) if folder else ():
            if path.stem in listed:
                text = path.read_text(encoding="utf-8", errors="replace")
                texts[group].append(_ShippedText(path.stem, listed[path.stem]["of"], text))
    return texts


def main() -> None:
    """Print both sections; with ``--worker``, answer as the process that the sections measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a folder of licence texts, in standard/ and ai/")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        _answer_as_worker()
        return
    bench = _TextsOnly(texts=_collect_texts(chosen.texts))
    for section in SECTIONS:
        sys.stdout.write("\n".join(section(bench)) + "\n")


if __name__ == "__main__":
    main()
