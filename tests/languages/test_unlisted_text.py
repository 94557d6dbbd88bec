"""Text under names that no table lists: tables of words are data, and all else with a sign of a program is not."""

from __future__ import annotations

import base64

from support.cases import check_each
from support.reading import BytesWindow

from modelaudit.languages.unlisted_text import report_unlisted_text
from modelaudit.model.limits import Limits

_WORDS = "".join(f"word{number}\tNN\n" for number in range(30))
_RANKS = "".join(f"{base64.b64encode(bytes([number])).decode()} {number}\n" for number in range(30))


def is_reported(text: str, name: str = "table.unlisted") -> bool:
    """Whether the text leaves an absence."""
    return bool(list(report_unlisted_text(name, BytesWindow(text.encode()), Limits())))


@check_each(
    "text",
    [
        _WORDS + "(\t-LRB-\n)\t-RRB-\n$\tSYM\n``\tQUOTE\n=\tSYM\n",
        _WORDS.replace("\n", "\r\n") + "{\t{\r\n",
        _RANKS,
        "\n".join(["the", "of", "!", "<s>", "</s>", *map(str, range(30))]).replace("<s>", "<").replace("</s>", ">"),
    ],
)
def test_table_of_words_is_data(text: str) -> None:
    assert not is_reported(text)


@check_each(
    "line",
    [
        "system(x)\tNN",
        "echo\t>x",
        "x\t=",
        "x\t|",
        "$HOME\tNN",
        "`reboot`\tNN",
        "x=y\tNN",
        "run\t-rf",
        "a\tb\tc(",
        "one column (",
        "see\thttps://x",
        "x\t$(reboot)",
    ],
)
def test_sign_that_a_language_may_take_for_its_own_leaves_an_absence(line: str) -> None:
    assert is_reported(_WORDS + line + "\n")
    assert is_reported(line + "\n" + _WORDS)


def test_few_rows_and_rows_of_settings_leave_an_absence() -> None:
    assert is_reported("(\tSYM\nword\tNN\n")
    assert is_reported("".join(f"key{number} = true\n" for number in range(30)))
    assert is_reported("".join(f"run {number} {{\n" for number in range(30)) + "x" * 10 + " y\n")


def test_listed_name_decides_alone() -> None:
    assert not is_reported("system(x)\n", "words.txt")
    assert not is_reported("API_KEY=\n", "client/env.example")
    assert is_reported("API_KEY=\n", "client/environment")


_TEMPLATE = """{% set names = {'a': 'b'} %}
<page id="{{ page.id }}" xmlns="https://acme.invalid/page">
{%- for line in page.lines %}<line>{{ line.text|e }} ({{ line.words|length }} words);</line>
{% endfor %}</page>
"""


def test_template_of_markup_is_judged_as_jinja_alone() -> None:
    assert not is_reported(_TEMPLATE, "templates/page")
    assert not is_reported(
        "=== report {{ name }} ===\n{{ '%0.2f'|format(share) }}%\tshare (of all)\n", "templates/report"
    )


@check_each(
    "line",
    [
        "{{ page.id }}; reboot",
        "system(x)",
        "{{ x|curl -s/acme.invalid }}",
        "{{ x }} `reboot`",
        "{% set x = '$(reboot)' %}",
        "<line `reboot`>",
        "<line>text; reboot</line>",
        "key = value",
        "run --now",
    ],
)
def test_template_with_a_sign_of_another_program_leaves_an_absence(line: str) -> None:
    assert is_reported(_TEMPLATE + line + "\n", "templates/page")
    assert is_reported(line + "\n" + _TEMPLATE, "templates/page")


def test_prose_of_a_named_part_is_listed() -> None:
    assert not is_reported("call srand(x) in fit\n", "svm/LIBSVM_CHANGES".lower())
    assert is_reported("call srand(x) in fit\n", "svm/libsvm_update")


_LIST = "<pad>\n<unk>\n\u03b3\u03b1^\nPUNCT_(\nPUNCT_;\nADJ|Case=Gen|Number=Sing\nB-PER\nO\n"


def test_list_of_single_words_is_data() -> None:
    assert not is_reported(_LIST, "tag")
    assert not is_reported(_LIST * 2, "stopwords/greek")


@check_each(
    "line", ["$(reboot)", "a|b", "a|b=$(c)", "a;b", "run()", "`reboot`", "<a>b", "<?php", "cat|sh", "x=y", "<a href>"]
)
def test_word_with_more_than_one_mark_behind_it_leaves_an_absence(line: str) -> None:
    assert is_reported(_LIST + line + "\n", "tag")


def test_list_of_few_words_leaves_an_absence() -> None:
    assert is_reported("<pad>\nx;\ny\n", "tag")


_SOUND_RULES = "% Vowels 'a' to u\n::vowels:: = a|e|i\n\nqu -> kw / _\r\nce -> t\u0283 / ::vowels:: _ #x\n".replace(
    " #x", ""
)
_DEPENDENCIES = "arena.o: ../src/arena.cpp \\\n ../include/a.h ../include/b-c.h \\\n ../d++.h\n\nb.o:\n"


def test_rules_of_sounds_and_dependencies_of_object_files_are_data() -> None:
    assert not is_reported(_SOUND_RULES, "pre/ile-Latn")
    assert not is_reported(_SOUND_RULES.rstrip("\n"), "pre/ile-Latn")
    assert not is_reported(_DEPENDENCIES, "lib/arena.d")


@check_each(
    "line",
    [
        "qu -> kw",
        "f(x) -> kw / _",
        "a -> $(reboot) / _",
        "a -> b / _; reboot",
        "% `reboot`",
        "% a & reboot",
        "x = a|reboot",
        "::x:: = a|sh -c y",
        "b.o: c.cpp",
        "a -> b / _ && reboot",
    ],
)
def test_line_that_is_no_rule_of_sounds_leaves_an_absence(line: str) -> None:
    assert is_reported(_SOUND_RULES + line + "\n", "pre/ile-Latn")
    assert is_reported(line + "\n" + _SOUND_RULES, "pre/ile-Latn")


@check_each(
    "line",
    ["\trm -rf x", "all: $(shell reboot)", "SHELL = /bin/evil", "a: b; reboot", "a: `reboot`", "reboot -x", "%.o: %.c"],
)
def test_line_that_is_no_dependency_leaves_an_absence(line: str) -> None:
    assert is_reported(_DEPENDENCIES + line + "\n", "lib/arena.d")
    assert is_reported(line + "\n" + _DEPENDENCIES, "lib/arena.d")


@check_each("name", ["cmudict.vp", "a/cmudict.rep", "n.sts", "a.fdef", "checkfgs.chk", "dictionary/dicrc"])
def test_names_of_data_of_speech_and_chemistry_are_listed(name: str) -> None:
    assert not is_reported("!exclamation-point K S\n(paren P ER0 EH1 N\n", name)
    assert is_reported("!exclamation-point K S\n(paren P ER0 EH1 N\n", name + "x")


def test_long_lines_are_judged_in_linear_time() -> None:
    assert is_reported("a -> " + " " * 900_000 + "!(", "pre/ile-Latn")
    assert is_reported("a: " + " " * 900_000 + "!(", "lib/arena.d")
