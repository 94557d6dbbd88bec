"""Tell the words of names from words that permit, forbid or require."""

from __future__ import annotations

import re
from functools import lru_cache

from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_ADDRESS_LIMIT = 60
"""Characters on each side of a word within the same ``<…>``."""
_LONGEST_ADDRESS = 200
_FRAGMENT = defer_pattern(r"(?:://|\w\.\w)\S*\w#\Z")
"""An address up to the mark of its fragment."""
_ADDRESS_MARK = defer_pattern(r"@|://|\w\.\w|\b(?:at|dot)\b", re.IGNORECASE)
"""What every address in brackets has; without it, the brackets hold running text."""
_NAME_JOINERS = defer_pattern(
    r"a|al|all|an|and|as|aka|affiliates|at|author|authors|by|c|co|com|company|contributors|copyright|d"
    r"|corporation|de|des|developers|dot|du|et|file|for|foundation|from|fullname|github|group|holder"
    r"|holders|http|inc|individual|io|its|jr|la|llc|ltd|mailto|member|members|name|names|net|of|on|or|org"
    r"|others|owner|owners|portions|present|project|reserved|respective|rights|s|see|software|subsidiaries"
    r"|e|ev|gmbh|haftungsbeschränkt|kg|sa|srl|t|team|the|their|to|und|university|van|von|www|year|yyyy"
)
"""Words that join the parts of names."""
_PURPOSE_JOINERS = frozenset(("for", "in", "to", "and", "or", "only", "academic", "scientific", "non"))
# Words that permit, forbid or require, by their stems. Even within a name, such a word ends the copyright statement:
# rejecting an odd name only makes a variant, but accepting a condition would lose it.
_TERM_WORDS = defer_pattern(
    r"(?:academ|agree|allow|ban(?:s|ned)?$|cannot|cc$|commerc|compet|condition|consent|cost|den(?:y|ied|ies)|deploy"
    r"|derivativ|disallow|distribut|educat|exclu|exempt|except|fees?$|forbid|free|grant|illegal|licen[cs]|limit|may$"
    r"|militar|modif|must|nc$|nd$|no$|non|nor$|not$|oblig|only|pay|permi|prior$|prohib|provid|purpos|refus|requir|resear"
    r"|resell|restrict|revok|sell|sale|shall|should|sublicen|subject|surveil|terminat|terms?$|this$|train|unauth|unless"
    r"|until|us(?:e|es|ed|er|ers|ing)$|violat|void|warrant|weapon|without|written|you|is$|are$|be$|can$|if$|when"
    r"|confident|propriet|evaluat|trial|internal|personal|privat|secret|verbot|untersag|nicht|kein|kommerz|interdi[crst]|prohib"
    r"|proib|sans$|pas$|sauf|solo$|sin$|which|who$|with$|any$|that$|do$|does$|it$"
    # Of use, lending, time and secrecy.
    r"|never$|ship$|shipped$|embargo|leas(?:e|ed|ing)$|lent$|lend(?:s|ing)?$|closed$|ask$|copy$|valid$|expir|before$|outside$"
    r"|royalt|nur$|leihg|priv[eé]e?$|usage$|classified$|till$"
    # Of what ends a permission, or is needed for one.
    r"|redistribut|withheld$|withhold|withdraw|barred$|rescind|supersed|nullif|annul(?:s|led)?$|cancel(?:s|l?ed)?$"
    r"|forfeit|abandoned$|prevails?$|eulas?$|ndas?$|sanctioned$|approv(?:al|als|ed)$|needed$|demanded$|subscription"
    r"|purchased?$|invoices?$|due$|reciproc|obsolete$|unpublished$|vietat|esclus|ausgeschlossen$|ausgenommen$|[al]?gplv?\d?$)"
)
_TERM_PAIRS = frozenset(
    {("back", "by"), ("back", "to"), ("back", "before"), ("on", "loan"), ("keep", "out"), ("out", "of")}
)
"""Adjacent words of conditions, each of which may be part of a name."""

# Names that begin like such a word.
_NAMES_LIKE_TERMS = defer_pattern(
    r"academ(?:y|ies|ia|ie|isch\w*)|confident|costas?|costello|costin|free(?:man|dman|dom|land|bsd|type|desktop|rtos|glut)|freed|payne|paypal|payton|salem|salerno|salesforce|sellers"
    r"|trainor|young|youngs|youn|you(?:ss?[eiu]f|suf|seph|nes|nis)\w*|denys\w{0,6}"
)
_HOST_IN_BRACKETS = defer_pattern(
    r"<(?:https?://|[\w.+-]{1,40}@)[\w-]{2,40}(?:\.[\w-]{1,40}){0,3}\.(?:be|is|it|no|us)", re.IGNORECASE
)
# The rest of a word that begins like such a word and is another form of it: "commerc-ially", "restrict-ions".
_WORD_ENDING = defer_pattern(
    r"[a-z]{0,3}(?:tions?|tional|sions?|ments?|ally|ively|abl[ey]|ibl[ey]|ances?|ences?|ings?|ed|ers?|ors?|ly|i?als?|ially"
    r"|ic|ical|ity|ism|ists?|ware|dom|ness|less|ful|ives?|ants?|ents?)"
)
_HIDDEN_TERMS = defer_pattern(
    r"for|only|no[nt]|till|until|with|us[ei]|back|own|school|student|compan|business|firm|shop|profit|europ|eu$"
)
"""Words that could limit something from within a compound."""
_LEAST_COMPOUND = 4
_INSTITUTES = frozenset(
    (
        *("agency", "board", "bureau", "center", "centers", "centre", "centres", "college", "consortium", "council"),
        *("department", "division", "faculty", "foundation", "group", "institute", "laboratory", "ministry", "office"),
        *("organisation", "organization", "school", "section", "society"),
    )
)
_INSTITUTE_FIELDS = frozenset(("commerce", "education", "educational", "research", "training"))
_INSTITUTE_JOINTS = frozenset(("for", "of", "of the", "for the"))
_ACCOUNT = defer_pattern(r"(?:rather )?uses [\w.-]{1,40}/[\w.-]{1,40}\)")
_FIRST_NAMES = frozenset(("ask", "may"))
_BEFORE_NAME = frozenset(("by", "c", "copyright", "of", "shall"))
_NO_SURNAMES = frozenset(
    ("again", "anyone", "author", "authors", "first", "him", "kindly", "me", "owner", "them", "us")
)
_NAME_END = defer_pattern(
    r"[ \t]*(?:[,;&<(]|\.?\s*(?:\n|$)|\.?\s+all rights reserved\b|(?:and|or|nor|with)\b)", re.IGNORECASE
)
_NO_MAIL_NAME = defer_pattern(
    r"commerc|resear|academ|educat|train|trial|evaluat|only|licen|n[cd]$|internal|personal|privat|propriet|confident"
)
"""Words that would state the subject of a mailbox, even as its name."""
_PLACEHOLDERS = frozenset(("name", "names", "company", "organization", "organisation"))
_BEHIND_FREE = (("software", "foundation"), ("university", "of"))
"""Words behind *Free* in the names of institutions: *Free Software Foundation*, *Free University of Berlin*."""
_CAMEL_PART = defer_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DENYING_PARTS = frozenset(("no", "non", "not", "nie", "nicht", "kein", "only"))
_PLACES = defer_pattern(
    r"eu|eea|europe|european|usa|us|uk|japan|china|germany|france|korea|india|russia|brazil|canada|australia|america"
    r"|americas|asia|africa|britain|switzerland|worldwide|overseas"
)
_READERS = defer_pattern(
    r"(?:member|student|pupil|teacher|customer|employee|subscriber|classroom|individual|hobbyist|tester|contractor)s?"
    r"|staff|universities|charities|churches"
    r"|schools|colleges|companies|teaching|editions?|versions?|releases?|preview|demo|study"
)
_REQUESTS = defer_pattern(r"contact|call|sign|signed|contracts?|negotiate|register|first|prices?|pricing|rules")
_OPENERS = frozenset(("for", "in", "to", "within", "outside", "only"))
_LABS = defer_pattern(r"labs?|laborator(?:y|ies)|csail|media|center|institute|press|group")
_MOST_LAB_WORDS = 4
_COMPANY_FORMS = defer_pattern(
    r"ag|association|authors|bv|co|community|consortium|contributors|corp|corporation|e|foundation|gmbh|group|inc"
    r"|initiative|institut|institute|international|kg|kk|laboratories|laboratory|labs|limited|llc|ltd|organization|plc"
    r"|project|pty|sa|sarl|society|software|srl|systems|team|technologies|technology|trust|university"
)
_COMPANY_REACH = 4


def ends_name(words: Words, position: int, end: int) -> bool:
    """Whether a copyright statement ends before a word that limits it to readers or a place, and names nothing.

    "Acme Foundation for Open Science" and "Institute of Technology in Japan" are names. "Acme Labs, Student Edition",
    "Acme members in Japan" and, on a line of its own, "For Acme members" limit a text to readers.
    """
    word = words.words[position]
    is_reader = _READERS.fullmatch(word) is not None and not is_hyphenated(words, position)
    if is_reader and not _is_part_of_company(words, position, end):
        return True
    if _PLACES.fullmatch(word) and words.words[position - 1] in _OPENERS:
        return not any(map(_COMPANY_FORMS.fullmatch, words.words[max(0, position - _COMPANY_REACH) : position]))
    if word not in _OPENERS:
        return False
    return _begins_line(words, position) or (word == "only" and not _is_part_of_company(words, position, end))


def names_readers(word: str) -> bool:
    """Whether a word alone limits a text to readers or a place, such as "students" or "europe"."""
    return bool(_READERS.fullmatch(word) or _PLACES.fullmatch(word))


def leads_to_lab(words: Words, position: int, end: int) -> bool:
    """Whether a word in capitals begins the name of a laboratory: *MIT HAN Lab*, and not *MIT for Italy*."""
    behind = words.words[position + 1 : min(end, position + 1 + _MOST_LAB_WORDS)]
    if not words.get_spelling(position).isupper() or not any(map(_LABS.fullmatch, behind)):
        return False
    is_name = is_name_word(words, position + 1) and behind[0] not in _OPENERS and not any(map(names_readers, behind))
    return is_name and _get_text_between(words, position + 1) == " " and not is_term_word(words, position + 1)


def asks_reader(word: str) -> bool:
    """Whether a word would ask the reader for something, or name terms, in a field or a list that holds names."""
    return _REQUESTS.fullmatch(word) is not None


def _is_part_of_company(words: Words, position: int, end: int) -> bool:
    """Whether a word is part of a name: "Acme Students Foundation", "Members of Acme", "Acme and its members"."""
    before, last = words.words[max(0, position - _COMPANY_REACH) : position], words.words[position - 1]
    if last in ("of", "its", "their") or "university" in before:
        return True
    after = words.words[position + 1 : min(end, position + _COMPANY_REACH)]
    return any(each == "of" or _COMPANY_FORMS.fullmatch(each) for each in (*after, last))


def begins_paragraph(words: Words, position: int) -> bool:
    """Whether a blank line is before a word."""
    return _get_text_between(words, position).count("\n") > 1


def _begins_line(words: Words, position: int) -> bool:
    """Whether a word is the first one of its line."""
    return "\n" in _get_text_between(words, position)


def _get_text_between(words: Words, position: int) -> str:
    """Return the text between a word and the one before it."""
    last = position - 1
    return words.text[words.find_start(last) + len(words.words[last]) : words.find_start(position)]


def _denies_in_camel_case(spelling: str) -> bool:
    """Whether a part of a word in camel case denies: "NoBusiness", "NonEU"; "NoSQL" and "Node" are names."""
    parts = _CAMEL_PART.findall(spelling)
    return len(parts) > 1 and parts[0].lower() in _DENYING_PARTS and parts[0][0].isupper() and parts[1] != "SQL"


def is_term_word(words: Words, position: int) -> bool:
    """Whether a word permits, forbids or requires; "Acme Research" is a name, and "for Research" is a purpose."""
    word = words.words[position]
    if _is_name_like_term(words, position):
        return False
    if _denies_in_camel_case(words.get_spelling(position)):
        return True
    if tuple(words.words[position : position + 2]) in _TERM_PAIRS:
        return True
    if _is_field_of_institute(words, position):
        return False
    if word != "research" or not words.get_spelling(position)[0].isupper():
        is_term = _TERM_WORDS.match(word) is not None and not _is_compound_name(words, position)
        return is_term and not _is_domain_ending(words, position)
    return position == 0 or words.words[position - 1] in _PURPOSE_JOINERS


def _is_domain_ending(words: Words, position: int) -> bool:
    """Whether a word is the country at the end of the host of a web address in brackets, as in ``<http://acme.be/>``."""
    start = words.find_start(position)
    opening = words.text.rfind("<", 0, start)
    return opening >= 0 and _HOST_IN_BRACKETS.fullmatch(words.text[opening : start + 2]) is not None


def _is_name_like_term(words: Words, position: int) -> bool:
    """Whether a word that may permit or forbid is part of a name: "Grant Acme", "Young", "Free Software Foundation"."""
    word, after = words.words[position], words.words[position + 1 : position + 3]
    if word in ("grant", "limited"):
        return _is_in_name(words, position)
    if word in _FIRST_NAMES:
        return _is_full_name(words, position) or _is_end_of_name(words, position)
    if word == "uses":  # "(uses acme.example/jo)" gives an address of the holder.
        return _leads_to_account(words, position)
    if _is_mailbox(words, position) or _is_mail_host(words, position):
        return True
    if word == "prior":
        return bool(after) and _COMPANY_FORMS.fullmatch(after[0]) is not None and _is_capitalised(words, position)
    if word == "free":
        return tuple(after) in _BEHIND_FREE and (after[0] == "software" or _is_capitalised(words, position))
    if word == "your":  # A template that was not filled in: "Your Name".
        return bool(after) and after[0] in _PLACEHOLDERS
    return _NAMES_LIKE_TERMS.fullmatch(word) is not None and words.get_spelling(position)[0].isupper()


def _is_capitalised(words: Words, position: int) -> bool:
    """Whether a word and the next one have a capital each."""
    return all(words.get_spelling(each)[0].isupper() for each in (position, position + 1))


def _is_compound_name(words: Words, position: int) -> bool:
    """Whether the one word of a holder only begins like a term: "freerouting", and not "noncommercial".

    What follows the term is no ending of a word and holds nothing that could be a term itself.
    """
    word = words.words[position]
    term = _TERM_WORDS.match(word)
    rest = word[term.end() :] if term else ""
    if len(rest) < _LEAST_COMPOUND or _WORD_ENDING.fullmatch(rest) or _HIDDEN_TERMS.search(rest):
        return False
    if term and term[0] == "non":  # "Nonprofit" denies, and "NoneBot" is made of other words.
        parts = [part.lower() for part in _CAMEL_PART.findall(words.get_spelling(position))]
        return len(parts) > 1 and parts[0] not in _DENYING_PARTS and _is_whole_name(words, position)
    return _TERM_WORDS.search(rest) is None and _is_whole_name(words, position)


def _is_whole_name(words: Words, position: int) -> bool:
    """Whether a word alone is the holder: a year, a mark or a line is before it, and the name ends behind it."""
    before = words.words[position - 1] if position else ""
    stop = words.find_start(position) + len(words.words[position])
    return (before.isdigit() or before in _BEFORE_NAME) and _NAME_END.match(words.text, stop) is not None


def _is_field_of_institute(words: Words, position: int) -> bool:
    """Whether a word is the field of an institute: "Center for Research Computing", "Ministry of Education"."""
    if words.words[position] not in _INSTITUTE_FIELDS or not words.get_spelling(position)[0].isupper():
        return False
    if words.words[position] == "education" and position and position + 1 < len(words.words):
        is_behind = words.words[position - 1] in _INSTITUTES and words.get_spelling(position - 1)[0].isupper()
        if is_behind or words.words[position + 1] in ("inc", "llc", "ltd", "gmbh", "foundation", "group"):
            return True
    for size in (2, 3):
        first = position - size
        if first >= 0 and words.words[first] in _INSTITUTES:
            between = words.text[words.find_start(first) + len(words.words[first]) : words.find_start(position)]
            return " ".join(between.split()) in _INSTITUTE_JOINTS and words.get_spelling(first)[0].isupper()
    return False


def _is_end_of_name(words: Words, position: int) -> bool:
    """Whether a hyphen joins a word to a name before it: "ML-Ask"."""
    start = words.find_start(position)
    return (
        start > 1 and words.text[start - 1] == "-" and words.text[start - 2].isupper() and words.text[start].isupper()
    )


def _is_in_name(words: Words, position: int) -> bool:
    """Whether a word is part of a name by the capitals around it: "Grant Acme", "Acme Limited"."""
    other = position + 1 if words.words[position] == "grant" else position - 1
    if not 0 <= other < len(words.words) or words.words[other] in ("grant", "limited"):
        return False
    return all(words.get_spelling(each).istitle() for each in (position, other)) and not is_term_word(words, other)


def _is_full_name(words: Words, position: int) -> bool:
    """Whether a first name that may be a term is before a surname, behind which the name ends: "Ask Acme, Jo Foo"."""
    last, before = position + 1, words.words[position - 1] if position else ""
    if last >= len(words.words) or not all(words.get_spelling(each).istitle() for each in (position, last)):
        return False
    if not (before.isdigit() or before in _BEFORE_NAME) or words.words[last] in _NO_SURNAMES:
        return False
    stop = words.find_start(last) + len(words.words[last])
    return not is_term_word(words, last) and _NAME_END.match(words.text, stop) is not None


def _is_mailbox(words: Words, position: int) -> bool:
    """Whether a word alone is the name of a mailbox, as in "<void@acme.example>"."""
    start = words.find_start(position)
    stop = start + len(words.words[position])
    is_alone = words.text[stop : stop + 1] == "@" and words.text[start - 1 : start] in ("<", "(", " ", "\n")
    return is_alone and not _NO_MAIL_NAME.match(words.words[position])


def _is_mail_host(words: Words, position: int) -> bool:
    """Whether a word is all of a host before its ending, as in ``<jo@youacme.example>``, and states no subject."""
    start, word = words.find_start(position), words.words[position]
    stop = start + len(word)
    is_whole = words.text[start - 1 : start] == "@" and words.text[stop : stop + 1] == "."
    return is_whole and not (_NO_MAIL_NAME.search(word) or _HIDDEN_TERMS.search(word))


def match_phrase(words: Words, position: int, end: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the longest phrase that begins at ``position``; 0 if none does."""
    for size in _list_sizes(phrases).get(words.words[position], ()):
        if position + size <= end and tuple(words.words[position : position + size]) in phrases:
            return size
    return 0


@lru_cache(maxsize=128)
def _list_sizes(phrases: frozenset[tuple[str, ...]]) -> dict[str, list[int]]:
    """List the numbers of words that phrases with one first word have, by that word, the greatest first."""
    sizes: dict[str, set[int]] = {}
    for phrase in phrases:
        sizes.setdefault(phrase[0], set()).add(len(phrase))
    return {first: sorted(each, reverse=True) for first, each in sizes.items()}


def is_hyphenated(words: Words, position: int) -> bool:
    """Whether a hyphen joins a word to the next one, as in the names of packages: *python-acme*."""
    end = words.find_start(position) + len(words.words[position])
    return words.text[end : end + 1] == "-" and words.text[end + 1 : end + 2].isalnum()


def is_name_word(words: Words, position: int) -> bool:
    """Whether a word has a capital, is a number or a part of an address, or joins names."""
    word = words.words[position]
    return (
        bool(_NAME_JOINERS.fullmatch(word))
        or words.get_spelling(position) != word  # words are in lower case, so the spelling has a capital
        or word[0].isdigit()
        or is_in_address(words, position)
        or (word in ("rather", "uses") and _leads_to_account(words, position))
    )


def _leads_to_account(words: Words, position: int) -> bool:
    """Whether a word begins *uses acme.example/jo* at the end of a remark in brackets."""
    return _ACCOUNT.match(words.text, words.find_start(position)) is not None


def is_in_address(words: Words, position: int) -> bool:
    """Whether a word is part of a web or mail address: a separator joins it to another one, or ``<…>`` encloses it."""
    start = words.find_start(position)
    end = start + len(words.words[position])
    before, after, next_after = words.text[start - 1 : start], words.text[end : end + 1], words.text[end + 1 : end + 2]
    # A full stop ends a sentence if no letter or digit follows it, so both characters after the word count.
    is_fragment = before == "#" and _FRAGMENT.search(words.text, max(0, start - _LONGEST_ADDRESS), start) is not None
    if is_fragment or before in ("@", "/", ".", "-", "+") or (after in ("@", "/", ".", "+") and next_after.isalnum()):
        return True
    # Authors spell addresses out: "<jo at acme dot example>".
    opening, closing = words.text.rfind("<", 0, start), words.text.find(">", end)
    is_enclosed = 0 <= start - opening <= _ADDRESS_LIMIT and 0 <= closing - end <= _ADDRESS_LIMIT
    return is_enclosed and _ADDRESS_MARK.search(words.text, opening, closing) is not None
