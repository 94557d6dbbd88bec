"""Deciding by its beginning whether a long text may be a template."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.reading import BytesWindow

from modelaudit.languages.jinja.syntax import fails_early
from modelaudit.languages.long_templates import may_be_template


@check_each(
    "start",
    [
        '{{": 12, "a": 13, "b": 14 ',
        "{{ a b c ",
        "{% foo %} ",
        "{{ ( ] ",
        '{{ x \\ "',
        "{{ x }} {{ 1 2 3 ",
        "{%\ufffd}\ufffd x ",
    ],
)
def test_error_before_the_end_is_one_of_the_whole(start: str) -> None:
    assert fails_early(start + "x" * 10)
    assert fails_early(start + "}} {% endif %} #} \" '" * 50)


@check_each(
    "start",
    [
        "{{ x }} {% for a in b %}",
        '{{ "abc',
        "{{ x.y",
        "{% se",
        "{# abc",
        "{% raw %} {{ 1 2",
        "{{ a + ",
        "{{ '{{ 1 2 3",
        "",
    ],
)
def test_error_that_the_rest_may_mend_decides_nothing(start: str) -> None:
    assert not fails_early(start)


def may_be(data: bytes, end: int | None = None) -> bool:
    """Whether the bytes may be a template."""
    return may_be_template(BytesWindow(data), len(data) if end is None else end)


@check_each("encoding", ["utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_template_is_found_in_each_encoding_behind_comments(encoding: str) -> None:
    filler = "words of a card " * 40_000
    assert may_be((filler + "{# a #}{#b#} {{ x.__class__ }}" + filler).encode(encoding))
    assert not may_be((filler + "{# a #} {{ a b c d e f g " + filler).encode(encoding))
    assert not may_be(filler.encode(encoding))


def test_comment_without_its_end_is_no_template_unless_the_rest_may_end_it() -> None:
    data = b'{"{#": 1, "{{x.__class__}}": 2}' * 10
    assert not may_be(data)
    assert may_be(data, len(data) - 5)


def test_braces_between_numbers_are_no_template() -> None:
    numbers = random.Random(1).randbytes(300_000)
    assert not may_be(numbers + b"{{\x01\x02 " + numbers)


def test_mark_across_the_border_of_two_pieces_is_found() -> None:
    for length in (2**16, 2**17, 2**18, 2**20):
        assert may_be(b"x" * (length - 1) + b"{{ x.__class__ }} ")


def test_vocabulary_without_blanks_is_no_template() -> None:
    words = "".join(f',["w{number}",-{number}.5]' for number in range(20_000))
    assert not may_be(f'[["__",-1.5],["{{{{",-13.142]{words}]'.encode())
    assert may_be(f'{{{{ ["__",-13.142]{words} }}}}'.encode(), 100_000)


_PARTS = st.sampled_from(
    [
        *(
            "{{x.__class__}}",
            "{{ a|attr('b')(1e-5,[2.5,'c']) }}",
            "{%if a>=1.5e+3 and b!='d'%}e{%endif%}",
            "{#f#}",
            "g ",
        ),
        *(
            "{%-for h in i[1:-1]-%}{{h~'\"'~1_000//2**3}}{%-endfor-%}",
            "{%raw%}{{1 2{%endraw%}",
            "{{ {'j':(k,l)}['j'] }}",
        ),
        *("{%set m=[n,o.p]%}", '{{"q\\"r"}}', "{%macro s(t=-1.5,u='v')%}w{%endmacro%}"),
    ]
)


@given(st.lists(_PARTS, min_size=1, max_size=6).map("".join), st.data())
def test_no_beginning_of_a_template_is_an_error_of_the_whole(template: str, data: st.DataObject) -> None:
    assert not fails_early(template[: data.draw(st.integers(0, len(template)))])
