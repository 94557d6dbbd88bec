"""The files of ``rules/fingerprints/``: mistakes are refused, and the shipped ones are consistent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.document import read_document
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.catalogue.schema import Shape
from modelaudit.catalogue.terms import LicenseFile
from modelaudit.model.errors import ConfigurationError

RULES = Path(__file__).parents[2] / "rules"
# The triples are numbers of 32 bits in base64: 1 and 2. The first of them marks the licence.
FINGERPRINT_FILE = """fingerprints:
  - id: x
    of: LicenseRef-X
    source: "a page"
    date: 2026-01-31
    words: 4
    optional: [[0, 1]]
    marks: |
      AAAAAQ==
    triples: |
      AAAAAQ
      AAAAI=
"""


def write_fingerprints(folder: Path, text: str) -> Path:
    """Write ``fingerprints/x.yaml`` into a rule folder."""
    (folder / "fingerprints").mkdir()
    (folder / "fingerprints" / "x.yaml").write_text(text, encoding="utf-8")
    return folder


def test_loaded_fingerprint_has_the_fields_of_its_file(tmp_path: Path) -> None:
    (item,) = load_fingerprints(write_fingerprints(tmp_path, FINGERPRINT_FILE)).items
    assert (item.id, item.license_id, item.words, list(item.triples), item.marks) == (
        "x",
        "LicenseRef-X",
        4,
        [1, 2],
        (1,),
    )
    assert (item.optional, item.slots, item.is_from_owner, item.is_use_policy) == (((0, 1),), (), True, False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fingerprints:\n", "texts:\n", "fingerprints/x.yaml:1: texts: is not a known key"),
        ("words: 4", "words: 5", "fingerprints/x.yaml:6: words: 5 words have 3 triples, not 2"),
        ("AAAAI=", "AAAA", "triples: is"),
        (
            "[[0, 1]]",
            "[[3, 9]]",
            "fingerprints/x.yaml:7: optional: the span from 3 to 9 is empty or exceeds the text of 4 words",
        ),
        ("[[0, 1]]", "[[2, 1]]", "optional: the span from 2 to 1"),
        ("words: 4", "words: 1", "fingerprints/x.yaml:6: fingerprints.0.words"),
        ("    of: LicenseRef-X\n", "", "of: is missing"),
        ("date: 2026-01-31", "date: today", "fingerprints/x.yaml:5: fingerprints.0.date"),
        ("source:", "sauce:", "sauce: is not a known key"),
    ],
)
def test_mistake_in_fingerprint_file_names_file_and_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in FINGERPRINT_FILE
    with pytest.raises(ConfigurationError) as caught:
        load_fingerprints(write_fingerprints(tmp_path, FINGERPRINT_FILE.replace(old, new)))
    assert message in str(caught.value)


def test_extra_folder_adds_fingerprints_and_cannot_repeat_an_id(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    write_fingerprints(mine, FINGERPRINT_FILE)
    write_fingerprints(theirs, FINGERPRINT_FILE)
    with pytest.raises(ConfigurationError, match="'x' is listed already, in this rule set or another"):
        load_fingerprints(mine, [theirs])
    (theirs / "fingerprints" / "x.yaml").rename(theirs / "fingerprints" / "y.yaml")
    (theirs / "fingerprints" / "y.yaml").write_text(FINGERPRINT_FILE.replace("id: x", "id: y"), encoding="utf-8")
    both = load_fingerprints(mine, [theirs])
    assert [item.id for item in both.items] == ["x", "y"]
    assert load_fingerprints(mine, [theirs]) is both
    assert load_fingerprints() is load_fingerprints()


def test_a_folder_that_changes_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_ids(folder: Path) -> set[str]:
        return {item.id for item in load_fingerprints(extra=[folder]).items} & {"x", "y", "z"}

    folder = write_fingerprints(tmp_path, FINGERPRINT_FILE)
    assert list_ids(folder) == {"x"}
    (folder / "fingerprints" / "x.yaml").write_text(FINGERPRINT_FILE.replace("id: x", "id: y"), encoding="utf-8")
    assert list_ids(folder) == {"y"}
    # A relative path leads to another folder from another working folder.
    for name in ("x", "z"):
        (tmp_path / name / "own").mkdir(parents=True)
        write_fingerprints(tmp_path / name / "own", FINGERPRINT_FILE.replace("id: x", f"id: {name}"))
        monkeypatch.chdir(tmp_path / name)
        assert list_ids(Path("own")) == {name}


def test_fingerprint_id_listed_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    twice = FINGERPRINT_FILE + FINGERPRINT_FILE.removeprefix("fingerprints:\n")
    with pytest.raises(ConfigurationError, match=r"x\.yaml:13: id: 'x' is listed already"):
        load_fingerprints(write_fingerprints(tmp_path, twice))


def test_rule_set_without_fingerprint_files_loads_an_empty_list(tmp_path: Path) -> None:
    assert load_fingerprints(tmp_path).items == ()


def test_catalogue_loads_even_if_a_fingerprint_file_of_the_rule_set_is_invalid(tmp_path: Path) -> None:
    assert "LicenseRef-X" in load_catalogue(extra=[write_rule_set(tmp_path)]).licenses


def write_rule_set(folder: Path) -> Path:
    """Write a rule set with one licence and an invalid file of fingerprints."""
    write_fingerprints(folder, "id: [broken")
    write_license(folder, "")
    return folder


def write_license(folder: Path, lines: str) -> Path:
    """Write the licence file of ``LicenseRef-X``, with ``lines`` at its end."""
    (folder / "licenses").mkdir()
    text = f"id: LicenseRef-X\nname: X Terms\ncategory: unknown\nurl: https://example.org/x\n{lines}"
    (folder / "licenses" / "LicenseRef-X.yaml").write_text(text, encoding="utf-8")
    return folder


def list_fingerprint_faults(rules: Path) -> list[str]:
    """List the licences of a rule set whose fingerprint was forgotten, or exists against their ``no-fingerprint``.

    A licence without ``read`` needs no fingerprint: its text was not read, so there was none to derive from.

    Returns:
        One message for each such licence, with the file, the line and the next step.
    """
    fingerprinted = load_fingerprints(rules).licenses
    shape, faults = Shape(LicenseFile), []
    for path in sorted((rules / "licenses").glob("[!_]*.yaml")):
        document = read_document(path, f"licenses/{path.name}")
        file = shape.read(document)
        if file.no_fingerprint and file.id in fingerprinted:
            message = f"no-fingerprint: {file.id} has a fingerprint; remove this key"
            faults.append(str(document.error(message, ("no-fingerprint",))))
        elif file.read and not file.no_fingerprint and file.id not in fingerprinted:
            message = (
                f"{file.id} was read and has no fingerprint; name its text in rules/fingerprints/_texts.yaml and run "
                f"`python rules/fingerprints/derive.py --texts FOLDER --date {file.read}`, or give the reason under "
                "no-fingerprint (docs/extending.md, A licence)"
            )
            faults.append(str(document.error(message, ("read",))))
    return faults


def test_shipped_licence_with_a_read_date_has_a_fingerprint_or_states_why_it_has_none() -> None:
    faults = list_fingerprint_faults(RULES)
    assert not faults, "\n".join(faults)


def test_licence_with_a_read_date_but_no_fingerprint_is_reported_with_the_command_that_derives_one(
    tmp_path: Path,
) -> None:
    (fault,) = list_fingerprint_faults(write_license(tmp_path, "read: 2026-01-31\n"))
    assert fault.startswith("licenses/LicenseRef-X.yaml:5: LicenseRef-X was read and has no fingerprint")
    assert "python rules/fingerprints/derive.py --texts FOLDER --date 2026-01-31" in fault


@pytest.mark.parametrize(
    "lines", ["", "read: 2026-01-31\nno-fingerprint: The text is on paper.\n"], ids=["not read", "reason given"]
)
def test_licence_needs_no_fingerprint_if_it_was_not_read_or_states_a_reason(lines: str, tmp_path: Path) -> None:
    assert list_fingerprint_faults(write_license(tmp_path, lines)) == []


def test_licence_file_with_the_key_no_fingerprint_is_reported_if_a_fingerprint_exists(tmp_path: Path) -> None:
    write_fingerprints(tmp_path, FINGERPRINT_FILE)
    assert list_fingerprint_faults(write_license(tmp_path, "read: 2026-01-31\n")) == []
    path = tmp_path / "licenses" / "LicenseRef-X.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "no-fingerprint: The text is on paper.\n", encoding="utf-8")
    assert list_fingerprint_faults(tmp_path) == [
        "licenses/LicenseRef-X.yaml:6: no-fingerprint: LicenseRef-X has a fingerprint; remove this key"
    ]


@pytest.mark.parametrize("value", ['""', "[paper]", ""], ids=["empty text", "list", "nothing"])
def test_key_no_fingerprint_of_a_licence_is_refused_unless_its_value_is_nonempty_text(
    value: str, tmp_path: Path
) -> None:
    folder = write_license(tmp_path, f"read: 2026-01-31\nno-fingerprint: {value}\n")
    with pytest.raises(ConfigurationError, match=r"licenses/LicenseRef-X\.yaml:6: no-fingerprint: must "):
        load_catalogue(extra=[folder])


def test_shipped_fingerprint_of_a_licenseref_that_is_no_use_policy_has_a_licence_file() -> None:
    """Every ``LicenseRef-`` fingerprint except those of policies needs an entry in ``rules/licenses``."""
    known = load_catalogue().licenses
    orphans = {
        item.license_id
        for item in load_fingerprints().items
        if item.license_id.startswith("LicenseRef-") and not item.is_use_policy
    }
    missing = sorted(orphans - known.keys())
    assert not missing, f"rules/fingerprints recognises {', '.join(missing)}: write rules/licenses/{missing[0]}.yaml"


def slug_folder(name: str) -> str:
    """Return the beginning of the ids of fingerprints of a folder of copies."""
    return re.sub(r"[^a-z0-9.+-]+", "-", Path(name).name.lower().removeprefix("licenseref-"))


def test_each_listed_text_has_a_shipped_fingerprint_and_each_fingerprint_a_listed_text() -> None:
    texts = yaml.safe_load((RULES / "fingerprints/_texts.yaml").read_text(encoding="utf-8"))
    # A folder of copies has one fingerprint, or several where copies have words of their own: "llama-2.copies2".
    listed = {*texts["texts"], *(f"{slug_folder(folder)}.copies" for folder in texts["copies"])}
    derived = {re.sub(r"\.copies[0-9]+$", ".copies", item.id) for item in load_fingerprints().items}
    underived, unlisted = sorted(listed - derived), sorted(derived - listed)
    assert not underived, f"_texts.yaml lists {', '.join(underived)}: run rules/fingerprints/derive.py on the text"
    assert not unlisted, f"rules/fingerprints/_texts.yaml does not list {', '.join(unlisted)}: add the entry"


def test_shipped_fingerprint_has_only_allowed_keys_and_titles_and_versions_of_at_most_24_words() -> None:
    """A phrase is short, and the text itself is stored as triples only, so that a fingerprint reproduces no text."""
    for path in sorted((RULES / "fingerprints").glob("[!_]*.yaml")):
        for entry in yaml.load(path.read_bytes(), yaml.CSafeLoader)["fingerprints"]:
            for key in ("titles", "versions"):
                assert all(len(phrase.split()) <= 24 for phrase in entry.get(key, ())), entry["id"]
            assert set(entry) <= {
                *("id", "of", "policy", "notice", "exception", "certain", "source", "date", "words", "titles"),
                *("versions", "optional", "slots", "dates", "anchors", "copies", "marks", "triples"),
            }
            assert len(entry["triples"]) < 250_000


def test_three_words_in_a_row_that_mark_a_licence_occur_in_the_fingerprint_of_one_other_licence_at_most() -> None:
    items = load_fingerprints().items
    owners: dict[int, set[tuple[str, bool]]] = {}
    for item in items:
        for triple in set(item.triples):
            owners.setdefault(triple, set()).add((item.license_id, item.is_use_policy))
    assert len(items) > 150
    for item in items:
        assert set(item.marks) <= set(item.triples)
        assert all(len(owners[mark]) <= 2 for mark in item.marks), item.id
        # Two versions of one licence have few words of their own; nothing marks a text whose words several others have.
        assert item.marks or all(len(owners[triple]) > 2 for triple in item.triples), item.id


def test_shipped_fingerprint_names_the_licence_and_kind_that_the_list_of_texts_states() -> None:
    texts = yaml.safe_load((RULES / "fingerprints" / "_texts.yaml").read_text(encoding="utf-8"))
    listed = {id_: (about["of"], about.get("policy", False)) for id_, about in texts["texts"].items()}
    for folder, about in texts["copies"].items():
        listed[f"{slug_folder(folder)}.copies"] = (about.get("of", folder), about.get("policy", False))
    for item in load_fingerprints().items:
        expected = listed[re.sub(r"\.copies[0-9]+$", ".copies", item.id)]
        assert (item.license_id, item.is_use_policy) == expected, item.id
