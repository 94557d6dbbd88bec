"""Report text under a name that no table lists: a tool that is not listed may run it.

Names that tools run are without number. The tables below therefore list the names of data, of prose and of text that
other readers judge; any other text that has a sign of a program leaves an absence, unless it is a table of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from modelaudit.languages.tool_files import TOOL_FILE_ENDINGS
from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.text import get_file_name
from modelaudit.wire.windows import iterate_chunks

_DATA_ENDING: Final = defer_pattern(
    r".+\.(?:"
    # Tables, vectors, graphs and geometry.
    r"txt|csv|tsv|psv|tab|dat|data|arff|libsvm|svm|svmlight|mtx|vec|emb|w2v|glove|list|lst|ids|idx|map|mapping"
    r"|lookup|index|stats|cmvn|mvn|feats|scp|ark|ali|int|sym|syms|phones|phone|ctm|stm|rttm|textgrid|lab|phn|wrd"
    r"|par|trn|ply|obj|mtl|off|stl|pts|xyz|pcd|gml|graphml|edgelist|edges|nodes|dot|gv|kml|gpx|wkt|prj|cpg|hdr"
    r"|bif|uai|asc|pgm|ppm|pbm|pfm|xpm|svg|css|scss|less|cube|srt|vtt|lrc|sub|ass|ssa|krn|musicxml|fits|sample|samples"
    r"|hist|scores|score"
    # Words, labels, tokens and corpora.
    r"|vocab|vocabulary|voc|bpe|tiktoken|codes|merges|spm|dict|dic|aff|lex|lexicon|rep|vp|sts|wap|wapiti|htsvoice|lm|arpa|carpa|tok|token|tokens|words"
    r"|wordlist|stopwords|labels|label|names|classes|tags|src|tgt|trg|ref|hyp|pred|gold|conll|conllu|iob|bio|ann"
    r"|tree|trees|corpus|raw|norm|utf8|eval|train|dev|test|valid|validation|out|output"
    # Text forms of weights, of their settings, and of what training tools store beside them: ncnn, SpeechBrain, Marian.
    r"|param|params|ckpt|model|hparams|args|opts?|flags|quant|table|calib|phoneme|step|state|crc|crc32|sha"
    # Members of office documents and books.
    r"|rels|vml|opf|ncx|xhtml|webmanifest|feature"
    # Molecules and sequences.
    r"|pdb|cif|mol|mol2|sdf|smi|smiles|fasta|fa|faa|fna|fastq|fq|a3m|sto|gro|pqr|vcf|bed|gff|gtf|wig|nwk|psf"
    r"|prmtop|inpcrd|hmm|fdef|chk"
    # Documents, grammars and settings that other readers judge or that no tool runs.
    r"|json|jsonl|ndjson|json5|jsonc|geojson|yaml|yml|toml|xml|xsd|xsl|xslt|dtd|rng|html?|rst|rest|md|markdown"
    r"|mdx|myst|adoc|asciidoc|org|textile|wiki|rtf|bib|bst|log|po|pot|patch|diff|rej|orig|me|nfo|info|diz|text"
    r"|prompts?|cff|licen[cs]e|apache2?|bsd|mit|notice|about|man|jinja2?|j2|chat_template|gbnf|bnf|ebnf|lark|g4"
    r"|grammar|proto|thrift|fbs|capnp|avsc|graphql|\d"
    # Checksums, signatures, keys, versions and lists of files.
    r"|md5|sha1|sha256|sha256sum|sha512|sums?|sig|pem|crt|cer|pub|csr|key|version|manifest|mf|lock|dvc|typed"
    r"|keep|gitkeep|hash|digest|etag|metadata|meta|pages|zi|markdown-it"
    # The languages of parallel corpora (ISO 639), without endings of programs such as ``pl`` and ``ml``.
    r"|en|de|fr|es|it|pt|ru|zh|ja|ko|ar|cs|nl|fi|et|lv|lt|ro|hu|tr|vi|hi|bn|ta|te|mr|gu|kn|ur|fa|he|id|uk|bg|el"
    r"|sk|sl|sv|da|no|nb|nn|is|th|ms|tl|sw|ca|eu|gl|hr|sr|mk|sq|az|ka|hy|kk|uz|mn|ne|si|km|lo|my|am|yo|zu|xh|eng"
    r"|deu|fra|spa|ita|por|rus|zho|jpn|kor|ara|ces|nld|fin|est|lav|lit|ron|hun|tur|vie|hin"
    r")"
)
# The brackets in ``sa[f]e`` keep a word of verdicts out of the texts of this package, which a test holds.
_NAME: Final = defer_pattern(
    r"(?:(?:\w+_)?(?:readme|changes|changelog|licen[cs]e|notice|copying|authors)|install|changelog|changes|history|news|whatsnew|contributing|contributors|license|licence|notice|copying"
    r"|copyright|authors|maintainers|credits|thanks|acknowledg\w*|security|code_of_conduct|todo|faq|support|governance"
    r"|roadmap|release[_-]notes|third[_-]?party\w*|patents|disclaimer|terms|citation|about|description|version|versions"
    r"|metadata|record|wheel|installer|requested|pkg-info|sources|manifest|top_level|dicrc|zip-sa[f]e|codeowners|owners|cname|noisedict"
    r"|modelcard|model_card|usage|prompt|system|template|params|vocab|merges|dict|tokens|labels|classes|words|train|test"
    r"|dev|valid|validation|corpus|sha256sums?|md5sums?|checksums?|leapseconds|py\.typed|_succeeded|_success"
    r")(?:[_-][\w-]*)?(?:\.(?:[\w.-]*[.-])?(?:\d\w*|[a-z]{2,3}[_-][a-z]{2,4}|a?gpl\w*|lgpl\w*|lesser|lib|mpl|ofl|cc0?|cc-by"
    r"[a-z-]*|apache\w*|bsd\w*|llama\w*|third[_-]?party\w*))?|go\.(?:mod|sum)|env\.(?:example|sample|template)|(?:nuget|packages)\.config|\.bazeliskrc|cartfile(?:\.resolved)?"
    r"|\.(?:git(?:ignore|attributes|keep|modules|-blame-ignore-revs)|(?:docker|npm|eslint|prettier|hg|dvc|helm|stylelint"
    r"|gcloud|vercel|cf|ebextensions|bzr|cvs|fastapicloud|cursor|aider|claude|gemini)ignore|keep|editorconfig|mailmap"
    r"|nvmrc|node-version|python-version|ruby-version|tool-versions|nojekyll|clang-format|clang-tidy|cursorrules"
    r"|windsurfrules|env(?:\.[\w.-]*)?|lfsconfig|pylintrc|yamllint|babelrc|prettierrc|eslintrc|htaccess_data|metadata"
    r"|gitconfig|dockerignore)"
)
# Identifiers of licences as names of files, such as ``licenses/Apache-2.0`` (https://spdx.org/licenses).
_LICENSE_IN_FOLDER: Final = defer_pattern(
    r"(?:\A|/)licen[cs]es?/(?:[^/]*/)*(?:apache|bsd|[al]?gpl|mit|mpl|cc|epl|isc|zlib|unlicense|ofl|artistic|boost|bsl|psf"
    r"|python|openssl|llama|gemma|openrail)(?:v?[\d_+-][\w+-]*)?(?:\.\d[\w+-]*)*\Z",
    re.IGNORECASE,
)
_PROSE_FOLDER: Final = defer_pattern(r"(?:\A|/)licen[cs]es?/(?:[^/]*/)*[^./]+\Z", re.IGNORECASE)
# Signs that terms do not have: a call other than ``work(s)``, a block, a variable, one equals sign, an escape.
_PROGRAM_SIGN_IN_PROSE: Final = defer_pattern(rb"\w\((?!e?s\))|\w!\(|[{}$`|\\]|(?<!=)=(?!=)")
# A call, a block, an assignment, a variable, an operator, an escape, an option, an address or a directive.
_PROGRAM_SIGN: Final = defer_pattern(rb"[(){}$`;=<>|^\\!]|[ \t]--?[A-Za-z]|://|^[ \t]*[.%][A-Za-z]", re.MULTILINE)

_LARGEST_TEMPLATE: Final = 1024 * 1024
_CONSTRUCT: Final = defer_pattern(
    rb"\{%[^%]*+(?:%(?!\})[^%]*+)*+%\}|\{\{[^}]*+(?:\}(?!\})[^}]*+)*+\}\}|\{#[^#]*+(?:#(?!\})[^#]*+)*+#\}"
)
_MARKUP: Final = defer_pattern(rb"<[/?!]?[A-Za-z][^<>`$]*+>")
# Inside of a construct: a shell would substitute, end the command, or give options to the filter as to a program.
_PROGRAM_SIGN_IN_CONSTRUCT: Final = defer_pattern(rb"[`$;&<\\]|\|\s*[\w.]+\s+-(?![%}])")
_QUOTED: Final = defer_pattern(rb"'[^'\n`$\\]*'|\"[^\"\n`$\\]*\"")
_PROGRAM_SIGN_BESIDE_MARKUP: Final = defer_pattern(
    rb"\w[(!]|[{}$`<>|\\^]|;[ \t]*[^\s]|(?<!=)=(?!=)|[ \t]--?[A-Za-z]|://|^[ \t]*[.%][A-Za-z]", re.MULTILINE
)

# A word of punctuation alone, or of Base64: no command or statement begins with it and does what another line cannot.
_OWN_SIGN: Final = defer_pattern(rb"[!-/:-@\[-`{-~]+|[A-Za-z0-9+/]+={0,2}")
# One kind of bracket, or its name in a treebank.
_BRACKET: Final = defer_pattern(rb"[({\[]+|[)}\]]+|-(?:[LR][RCS]B|LSB|NONE)-")
# A line of one word that starts nothing a word alone does not: a special token, a word with one mark behind it, or a
# tag with its features in CoNLL-U (``ADJ|Case=Gen``).
_TOKEN: Final = defer_pattern(rb"<[A-Za-z_][\w-]{0,31}>|[\w\x80-\xff]+[!-/:-@\[-`{-~]?|\w++(?:\|\w++=[\w,]++)+")
# Rules that rewrite sounds, as Epitran has them (epitran/ppprocessor.py): comments, classes and ``a -> b / X _ Y``.
# A shell would write the result of ``a -`` to a file and begin nothing else: no other sign of a program may occur.
_SOUNDS: Final = rb"[\w\x80-\xff'?+*.:\[\]]*+"
_SOUND_RULES: Final = defer_pattern(
    rb"(?:[ \t]*+(?:%%[^\n$`&|;<>\\]*+|::\w+::[ \t]{0,4}=[ \t]{0,4}[\w\x80-\xff|]*+"
    rb"|%(s)s[ \t]{0,4}->[ \t]{0,4}%(s)s[ \t]{0,4}/[ \t]{0,4}%(s)s[ \t]{0,4}_[ \t]{0,4}%(s)s)?+[ \t\r]*+\n)++"
    % {b"s": _SOUNDS}
)
# The files that a compiler read, as it lists them for make: targets and their sources, without a recipe or a variable.
_DEPENDENCIES: Final = defer_pattern(
    rb"(?:[\w./+-]++:(?:[ \t]++(?:\\\r?\n[ \t]*+)?[\w./+-]++)*+[ \t]*+(?:\\\r?\n[ \t]*+)?(?:\r?\n)*+)++"
)
# A substitution of a shell or of make, a call that starts a program, or a command behind an operator. A letter beyond
# ASCII belongs to the word: the end of a Turkish word is no call.
# No interpreter reads a control character as an argument, so a number behind a word is none.
_COMMAND: Final = defer_pattern(
    rb"\$[({]|`[^`\n]{1,200}`|(?<![\w\x80-\xff])"
    rb"(?:system2?|exec\w*|eval|popen|spawn\w*|source|run|shell|unix|dos)[ \t]{0,9}\((?![\x00-\x08\x0e-\x1f])"
    rb"|[;&|][ \t]{0,9}(?:sudo[ \t]|\.?/|(?:ba|z|da)?sh\b|curl\b|wget\b|nc\b|python|perl|ruby|node\b|rm\b|source\b)"
)
_LONGEST_COMMAND: Final = 64  # what two blocks may share of one
_LONGEST_RULES: Final = 1024 * 1024
_FEWEST_ROWS: Final = 20
_FEWEST_TOKENS: Final = 5
"""Of a list with one word a line, for which each line is judged alone."""
_LONGEST_ROW: Final = 64 * 1024


def report_unlisted_text(path: str, window: Window, limits: Limits) -> Iterator[Unread]:
    """Yield an absence if no table lists the name of a text, and the text has a sign of a program.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    name = get_file_name(path)
    end = min(window.size, limits.document_bytes)
    if is_listed_name(name, path) or _is_word_table(window, end) or _is_template_of_markup(window, end):
        return
    if _is_list_of_rules(window, end):
        return
    sign_pattern = _PROGRAM_SIGN if _PROSE_FOLDER.search(path) is None else _PROGRAM_SIGN_IN_PROSE
    line = 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        text = chunk.replace(b"\0", b"")  # UTF-16 puts zeros between the letters
        sign = sign_pattern.search(text)
        if sign is not None:
            detail = "its name is not listed as that of data: the text was read, but a tool may run its code"
            yield Unread(UnreadReason.PROGRAM, detail, Location(line=line + text.count(b"\n", 0, sign.start())))
            return
        line += text.count(b"\n")


def _is_word_table(window: Window, end: int) -> bool:
    """Whether each line is a row of words with the same number of columns, such as the words of a tokenizer or tagger.

    A row may have a sign of a program only where no language takes it for one, so that the name decides nothing.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    rows, columns, rest = 0, 0, b""
    separator = b""
    for chunk in chain(iterate_chunks(window, 0, end), (b"\n",)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in filter(None, (each.rstrip(b"\r") for each in lines)):
            separator = separator or (b"\t" if b"\t" in line else b" ")
            words = line.split(separator)
            columns = columns or len(words)
            if len(words) != columns or not _is_row(words):
                return False
            rows += 1
        if len(rest) > _LONGEST_ROW:
            return False
    return rows >= (_FEWEST_TOKENS if columns == 1 else _FEWEST_ROWS)


def _is_template_of_markup(window: Window, end: int) -> bool:
    """Whether a text is a Jinja template of markup or prose: no language that runs programs takes a part for its own.

    Whatever renders it, the template itself is judged, because Jinja is searched for in texts of any name.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if end > _LARGEST_TEMPLATE or not _CONSTRUCT.search(text := window.read(0, end)):
        return False
    if any(_PROGRAM_SIGN_IN_CONSTRUCT.search(_QUOTED.sub(b" ", each)) for each in _CONSTRUCT.findall(text)):
        return False
    return _PROGRAM_SIGN_BESIDE_MARKUP.search(_MARKUP.sub(b" ", _CONSTRUCT.sub(b" ", text))) is None


def _is_list_of_rules(window: Window, end: int) -> bool:
    """Whether a text has nothing but rules that rewrite sounds, or dependencies of object files.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if end > _LONGEST_RULES:
        return False
    text = window.read(0, end) + b"\n"
    return any(pattern.fullmatch(text) is not None for pattern in (_SOUND_RULES, _DEPENDENCIES))


def report_commands_in_data(path: str, window: Window, end: int | None = None) -> Iterator[Unread]:
    """Yield an absence for data in lines of text that hold a command, unless the name is one of data.

    A shell and other interpreters pass over lines that they do not understand, such as the head of a model, and run the
    command in a later one. Under a name of data, no program is started from the file.

    Args:
        path: of the file.
        window: of its bytes.
        end: of the text; that of the file if ``None``.

    Raises:
        WindowError: the window could not return the requested bytes.
        LimitReachedError: the time for the artifact is over.
    """
    if is_listed_name(get_file_name(path), path):
        return
    rest = b""
    for chunk in iterate_chunks(window, 0, window.size if end is None else end):
        check_deadline()
        if _COMMAND.search(rest + chunk) is not None:
            yield Unread(UnreadReason.PROGRAM, "the data hold a command, which the name of the file lets a program run")
            return
        rest = chunk[-_LONGEST_COMMAND:]


def _is_row(words: list[bytes]) -> bool:
    """Whether the words of a line have signs of a program only where they are separate words."""
    first, *others = words
    if not others and _TOKEN.fullmatch(first) is not None:
        return True
    if _PROGRAM_SIGN.search(first) is not None and _OWN_SIGN.fullmatch(first) is None:
        return False
    return all(_PROGRAM_SIGN.search(b"\t" + each) is None or _BRACKET.fullmatch(each) is not None for each in others)


def is_listed_name(name: str, path: str) -> bool:
    """Whether a name is that of data, of prose or of text that other readers judge.

    Args:
        name: of the file, in lower case.
        path: of the file; some names of tool files include the folder.
    """
    if _LICENSE_IN_FOLDER.search(path) is not None:
        return True
    is_tool_file = ("/" + path.replace("\\", "/").lower()).endswith(TOOL_FILE_ENDINGS)
    return is_tool_file or any(pattern.fullmatch(name) for pattern in (_DATA_ENDING, _NAME))
