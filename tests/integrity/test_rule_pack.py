"""The archive of a pack of rules: each kind of damage and each foreign member is refused with its own sentence."""

from __future__ import annotations

import io
import json
import stat
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import Final

import pytest
from support.attested import make_keys
from support.cases import check_each

from modelaudit.integrity.rule_pack import RULES, STATEMENT_NAME, build_statement, read_pack, write_pack
from modelaudit.integrity.signing import KeySigner, load_private_key
from modelaudit.model.errors import SignatureError

FILES: Final = {"edition.yaml": b"number: 1\n", "findings/a/b.yaml": b"id: a/b\n"}
SYMBOLIC_LINK: Final = (stat.S_IFLNK | 0o777) << 16


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a private key in PEM."""
    place = tmp_path_factory.mktemp("keys")
    make_keys(place)
    return (place / "key.pem").read_bytes()


def sign(payload: bytes, key: bytes) -> bytes:
    """Return a bundle with this statement."""
    return KeySigner(load_private_key(key)).sign(payload)


def build(members: Mapping[str, bytes] | list[tuple[zipfile.ZipInfo | str, bytes]], key: bytes) -> bytes:
    """Build an archive of these members behind the statement on ``FILES``."""
    out = io.BytesIO()
    listed = list(members.items()) if isinstance(members, Mapping) else members
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on two members of one name
        archive.writestr(STATEMENT_NAME, sign(build_statement(FILES), key))
        for member, data in listed:
            archive.writestr(member, data)
    return out.getvalue()


def make_info(name: str, attributes: int = 0, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    """Return the entry of a member with these attributes."""
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = attributes, method
    return info


def refuse(data: bytes) -> str:
    """Read a pack that has to be refused, and return the reason."""
    with pytest.raises(SignatureError) as refused:
        read_pack(data)
    return str(refused.value)


def test_pack_holds_the_files_and_equal_files_give_equal_bytes(key: bytes) -> None:
    orders = FILES, dict(reversed(FILES.items()))
    packs = [write_pack(files, sign(build_statement(files), key)) for files in orders]
    assert packs[0] == packs[1]
    read = read_pack(packs[0])
    assert read.files == FILES
    assert json.loads(read.bundle.envelope.payload)["predicateType"] == RULES


def test_pack_with_a_file_more_or_less_or_changed_is_refused_and_the_file_is_named(key: bytes) -> None:
    assert read_pack(build(FILES, key)).files == FILES
    more = build({**FILES, "x.yaml": b""}, key)
    assert refuse(more) == "it holds 'x.yaml', which its statement does not name"
    less = build({"edition.yaml": FILES["edition.yaml"]}, key)
    assert refuse(less) == "it lacks 'findings/a/b.yaml', which its statement names"
    changed = build({**FILES, "edition.yaml": b"number: 2\n"}, key)
    assert refuse(changed) == "'edition.yaml' has other bytes than its statement names"
    renamed = build({"edition.yaml": FILES["edition.yaml"], "findings/a/c.yaml": FILES["findings/a/b.yaml"]}, key)
    assert refuse(renamed) == "it lacks 'findings/a/b.yaml', which its statement names"


@check_each(
    "name",
    [
        *("../x.yaml", "/x.yaml", "a/../../x.yaml", "./x.yaml", "a//b.yaml", "a\\b.yaml", "..\\x.yaml", "C:x.yaml"),
        *(
            ".x.yaml",
            "a/.x.yaml",
            "x.py",
            "x.yml",
            "x",
            "",
            "x.yaml/",
            "folder/",
            "\u00e9.yaml",
            "a b.yaml",
            "x.yaml\n",
        ),
        *("statement.json.yaml\0", "findings/statement.json"),
    ],
)
def test_member_with_a_name_that_no_rule_file_has_is_refused(key: bytes, name: str) -> None:
    info = make_info("x")
    info.filename = name
    assert "is not the name of a rule file" in refuse(build([*FILES.items(), (info, b"")], key))


MEMBERS: Final[dict[str, tuple[Callable[[], zipfile.ZipInfo], str]]] = {
    "link": (lambda: make_info("x.yaml", SYMBOLIC_LINK), "'x.yaml' is a link or another special file"),
    "pipe": (lambda: make_info("x.yaml", (stat.S_IFIFO | 0o644) << 16), "is a link or another special file"),
    "folder": (lambda: make_info("x.yaml", (stat.S_IFDIR | 0o755) << 16), "is a link or another special file"),
    "bzip2": (lambda: make_info("x.yaml", 0, zipfile.ZIP_BZIP2), "compressed by another method than deflate"),
    "lzma": (lambda: make_info("x.yaml", 0, zipfile.ZIP_LZMA), "compressed by another method than deflate"),
    "twice": (lambda: make_info("edition.yaml"), "it holds 'edition.yaml' twice"),
    "statement twice": (lambda: make_info(STATEMENT_NAME), "it holds 'statement.json' twice"),
    "below a file": (lambda: make_info("edition.yaml/x.yaml"), "cannot both exist: one lies below the other"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_member_that_is_no_plain_file_is_refused(key: bytes, name: str) -> None:
    make, expected = MEMBERS[name]
    reason = refuse(build([*FILES.items(), (make(), b"x: 1\n")], key))
    assert reason.startswith("it is not a pack of rules: ")
    assert expected in reason


def test_encrypted_member_is_refused(key: bytes) -> None:
    data = bytearray(build(FILES, key))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 8] |= 1
    assert "is encrypted" in refuse(bytes(data))


def test_archive_that_unpacks_to_too_much_or_has_too_many_files_is_refused(key: bytes) -> None:
    bomb = build([(f"{number}.yaml", bytes(33 * 1024 * 1024)) for number in range(2)], key)
    assert len(bomb) < 100_000
    assert refuse(bomb) == "it is not a pack of rules: its files have more than 67,108,864 bytes"
    # The directory alone, because it is never read.
    assert refuse(b"PK\x01\x02" * 20_001) == "it has more than 20,000 files, so it is not read"
    assert refuse(bytes(64 * 1024 * 1024 + 1)) == "it is larger than 67,108,864 bytes, so it is not read"


def test_archive_cut_short_anywhere_is_refused(key: bytes) -> None:
    data = build(FILES, key)
    for length in (0, 1, 30, len(data) // 2, len(data) - 22, len(data) - 1):
        assert refuse(data[:length]).startswith("it is not a pack of rules: "), length


def test_no_changed_byte_yields_other_files(key: bytes) -> None:
    data = build(FILES, key)
    accepted = 0
    for index in range(len(data)):
        changed = bytearray(data)
        changed[index] ^= 0x40
        try:
            read = read_pack(bytes(changed))
        except SignatureError:
            continue
        # Times and other fields of the archive count for nothing; a changed statement fails its signature later.
        assert read.files == FILES, index
        accepted += 1
    assert accepted < len(data) // 2


def test_statement_that_is_no_statement_on_rules_is_refused(key: bytes) -> None:
    def pack(**changes: object) -> bytes:
        statement = {**json.loads(build_statement(FILES)), **changes}
        return write_pack(FILES, sign(json.dumps(statement).encode(), key))

    other = "https://slsa.dev/verification_summary/v1"
    assert refuse(pack(predicateType=other)) == f"it holds '{other}' in the place of {RULES}"
    assert refuse(pack(subject=[])) == "the statement has no subject"
    assert refuse(pack(predicate={"entries": []})) == "the subjects are not the files that the evidence lists"
    outside = {"entries": [{"path": "../x.yaml", "kind": "file", "size": 0, "sha256": "0" * 64}]}
    assert refuse(pack(predicate=outside)) == "the name '../x.yaml' leads out of the model"
    assert refuse(write_pack(FILES, b"{}")).startswith("the bundle has no string 'mediaType'")
    no_statement = io.BytesIO()
    with zipfile.ZipFile(no_statement, "w") as archive:
        archive.writestr("edition.yaml", "number: 1\n")
    assert refuse(no_statement.getvalue()) == "it is not a pack of rules: it holds no statement.json"


def test_executable_bit_of_a_statement_fits_no_file_of_a_pack(key: bytes) -> None:
    statement = json.loads(build_statement(FILES))
    statement["predicate"]["entries"][0]["executable"] = True
    assert "the subjects are not the files" in refuse(write_pack(FILES, sign(json.dumps(statement).encode(), key)))
