"""Measure the answers on licences with cases whose expectations were written before the first run.

``benchmarks/license_cases/`` holds the cases: sentences, pairs of text and use, file names, layouts and whole
repositories. Texts and sentences of others are in no file of this project: ``TEXTS_HELD=FOLDER`` names a folder with
``harmless/``, ``answer-texts/``, ``texts/``, ``strangers/`` and ``packages/``. Run alone, this module prints its
sections and lists every case that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from license_documents import FORMS
from license_held import Failure, Held, Tally, fold_id, load_cases, render_counts
from license_packages import COMPARED, draw_packages, read_package, strip_later_versions
from license_strangers import measure_strangers
from licenseclassifier import identify_license

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, recognise_texts
from modelaudit.licenses.recognition.standard import normalize_spdx_id
from modelaudit.model.license import ConclusionState
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, Answer, Use

_MODEL = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"
_CONFIG = '{"architectures": ["AcmeForCausalLM"], "model_type": "acme"}'
_ANSWERS = {"allowed": Answer.ALLOW, "denied": Answer.DENY, "review": Answer.REVIEW}
_USES = {"host-as-service": Use.HOSTED_SERVICE, "modify": Use.FINE_TUNE, "host": Use.HOSTED_SERVICE}
_FIELDS = {"medical": "medical-advice", "law-enforcement": "legal-decisions"}
_PLAIN_USE: Mapping[str, object] = {"commercial": True, "redistribute": True, "fine-tune": True, "territory": ["US"]}
"""The planned use of a case that states none: each permissive licence allows it."""
_WHOLE_USE: Mapping[str, object] = {**dict.fromkeys(Use, False), "field": "general"}
"""The rest of a planned use, as an organisation states it once the tool asks: nothing else, and in no special field."""
_TEXT_MARK = re.compile(r"\{\{text:([^{}]+)\}\}")
_COMMENT_PLACES = {"code-head": "modeling_acme.py"}
_PLACES = {
    "card": "README.md", "readme-subfolder": "weights/README.md", "notice": "NOTICE", "txt": "notes.txt",
    "license": "LICENSE-NOTE.txt", "readme": "README_en.md", **_COMMENT_PLACES,
}  # fmt: skip


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a repository with these files, a configuration and empty weights; return ``folder``."""
    for name, content in {"config.json": _CONFIG, "model.safetensors": _MODEL, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return folder


def answer(folder: Path, use: Mapping[str, Any], path: str = "") -> AuditReport:
    """Answer the planned use, in the words of the cases, for the model in ``folder``.

    A use for which the tool has no option, such as the kind of organisation, cannot be stated and is left out.
    """
    uses: dict[str, bool] = {}
    stated: dict[str, Any] = {}
    for key, value in use.items():
        if key in ("territory", "territories"):
            stated["territories"] = [value] if isinstance(value, str) else list(value)
        elif key in ("monthly-active-users", "annual-revenue-usd"):
            stated[key.replace("-", "_")] = float(value)
        elif key == "field":
            named = _FIELDS.get(str(value), value)
            stated["field"] = named if named in load_catalogue().clauses.fields else None
        elif key == "purpose":
            uses[str(value)] = True
        elif key in _USES or key in set(Use):
            uses[str(_USES.get(key, key))] = bool(value)
    if path:
        stated["path"] = path
    return modelaudit.license(folder, offline=True, uses=uses, **stated)


def get_reason(report: AuditReport) -> str:
    """Return the first reason of an answer."""
    reasons = [each.because for each in report.license.answers if each.answer is not Answer.ALLOW]
    return (reasons or [report.decision.use.reason])[0]


def build_card(declared: str, body: str = "") -> str:
    """Build a model card that declares a licence."""
    head = f"---\nlicense: {declared}\n---\n# Acme model\n\nA small model of Acme for tests of language.\n\n"
    return f"{head}{body}\n"


def place_sentence(case: Mapping[str, Any]) -> dict[str, str]:
    """Build the files of a repository that hold the sentence of a case in its place."""
    text = str(case.get("text") or case.get("sentence"))
    declared, place = str(case["declared"]), str(case.get("place", "card"))
    if place == "model-card-yaml-extra":
        quoted = json.dumps(text, ensure_ascii=False)
        card = f"---\nlicense: {declared}\nextra_gated_prompt: {quoted}\n---\n# Acme model\n"
        return {"README.md": card}
    if place == "card":
        return {"README.md": build_card(declared, text)}
    name = _PLACES[place]
    is_bare = place in _COMMENT_PLACES and not text.startswith("#")
    lines = "".join(f"# {line}\n" for line in text.splitlines()) if is_bare else f"{text}\n"
    code = "\nimport math\n" if place in _COMMENT_PLACES else ""
    return {"README.md": build_card(declared), name: lines + code}


def _list_permitting(names: Sequence[str]) -> dict[str, Answer | None]:
    """Return the answer for the plain use under each declared licence without any sentence."""
    answers = {}
    for name in dict.fromkeys(names):
        with tempfile.TemporaryDirectory() as root:
            answers[name] = answer(
                write_files(Path(root), {"README.md": build_card(name)}), _PLAIN_USE
            ).license.permission
    return answers


def measure_sentences(cases: Sequence[Mapping[str, Any]], *, is_alarm_right: bool) -> Tally:
    """Count the sentences that keep the permission of their licence from being shown.

    A case whose licence does not permit the use without the sentence shows nothing, and is counted apart.
    """
    tally = Tally()
    without = _list_permitting([str(case["declared"]) for case in cases])
    for case in cases:
        if without[str(case["declared"])] is not Answer.ALLOW:
            tally.add("shows nothing")
            continue
        with tempfile.TemporaryDirectory() as root:
            files = place_sentence(case)
            report = answer(write_files(Path(root), files), {**_PLAIN_USE, **case.get("use", {})})
        is_alarm = report.license.permission is not Answer.ALLOW
        tally.add("alarm" if is_alarm else "silent")
        if is_alarm is not is_alarm_right:
            text = " ".join(str(case.get("text") or case.get("sentence")).split())
            tally.failures.append(
                Failure(
                    str(case["id"]),
                    "alarm" if is_alarm_right else "silence",
                    str(report.license.permission),
                    f"{get_reason(report)} <- {text}" if is_alarm else text,
                )
            )
    return tally


def _judge(tally: Tally, case: Mapping[str, Any], report: AuditReport) -> None:
    """Count the answer of one case: right, undecided, too permissive or too strict."""
    permission = report.license.permission
    id_, expected = str(case["id"]), str(case["expected"])
    wanted = _ANSWERS[expected]
    others = case.get("also_ok") or ()
    also_right = [_ANSWERS[each] for each in ([others] if isinstance(others, str) else others)]
    # Where an expert may deny or leave it open, only a permission is a fault.
    if case.get("must_not") == "allowed":
        also_right += [Answer.DENY, Answer.REVIEW]
    if permission in (wanted, *also_right):
        tally.add("right")
        return
    if permission is Answer.ALLOW:
        tally.add("too permissive")
    elif permission is Answer.DENY:
        tally.add("too strict" if wanted is Answer.ALLOW else "denied, and a person was expected to decide")
    else:
        tally.add("undecided")
    tally.failures.append(Failure(id_, expected, str(permission), get_reason(report)))


def measure_answers(held: Held) -> Tally:
    """Answer each pair of a licence text and a planned use."""
    tally = Tally()
    licenses = load_catalogue().licenses
    by_name = {fold_id(key): entry for key, entry in licenses.items()}
    for case in load_cases("answers")["answers"]:
        name = fold_id(str(case["license"]))
        text = held.texts.get(name)
        if text is None:
            tally.add("no text")
            continue
        entry = by_name.get(name)
        is_standard = entry is not None and not entry.id.startswith("LicenseRef-")
        head = f"license: {entry.hub_ids[0] if entry and entry.hub_ids else name}" if is_standard else ""
        head = head or f"license: other\nlicense_name: {name}\nlicense_link: LICENSE"
        files = {"README.md": f"---\n{head}\n---\n# Acme model\n", "LICENSE": text}
        with tempfile.TemporaryDirectory() as root:
            _judge(tally, case, answer(write_files(Path(root), files), {**_WHOLE_USE, **case["use"]}))
    return tally


def fill_texts(content: str, held: Held) -> str:
    """Replace each ``{{text:ID}}`` by the text of that licence.

    Raises:
        KeyError: the folder has no such text.
    """
    return _TEXT_MARK.sub(lambda mark: held.texts[fold_id(mark[1])], content)


def measure_repositories(held: Held, name: str) -> Tally:
    """Answer for the whole repositories of a file of cases."""
    tally = Tally()
    for case in load_cases(name)["repositories"]:
        try:
            files = {path: fill_texts(content, held) for path, content in case["files"].items()}
        except KeyError:
            tally.add("no text")
            continue
        with tempfile.TemporaryDirectory() as root:
            report = answer(write_files(Path(root), files), {**_WHOLE_USE, **(case.get("use") or _PLAIN_USE)})
        _judge(tally, case, report)
    return tally


def measure_places(held: Held) -> Tally:
    """Put each restricting text under each name and in each layout beside an Apache card and text.

    None may be allowed, unless the place says that the text covers something else.
    """
    tally = Tally()
    cases = load_cases("names")
    apache = held.texts.get("apache-2.0", "")
    for case in (*cases["names"], *cases["layouts"]):
        covers_else = case.get("covers") == "else"
        for key, restricting in cases["texts"].items():
            try:
                text = fill_texts(restricting["text"], held)
            except KeyError:
                tally.add("no text")
                continue
            path = str(case.get("path") or case["name"])
            files = {"README.md": build_card("apache-2.0"), "LICENSE": apache, path: FORMS[case.get("form", "")](text)}
            with tempfile.TemporaryDirectory() as root:
                report = answer(write_files(Path(root), files), {**_WHOLE_USE, **restricting["use"]})
            is_allowed = report.license.permission is Answer.ALLOW
            is_right = is_allowed is covers_else
            tally.add("right" if is_right else "wrongly allowed" if is_allowed else "wrongly withheld")
            if not is_right:
                expected = "allowed" if covers_else else "not allowed"
                tally.failures.append(
                    Failure(f"{case['id']} {key} {path}", expected, str(report.license.permission), get_reason(report))
                )
    return tally


def measure_texts(held: Held) -> Tally:
    """Name each held-out copy of an AI licence: the folder is the expected id, and ``.variant`` means other clauses."""
    tally = Tally()
    folder = held.folder / "texts" if held.folder else Path()
    licenses = load_catalogue().licenses
    new_ids = folder / "new-ids.yaml"
    others = yaml.safe_load(new_ids.read_text(encoding="utf-8")) if new_ids.is_file() else {}
    for path in sorted(folder.rglob("*.txt")):
        label = path.parent.name.removesuffix(".variant")
        expected = others.get(label, "") if "_new" in path.parts else label
        expected = next((id_ for id_, entry in licenses.items() if expected in entry.aliases), expected)
        is_policy = "policy" in label
        if "_new" not in path.parts and not label.startswith("LicenseRef-"):
            continue  # a standard licence; the packages measure those
        matches = recognise_texts(path.read_text(encoding="utf-8", errors="replace"), load_fingerprints(), licenses)
        exact = [match.id for match in matches if match.likeness is Likeness.EXACT]
        near = [match.id for match in matches]
        if expected in exact or (is_policy and any(match.policy for match in matches)):
            answer = "named"
        elif exact and expected:
            answer = "another licence of the family named"
        elif expected in near:
            answer = "right variant"
        else:
            answer = "likened to another" if near else "no name" if expected else "no name, and no rule"
        tally.add(answer)
        if any(licenses[id_].category in PERMISSIVE_CATEGORIES for id_ in exact if id_ in licenses) and (
            expected not in exact
        ):
            tally.add("called permissive")
    return tally


def measure_packages(held: Held) -> Tally:
    """Conclude the licence of each package of ``packages/`` by its licence file alone; its metadata are the label.

    Packages that state no single licence, or ship another number of licence files than one, are left out. Metadata may
    be wrong: where ``licenseclassifier`` reads the text as we do, the label is counted apart.
    """
    tally = Tally()
    for folder in sorted((held.folder or Path()).glob("packages/*")):
        labels, files = read_package(folder)
        if not labels or len(files) != 1:
            continue
        with tempfile.TemporaryDirectory() as root:
            content = files[0].read_bytes()
            own = answer(write_files(Path(root), {files[0].name: content}), _PLAIN_USE).license
        found = {strip_later_versions(each) for each in own.own}
        if own.state is ConclusionState.CONCLUDED and found and found <= labels:
            tally.add("named")
        elif own.state is ConclusionState.CONCLUDED:
            seen = {normalize_spdx_id(each.id) for each in identify_license(content.decode("utf-8", "replace"))}
            agrees = {strip_later_versions(each) for each in seen} >= found
            tally.add("text is not what the metadata says" if agrees else "wrong")
        else:
            tally.add("for a person to read")
    return tally


def measure_drawn_packages() -> Tally:
    """Conclude the licences of drawn packages by all their licence files, without the metadata.

    The concluded licences are right if they are those of the metadata. Others are counted apart where
    ``licenseclassifier`` reads them in the files too, or a person did (``COMPARED``): a label may be wrong, or leave
    out what is bundled.
    """
    tally = Tally()
    for package in draw_packages():
        with tempfile.TemporaryDirectory() as root:
            own = answer(write_files(Path(root), package.files), _PLAIN_USE).license
        found = {strip_later_versions(each) for each in own.own}
        text = "\n".join(content.decode("utf-8", "replace") for content in package.files.values())
        seen = {strip_later_versions(normalize_spdx_id(each.id)) for each in identify_license(text)}
        if own.state is not ConclusionState.CONCLUDED:
            name = "for a person to read"
        elif found == package.labels or (package.is_choice and found <= package.labels):
            name = "named"
        else:
            others = seen | package.labels | COMPARED.get(package.name, frozenset())
            name = "named, and the metadata name others" if found <= others else "wrong"
        tally.add(name)
        if name != "named":
            labels = ", ".join(sorted(package.labels))
            tally.failures.append(Failure(package.name, labels, f"{name}: {', '.join(sorted(found))}", ""))
    return tally


def measure_all(held: Held) -> Iterator[tuple[str, Tally]]:
    """Yield the title and the counts of each section whose cases are there."""
    yield "Restricting sentences", measure_sentences(load_cases("restricting"), is_alarm_right=True)
    second = load_cases("restricting_second")
    yield "Restricting sentences, second author", measure_sentences(second, is_alarm_right=True)
    yield "Harmless sentences about licences", measure_sentences(load_cases("licensing"), is_alarm_right=False)
    if harmless := held.list_harmless():
        yield "Harmless sentences", measure_sentences(harmless, is_alarm_right=False)
    yield "Pairs of text and use", measure_answers(held)
    yield "File names and layouts", measure_places(held)
    yield "Whole repositories", measure_repositories(held, "repositories")
    yield "Repositories of honest publishers", measure_repositories(held, "honest")
    yield "Repositories of honest publishers, second set", measure_repositories(held, "honest_second")
    yield "Repositories that hide a restriction", measure_repositories(held, "hidden")
    if (drawn := measure_drawn_packages()).counts:
        yield "Licence files of packages drawn by seed", drawn
    if held.folder is not None:
        yield "Held-out copies of AI licences", measure_texts(held)
        yield "Terms of strangers", measure_strangers(held)
        yield "Licence files of packages", measure_packages(held)


def render_cases(held: Held) -> Iterator[str]:
    """Render the counts of every section as a table."""
    yield from ("## Cases whose expectations came first", "")
    yield from render_counts((title, tally.counts) for title, tally in measure_all(held))
    first = load_cases("first_run")
    yield f"The same at the first run, on {first['date']}, when these cases were new:"
    yield ""
    yield from render_counts((row["section"], row["counts"]) for row in first["rows"])


def main() -> None:
    """Print the counts of every section, and its failures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    held = os.environ.get("TEXTS_HELD")
    parser.add_argument("--held", type=Path, default=Path(held) if held else None, help="a folder of texts of others")
    for title, tally in measure_all(Held(parser.parse_args().held)):
        sys.stdout.write(f"\n{title}: {tally.counts}\n")
        for each in tally.failures:
            sys.stdout.write(f"  {each.id}: expected {each.expected}, got {each.answer}: {each.reason}\n")


if __name__ == "__main__":
    main()
