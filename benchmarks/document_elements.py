"""What a scan states of a model of the Hub with a full card, and of folders without one: the lists of minimum elements.

A section for ``benchmarks/documents.py``; benchmarks/document_cases/repositories.yaml holds the models.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from contradictions import write_repository
from costs import Figure, Section
from figures import render_table
from samples import HERE, ROOT

# isort: split
from hub.server import LoopbackHub

import modelaudit
from modelaudit.model.elements import ElementState

if TYPE_CHECKING:
    from modelaudit.model.report import AuditReport

_CASES: Final = HERE / "document_cases/repositories.yaml"
_POLICY: Final = "name: lakeside-users\norganization: Example Ltd\nreviewer: Jane Roe\n"
"""The author of a bill of materials is who scans."""
_FULL_LEAST: Final = 85
_BARE_LEAST: Final = 55


def drop_origin(files: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of a checkout without those of git."""
    return {path: content for path, content in files.items() if not path.startswith(".git/")}


def count_elements(folder: Path) -> Section:
    """Count the elements of the lists for each model."""
    cases = yaml.safe_load(_CASES.read_text(encoding="utf-8"))
    licensed = {"LICENSE": (ROOT / "LICENSE").read_text(encoding="utf-8")}
    reports = {
        "full card": scan_from_hub(folder, cases["full"] | licensed, cases["dataset"]),
        "checkout without a card": scan_folder(folder / "checkout", cases["checkout"] | licensed),
        "folder without a card or an origin": scan_folder(folder / "alone", drop_origin(cases["checkout"]) | licensed),
        "GGUF file alone": scan_folder(folder / "gguf", cases["gguf"]),
    }
    rows, absent = [], []
    for name, report in reports.items():
        for listed in report.elements:
            words = Counter(
                each.sources[0].confidence for each in listed.elements if each.state is ElementState.PRESENT
            )
            rows.append(
                [
                    f"{name}: {listed.id}",
                    *(str(listed.count(state)) for state in ElementState),
                    *(str(words[word]) for word in ("verified", "found", "declared", "run")),
                    "" if listed.score is None else f"{listed.score:.1f}",
                ]
            )
            absent += [
                f"- {name}, {listed.id}: {each.id} {each.name}. {each.why}"
                for each in listed.elements
                if each.state in (ElementState.PARTLY, ElementState.ABSENT) and (name, listed.id) == ("full card", "g7")
            ]
    head = [
        "",
        "present",
        "partly",
        "absent",
        "not automatable",
        "verified",
        "found",
        "declared",
        "of the run",
        "score",
    ]
    lines = [
        "## Minimum elements\n",
        "An element counts by its strongest source: verified, found in a file that a program depends on, declared by "
        "the publisher, or a fact of the run itself ([the models](../document_cases/repositories.yaml)).\n",
        *render_table(head, rows),
        *absent,
        *([""] if absent else []),
    ]
    full, *bare = reports.values()
    lists = {each.id: each for each in full.elements}
    absent_count = lists["g7"].count(ElementState.ABSENT) if "g7" in lists else None
    return lines, [
        _compare_score("OWASP score with a full card", full, _FULL_LEAST),
        *(
            _compare_score(f"OWASP score of a {name}", report, _BARE_LEAST)
            for name, report in zip(list(reports)[1:], bare, strict=True)
        ),
        Figure("automatable elements of the G7 absent with a full card", str(absent_count), "0", absent_count == 0),
        Figure.compare("contradictions of the full card", len(full.description.contradictions), 0),
    ]


def _compare_score(label: str, report: AuditReport, least: float) -> Figure:
    """Return the figure of the score of OWASP."""
    score = next((each.score for each in report.elements if each.id == "owasp"), None)
    return Figure(label, str(score), f"at least {least}", score is not None and score >= least)


def scan_from_hub(folder: Path, model: Mapping[str, Any], dataset: Mapping[str, str]) -> AuditReport:
    """Scan a model of the Hub that has a full card; the Hub has its data set too."""
    written = folder / "heron-7m"
    write_repository(written, model)
    with LoopbackHub() as hub:
        home = str(folder / "home")
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": home, "HF_HUB_CACHE": f"{home}/hub"}
        hub.add_repository("lakeside/river-logs", dataset, kind="dataset")
        hub.add_repository("lakeside/egret-7m", {"README.md": "---\nlicense: apache-2.0\n---\n# Egret\n"})
        hub.add_repository("lakeside/heron-7m", written)
        policy = folder / "modelaudit.yaml"
        policy.write_text(_POLICY, encoding="utf-8")
        return modelaudit.scan("lakeside/heron-7m", policy=policy, second_opinion=False)


def scan_folder(folder: Path, model: Mapping[str, Any]) -> AuditReport:
    """Scan a folder that has weights and configurations, and no card."""
    write_repository(folder, model)
    return modelaudit.scan(folder, offline=True, second_opinion=False)
