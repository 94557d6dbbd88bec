"""Restore the first wording of sentences in the keys of findings.

Fingerprints are permanent, and the keys of conflicts and answers hold the beginning of a sentence. A sentence that is
reworded gets an entry here, which restores the wording of the first release in the key.
"""

from __future__ import annotations

import re
from functools import lru_cache

from modelaudit.model.lazy_pattern import defer_pattern

# (pattern of the current wording, replacement with the first wording)
_FIRST_WORDINGS = (
    (r"^No licence could be determined, so ", "No licence could be concluded, so "),
    (r", and no licence was determined\.$", ", and no licence was concluded."),
    (
        r"^No licence is declared, so there is no permission to use it: ask",
        "No licence is declared, so no permission can be shown: ask",
    ),
    (
        r"^.* says that (?:it|one of them) covers the weights.*, so (no permission can be shown: ask the author)",
        r"No licence is declared, so \1",
    ),
    # Notes between the quoted words that differ were quoted too.
    (
        r"((?:It differs by: |; ))(\d+ words of the licence are missing|more text than was looked at"
        r"|characters that do not show|and \d+ more|the text that it was compared with is no certain copy"
        r"|letters or numbers one by one, which are no words)(?=[;.])",
        r"\1“\2”",
    ),
    (r" but differs from it([.:])", r" and is not it\1"),
    (r"( and is not it[.:].*?) Likely restrictions: .*?[”)]\.(?= |$)", r"\1"),
    (r" is named as a licence, and no text of it was read: ", " holds no licence text of the rule set: "),
    (r" holds no licence text of the rule set: ", " holds no text of a licence that the rule set knows: "),
    (
        r", but the base model (.*?) is under (.*?)(?: \(on record\))?:"
        r" the declared licence drops ",
        r", and \1, of which this was made, is under \2: what is declared leaves out ",
    ),
    # Applied after the pattern above: "leaves out" is in its replacement, not in any current sentence.
    (r"\. The declared licence lacks ", ". What is declared lacks "),
    (r" leaves out terms that are not verified for", " leaves out terms that nobody has read for"),
    (r"^The model card (says(?: at line \d+)?(?:, in [^“]{1,60},)? “.*: probably denied\.)$", r"README.md \1"),
    (
        r"^(.*?) says(?: at line \d+)?(?:, in [^“]{1,60},)? “(.*)”, and your planned use .*: probably denied\.$",
        r"\1 says “\2”, which no licence that binds here says.",
    ),
    (
        r"^(.*?) states(?: at line \d+)?(?:, in [^“]{1,60},)? “(.*?)(?: \[and \d+ more of this kind\])?”,"
        r" which may limit the use(?: beyond the licence)?\.(?: By its words, [^“]*\.)?$",
        r"\1 says “\2”, which no licence that binds here says.",
    ),
    (
        r" was not searched for terms: the model has more"
        r" (?:text than the limit|texts than one check searches|texts than the limit of one check)"
        r"(?:, and those behind it may be unsearched too|; [\d,]+ texts were not searched, the last of them .*)?\.$",
        " was not looked at for terms: there is more text than is looked at of one model.",
    ),
    (r", and no binding licence refers to one\.$", ", and no licence that binds here speaks of one."),
    (
        r" demands the words (.*) to be shown, and no card or notice shows them",
        r" demands \1 to be shown, and the card does not say so",
    ),
    (
        r"”, which (.*) requires, but that licence is not declared\.$",
        r"”, which \1 fixes, and that licence is not declared.",
    ),
    (
        r" demands its text or a link to it with every copy, and the repository holds neither\b",
        " demands a copy of its text, which is not in the repository",
    ),
    (r", which is stricter than the declared licence\.$", ", which is stricter than what is declared."),
    (r", and no text in the repository shows another\.$", ", and no text in the repository says otherwise."),
    (
        r"^The terms of (.*?) are not verified for this rule set; ",
        r"Nobody has read the terms of \1 for this rule set; ",
    ),
    (
        r"^The licence of the base model (.*?) could not be determined: ",
        r"\1, of which it was made, has no licence that could be concluded: ",
    ),
    # The first release called every source of several licences a card.
    (
        r"^(No licence could be concluded, so no permission can be shown\. ).* lists (\d+ licences \()",
        r"\1The card lists \2",
    ),
    (r"^The base model (.*?) could not be looked up: ", r"\1, of which it was made, could not be looked at: "),
    (r", the base model of (.*?), cannot be looked up: ", r", of which \1 was made, cannot be looked at: "),
    (r", which is not among the files and was not read\.$", ", which is not among the files: nobody could read it."),
    (r"; for that repository, (.*) is on record\.$", r", which holds \1 by its address."),
    (r", which was not opened: it may hold other terms\.$", ", where nobody looked: other terms may stand there."),
    (
        r": it is a path on the machine that made the model, which cannot be reached\b",
        ": it is a path on the machine that made the model, where nobody else can look",
    ),
    (r": it is a file name without a repository\b", ": it is the name of a file, which does not say whose"),
    (r": it is an address outside the Hub,", ": it is an address outside of the Hub,"),
    (r": it is not the id of a Hub repository\b", ": it is no id of a repository on the Hub"),
    (r": looking up base models took more than ", ": looking at origins took more than "),
    (r": it names itself as its base model\b", ": it names itself as its origin"),
    (r": it is made from (.*), which is made from it\b", r": \1 is an origin of it in turn"),
    (
        r" base models are named, and the rest were not looked up\b",
        " origins are named, and the rest were not looked at",
    ),
    (r"^Your planned use is commercial, and the licence forbids commercial use\.$", "Your use is commercial."),
    (
        r"^The licence allows research only, and your planned use goes beyond research\.$",
        "Only research is allowed, and what you mean to do goes beyond it.",
    ),
    (
        r"^The licence allows research only; show that your planned use is research\.$",
        "It is allowed for research only; show that yours is research.",
    ),
    (r"^The licence does not cover use in production\.$", "Use in production is not covered."),
    (r"; above that you need a separate licence\b", "; above that a licence of its own is needed"),
    (
        r"^Your planned use needs a licence that you must obtain first; ",
        "What you mean to do needs a licence that has to be obtained first; ",
    ),
    (
        r"^The licence grants no rights in (.*), and your planned use includes at least part of that territory\.$",
        r"No rights are granted for \1, and what you mean to do is not wholly outside.",
    ),
    (
        r"^Companies in certain businesses need a separate licence; ",
        "Companies in certain businesses need a licence of their own; ",
    ),
    (
        r"^Companies with more than USD (.*?) of revenue a year need a separate permission to sell access to models\.$",
        r"Above USD \1 a year, whoever sells access to models needs a separate permission first.",
    ),
    (
        r"^Your planned use gives copies to others, and the licence forbids that\.$",
        "You mean to give copies to others, which is not allowed.",
    ),
    (
        r"^You may use a changed model yourself, but not pass it on; show that you do not\.$",
        "A changed model may be used by yourself at most; it may not be passed on.",
    ),
    (
        r"^Your planned use trains a model on the outputs of this one, and the licence forbids that\.$",
        "You mean to train a model on what this one puts out, which is not allowed.",
    ),
    (r"; compare yours with the clause\.$", "; hold yours against the clause."),
    (
        r"^The licence covers only the uses that the clause describes; compare yours with it\.$",
        "Only uses of the kind that the clause describes are covered; hold yours against it.",
    ),
    (r"\bit is not stated whether you plan such a use\b", "it is not stated whether you mean to do that"),
    (r"(; the current one, [^,]*), is assumed, and no text", r"\1 is assumed, and no text"),
    (
        r"\byour field of use is not stated(?=\.$| and )",
        "your field of use is not stated; state it with --field or in the policy",
    ),
    (
        r"\bit is not stated whether your planned use is research(?=\.$| and )",
        "it is not stated whether your planned use is research; state it with --use research=yes",
    ),
    (r"\bit is not stated where you plan to use it\b", "it is not stated where you mean to use it"),
    (
        r"\bit is not known whether the clause applies to this model\b",
        "it is not known whether this model is one of those that the clause is about",
    ),
    # Titles of clauses, which begin an answer or are quoted as terms that a licence drops.
    (r"\bDisclose that outputs are generated\b", "Say that a machine made it"),
    (r"\bSelling access needs a licence above a revenue\b", "Above a revenue, no selling of access"),
    (r"\bShow the name above a number of users or a revenue\b", "Above a size, show the name"),
    (r"\bPublish what you make, change or run with it\b", "Publish the models that you use it on"),
)
_COMPILED_WORDINGS = tuple((defer_pattern(pattern, re.DOTALL), first) for pattern, first in _FIRST_WORDINGS)


@lru_cache(maxsize=1000)
def restore_first_wording(sentence: str) -> str:
    """Replace reworded phrases of a sentence by those of the first release, for use in a permanent key."""
    for pattern, first in _COMPILED_WORDINGS:
        sentence = pattern.sub(first, sentence)
    return sentence
