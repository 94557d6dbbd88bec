"""Compare how this and other tools recognise licence texts, changed licence texts, and texts that are no licence.

``python benchmarks/licenses.py --write`` measures texts that dependencies and the system ship, with labels of their own
metadata. ``--texts FOLDER`` adds vendors' texts, laid out as ``rules/fingerprints/derive.py`` reads them: they are in
no file of this project. Each section is a function in ``SECTIONS`` that takes a ``Bench`` and yields lines.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from figures import add_options, describe_machine, publish_report, render_table
from license_cases import render_cases
from license_held import Held
from license_repositories import render_thousand, render_traps
from license_texts import (
    LicenseText,
    change_text,
    collect_common_texts,
    collect_folder_texts,
    collect_package_texts,
    collect_pattern_texts,
    collect_prose,
    write_text_repository,
)
from scanners import PEERS, clean_environment, make_environment, read_version

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, TextMatch, recognise_texts
from modelaudit.licenses.recognition.standard import normalize_spdx_id
from modelaudit.model.terms import LicenseCategory

RESULTS = "licenses.md"
TOOLS = ("licenseclassifier", "promptfoo", "aisbom")
"""In the order of the tables; the first runs in our own environment, for it is a dependency."""
_OPEN = (LicenseCategory.PUBLIC_DOMAIN, LicenseCategory.PERMISSIVE)
_PERMISSIVE_NAMES = ("mit", "apache", "bsd", "isc", "zlib", "unlicense", "cc0", "0bsd", "x11")
_TIMEOUT = 3600


@dataclass
class Bench:
    """The input of every section.

    Attributes:
        folder: the folder of environments and downloads.
        pythons: the interpreter of each tool; a tool that cannot be installed is missing.
        texts: the texts of each group.
        held: texts that no fingerprint was made from, and sentences of others.
    """

    folder: Path
    pythons: dict[str, str]
    texts: dict[str, list[LicenseText]] = field(default_factory=dict)
    held: Held = field(default_factory=lambda: Held(None))

    @cached_property
    def known(self) -> frozenset[str]:
        """The ids of the licences in the rule set, and of those that only have a fingerprint."""
        return frozenset(load_catalogue().licenses) | load_fingerprints().licenses

    def recognise(self, text: str) -> tuple[TextMatch, ...]:
        """Recognise the licences in one text."""
        return recognise_texts(text, load_fingerprints(), self.known)

    def ask_tool(self, tool: str, texts: Sequence[str]) -> list[list[str]]:
        """Return the licence names that another tool reports for each text, as the licence file of a model."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(write_text_repository(Path(folder) / str(number), text)) for number, text in enumerate(texts)]
            process = subprocess.run(
                [self.pythons[tool], str(PEERS / "license_worker.py"), tool], input="\n".join(paths) + "\n",
                cwd=PEERS, env=clean_environment(self.pythons[tool]), capture_output=True, text=True, timeout=_TIMEOUT,
                check=False,
            )  # fmt: skip
        rows = [json.loads(line) for line in process.stdout.splitlines()]
        answers = {row["path"]: row["licenses"] for row in rows if "path" in row}
        return [answers.get(path, ["failed: no answer"]) for path in paths]

    def is_permissive(self, name: str) -> bool:
        """Whether a name is that of a permissive or public-domain licence."""
        entry = load_catalogue().licenses.get(normalize_spdx_id(name))
        if entry is not None:
            return entry.category in _OPEN
        return name.lower().startswith(_PERMISSIVE_NAMES)


def _strip_later_versions(id_: str) -> str:
    """Strip ``-only`` or ``-or-later`` from an id, because a licence text does not state which one applies."""
    return re.sub(r"-(?:only|or-later)$", "", id_)


def _judge_own_answer(matches: Sequence[TextMatch], license_id: str) -> str:
    """Compare the recognised licences of a text with its label, without regard to later versions.

    Return ``right`` or ``wrong`` for an exact match, ``others`` if it has the label beside licences that the label does
    not name, ``variant`` for the right licence reported as changed, ``like`` for another licence reported as changed,
    and ``missed`` if nothing was recognised.
    """
    expected = _strip_later_versions(license_id)
    licenses = [match for match in matches if not match.policy]
    exact = {_strip_later_versions(match.id) for match in licenses if match.likeness is Likeness.EXACT}
    if exact:
        return _judge_names(exact, expected)
    if not licenses:
        return "missed"
    recognised = {_strip_later_versions(match.id) for match in licenses}
    return "variant" if expected in recognised else "like"


def _judge_their_answer(names: Sequence[str], license_id: str) -> str:
    """Return ``right``, ``others``, ``wrong`` or ``missed`` for the licence names of another tool."""
    ids = {_strip_later_versions(normalize_spdx_id(name)) for name in names if not name.startswith("failed")}
    if not ids:
        return "missed"
    return _judge_names(ids, _strip_later_versions(license_id))


def _judge_names(names: Set[str], expected: str) -> str:
    """Compare the named licences with the label, which may name only one of several texts in a file."""
    return "right" if names == {expected} else "others" if expected in names else "wrong"


def _render_comparison(bench: Bench, texts: Sequence[LicenseText]) -> Iterator[str]:
    """Render a table of the answers of every tool for these texts."""
    rows = [
        (
            "ours",
            [_judge_own_answer(bench.recognise(each.text), each.license_id) for each in texts],
            _count_own_wrongly_permissive(bench, texts),
        )
    ]
    for tool in bench.pythons:
        answers = bench.ask_tool(tool, [each.text for each in texts])
        pairs = list(zip(answers, texts, strict=True))
        verdicts = [_judge_their_answer(names, each.license_id) for names, each in pairs]
        rows.append((tool, verdicts, sum(_is_wrongly_permissive(bench, names, each) for names, each in pairs)))
    table_rows = []
    for tool, verdicts, wrong in rows:
        count = Counter(verdicts)
        kinds = ("right", "others", "variant", "like", "missed", "wrong")
        numbers = (*(count[kind] for kind in kinds), wrong)
        table_rows.append((tool, str(len(texts)), *map(str, numbers)))
    answers = ("right", "right, and others", "right, as changed", "like another", "missed", "wrong")
    yield from render_table(("tool", "texts", *answers, "wrongly permissive"), table_rows)


def _is_wrongly_permissive(bench: Bench, names: Sequence[str], text: LicenseText) -> bool:
    """Whether a tool reports a permissive licence that the text is not; beside the label it is that of another text."""
    if _judge_their_answer(names, text.license_id) == "others":
        return False
    return any(
        bench.is_permissive(name)
        for name in names
        if _strip_later_versions(normalize_spdx_id(name)) != _strip_later_versions(text.license_id)
    )


def _count_own_wrongly_permissive(bench: Bench, texts: Sequence[LicenseText]) -> int:
    """Count the texts that our recognition takes for a permissive licence that they are not."""
    count = 0
    for text in texts:
        matches = bench.recognise(text.text)
        names = [match.id for match in matches if match.likeness is Likeness.EXACT and not match.policy]
        count += _is_wrongly_permissive(bench, names, text)
    return count


def render_standard_texts(bench: Bench) -> Iterator[str]:
    """Render the answers of all tools for the texts of standard licences."""
    one_each: dict[str, LicenseText] = {}
    for each in (*bench.texts["common"], *bench.texts["pattern"], *bench.texts["package"]):
        if each.license_id in bench.known:
            one_each.setdefault(_strip_later_versions(each.license_id), each)
    yield from ("## Standard texts", "")
    yield f"One of each of {len(one_each)} licences, as Debian, patterns of licenseclassifier or an installed package"
    yield f"have it: {', '.join(sorted(each.license_id for each in one_each.values()))}."
    yield "The label is that of the file, pattern or package. No text states if later versions may be chosen. Patterns"
    yield "hold more than one form of a text at once, so a text made from them differs from each form."
    yield "“Right, and others” is the label beside further licences: files of some packages hold texts of parts too."
    yield "The library that they are of knows its own, of course: the packages below are the fairer comparison."
    yield ""
    yield from _render_comparison(bench, list(one_each.values()))
    yield f"All {len(bench.texts['package'])} installed packages that name one licence and ship one licence file:"
    yield ""
    yield from _render_comparison(bench, bench.texts["package"])
    if bench.texts["standard"]:
        yield "The texts behind the fingerprints:"
        yield ""
        yield from _render_comparison(bench, bench.texts["standard"])


def render_model_texts(bench: Bench) -> Iterator[str]:
    """Render the answers of all tools for the texts of AI licences."""
    yield from ("## Texts of AI licences", "")
    if not bench.texts["ai"]:
        yield from ("Not measured: no folder of texts was given.", "")
        return
    yield "The fingerprints were made of these texts, so the figures show that the tools distinguish them, and not how"
    yield "well they recognise other copies. A text that was not compared with its source byte for byte is called a"
    yield "variant."
    yield ""
    yield from _render_comparison(bench, bench.texts["ai"])


def render_edited_texts(bench: Bench) -> Iterator[str]:
    """Render how many texts with a sentence added or removed are still taken for the unchanged licence."""
    sources = [each for group in ("common", "package", "pattern", "standard", "ai") for each in bench.texts[group]]
    unique = {each.text: each for each in sources}
    cases = []  # (kind of change, changed text, licence of the original)
    for number, source in enumerate(unique.values()):
        cases += [(change, text, source.license_id) for change, text in change_text(source, number)]
    yield from ("## A sentence added or taken out", "")
    yield f"{len(unique)} texts, each with a restricting sentence added in three places, thrice without one of its own."
    yield "The columns count the changed texts that are still called the licence itself."
    yield ""
    rows = []
    for change in ("added", "removed"):
        chosen = [(text, license_id) for kind, text, license_id in cases if kind == change]
        ours = sum(_judge_own_answer(bench.recognise(text), license_id) == "right" for text, license_id in chosen)
        answers = bench.ask_tool("licenseclassifier", [text for text, _ in chosen])
        theirs = sum(
            _judge_their_answer(names, license_id) == "right"
            for names, (_, license_id) in zip(answers, chosen, strict=True)
        )
        rows.append((f"a sentence {change}", str(len(chosen)), str(ours), str(theirs)))
    yield from render_table(("change", "texts", "ours", "licenseclassifier"), rows)


def _names_a_license(names: Sequence[str]) -> bool:
    """Whether another tool reports a licence for a text; a failure of the tool is listed among the names."""
    return any(not name.startswith("failed") for name in names)


def render_policy_texts(bench: Bench) -> Iterator[str]:
    """Render how each tool answers for use policies, which are no licences."""
    yield from ("## Use policies", "")
    if not bench.texts["policy"]:
        yield from ("Not measured: no folder of texts was given.", "")
        return
    texts = bench.texts["policy"]
    right = called_license = 0
    for text in texts:
        matches = bench.recognise(text.text)
        right += any(match.policy and match.id == text.license_id for match in matches)
        called_license += any(not match.policy for match in matches)
    rows = [("ours", str(len(texts)), str(right), str(called_license))]
    for tool in bench.pythons:
        answers = bench.ask_tool(tool, [each.text for each in texts])
        called_license = sum(map(_names_a_license, answers))
        rows.append((tool, str(len(texts)), "", str(called_license)))
    yield from render_table(("tool", "policies", "named", "called a licence"), rows)


def render_ordinary_prose(bench: Bench) -> Iterator[str]:
    """Render which ordinary texts each tool takes for a licence."""
    texts = bench.texts["prose"]
    begun = time.perf_counter()
    answers = [(each, bench.recognise(each.text)) for each in texts]
    seconds = time.perf_counter() - begun
    size = sum(len(each.text) for each in texts)
    alarmed = [(each, matches) for each, matches in answers if matches]
    yield from ("## Ordinary texts", "")
    yield f"{len(texts)} README, CHANGELOG, EULA, like files and descriptions, {size // 1000} kB, in {seconds:.1f} s."
    exact = sum(any(match.likeness is Likeness.EXACT for match in matches) for _, matches in alarmed)
    yield f"Called a licence: {exact}. Reported to hold a text that resembles one: {len(alarmed)}, which are:"
    yield ""
    for each, matches in alarmed:
        listed = ", ".join(f"{match.id} (line {match.line}, {match.share:.2f})" for match in matches[:3])
        yield f"- {each.place}: {listed}"
    yield ""
    rows = [("ours", str(len(texts)), str(exact))]
    for tool in bench.pythons:
        names_of_texts = bench.ask_tool(tool, [each.text for each in texts])
        called_license = sum(map(_names_a_license, names_of_texts))
        rows.append((tool, str(len(texts)), str(called_license)))
    yield from render_table(("tool", "texts", "called a licence"), rows)


def render_speed(bench: Bench) -> Iterator[str]:
    """Render the CPU time of recognition alone, for texts that no cache contains."""
    groups = ("common", "package", "pattern", "standard", "ai", "policy")
    texts = list(dict.fromkeys(each.text for group in groups for each in bench.texts[group]))
    yield from ("## Time", "")
    for kind, end in (
        ("not seen before", "\n"),
        ("with one word added, so that all that is like them is compared", "\nx\n"),
    ):
        # The sections before have recognised the texts themselves, whose results may be cached.
        fresh = [text + 3 * end for text in texts]
        begun = time.process_time()
        for text in fresh:
            bench.recognise(text)
        seconds, size = time.process_time() - begun, sum(map(len, fresh))
        milliseconds = 1000 * seconds * 10_000 / size
        figures = f"{seconds:.2f} s of CPU time, {milliseconds:.1f} ms for 10 kB"
        yield f"- {len(fresh)} texts {kind}, {size // 1000} kB: {figures}"
    yield ""


def render_written_cases(bench: Bench) -> Iterator[str]:
    """Render the answers to cases whose expectations were written before the first run."""
    return render_cases(bench.held)


SECTIONS: list[Callable[[Bench], Iterator[str]]] = [
    render_standard_texts,
    render_model_texts,
    render_traps,
    render_edited_texts,
    render_policy_texts,
    render_ordinary_prose,
    render_speed,
    render_thousand,
    render_written_cases,
]
"""Further sections are appended here: each takes the ``Bench`` and yields lines of Markdown."""


def main() -> None:
    """Run every section, print the report, and write it with ``--write``."""
    parser = add_options(__doc__ or "", RESULTS)
    texts = os.environ.get("TEXTS")
    parser.add_argument("--texts", type=Path, default=Path(texts) if texts else None, help="a folder of licence texts")
    held = os.environ.get("TEXTS_HELD")
    parser.add_argument("--held", type=Path, default=Path(held) if held else None, help="a folder of held-out texts")
    chosen = parser.parse_args()
    pythons = {"licenseclassifier": make_environment("ours", chosen.folder / "peers")}
    pythons |= {tool: make_environment(tool, chosen.folder / "peers") for tool in TOOLS[1:]}
    bench = Bench(chosen.folder, {tool: python for tool, python in pythons.items() if python is not None})
    bench.held = Held(chosen.held)
    for each in (
        *collect_common_texts(),
        *collect_package_texts(),
        *collect_pattern_texts(),
        *collect_prose(),
        *(collect_folder_texts(chosen.texts) if chosen.texts else ()),
    ):
        bench.texts.setdefault(each.group, []).append(each)
    for group in ("common", "package", "pattern", "standard", "ai", "policy", "prose"):
        bench.texts.setdefault(group, [])
    peers = ", ".join(f"{tool} {read_version(tool)}" for tool in bench.pythons if tool in TOOLS[1:])
    lines = ["# Licence texts", "", f"{describe_machine('bench-licenses')}ours {modelaudit.__version__}, {peers}.", ""]
    for section in SECTIONS:
        lines += section(bench)
    publish_report("\n".join(lines), RESULTS, chosen.write)


if __name__ == "__main__":
    main()
