"""Keys of findings keep the first wording of sentences that were reworded, so that fingerprints stay."""

import pytest

from modelaudit.licenses.conclusion.key_wordings import restore_first_wording

REWORDED = [
    (
        "CC BY demands its text or a link to it with every copy, and the repository holds neither (section 1).",
        "CC BY demands a copy of its text, which is not in the repository (section 1).",
    ),
    (
        "a.txt was not searched for terms: the model has more texts than the limit of one check.",
        "a.txt was not looked at for terms: there is more text than is looked at of one model.",
    ),
    ("A licence drops “Disclose that outputs are generated”.", "A licence drops “Say that a machine made it”."),
    (
        "LICENSE resembles the text of MIT License but differs from it. It differs by: “no sale”",
        "LICENSE resembles the text of MIT License and is not it. It differs by: “no sale”",
    ),
    (
        "COPYING holds no licence text of the rule set: a person must read it.",
        "COPYING holds no text of a licence that the rule set knows: a person must read it.",
    ),
    (
        "MIT License is declared, but the base model a/b is under Llama 3.1: the declared licence drops “A limit”.",
        "MIT License is declared, and a/b, of which this was made, is under Llama 3.1: what is declared leaves out "
        "“A limit”.",
    ),
    (
        "MIT License is declared, but the base model a/b is under Llama 3.1 (on record): the "
        "declared licence drops “A limit”.",
        "MIT License is declared, and a/b, of which this was made, is under Llama 3.1: what is declared leaves out "
        "“A limit”.",
    ),
    (
        "README.md states “No sale.”, which may limit the use beyond the licence.",
        "README.md says “No sale.”, which no licence that binds here says.",
    ),
    (
        "README.md states at line 12 “No sale. [and 3 more of this kind]”, which may limit the use beyond the licence.",
        "README.md says “No sale.”, which no licence that binds here says.",
    ),
    (
        "The model card says at line 12 “No sale.”, and your planned use is commercial: probably denied.",
        "README.md says “No sale.”, which no licence that binds here says.",
    ),
    (
        "NOTICE says “No sale.”, and your planned use includes EU: probably denied.",
        "NOTICE says “No sale.”, which no licence that binds here says.",
    ),
    (
        "NOTICE holds the words “Built with Llama”, which Llama 3.1 requires, but that licence is not declared.",
        "NOTICE holds the words “Built with Llama”, which Llama 3.1 fixes, and that licence is not declared.",
    ),
    (
        "The terms of Acme are not verified for this rule set; read them at https://acme.example/.",
        "Nobody has read the terms of Acme for this rule set; read them at https://acme.example/.",
    ),
    (
        "The base model a/b could not be looked up: there is no such repository.",
        "a/b, of which it was made, could not be looked at: there is no such repository.",
    ),
    (
        "/data/x, the base model of the model, cannot be looked up: it is a path on the machine that made the model, "
        "which cannot be reached.",
        "/data/x, of which the model was made, cannot be looked at: it is a path on the machine that made the model, "
        "where nobody else can look.",
    ),
    (
        "license_link leads to https://acme.example/, which was not opened: it may hold other terms.",
        "license_link leads to https://acme.example/, where nobody looked: other terms may stand there.",
    ),
    (
        "license_link leads to https://github.com/a/b/blob/main/LICENSE; for that repository, MIT License is on record.",
        "license_link leads to https://github.com/a/b/blob/main/LICENSE, which holds MIT License by its address.",
    ),
    (
        "No licence could be determined, so no permission can be shown. The Hub lists 2 licences (“mit”, “isc”) and does "
        "not state which one applies to which part.",
        "No licence could be concluded, so no permission can be shown. The card lists 2 licences (“mit”, “isc”) and does "
        "not state which one applies to which part.",
    ),
    (
        "The licence of a/b is not known: it is made from c/d, which is made from it.",
        "The licence of a/b is not known: c/d is an origin of it in turn.",
    ),
    (
        "The licence of a/b is not known: it names itself as its base model.",
        "The licence of a/b is not known: it names itself as its origin.",
    ),
    (
        "The licence of a/b is not known: looking up base models took more than 60 seconds.",
        "The licence of a/b is not known: looking at origins took more than 60 seconds.",
    ),
    ("Your planned use is commercial, and the licence forbids commercial use.", "Your use is commercial."),
    (
        "Your revenue is above USD 1,000,000 a year; above that you need a separate licence for any use.",
        "Your revenue is above USD 1,000,000 a year; above that a licence of its own is needed for any use.",
    ),
    (
        "The licence grants no rights in EU, GB, and your planned use includes at least part of that territory.",
        "No rights are granted for EU, GB, and what you mean to do is not wholly outside.",
    ),
    (
        "No commercial use: it is not stated whether you plan such a use.",
        "No commercial use: it is not stated whether you mean to do that.",
    ),
    (
        "Selling access needs a licence above a revenue: your revenue is not stated.",
        "Above a revenue, no selling of access: your revenue is not stated.",
    ),
    (
        "LICENSE resembles the text of X but differs from it. It differs by: 29 words of the licence are missing; “a b”.",
        "LICENSE resembles the text of X and is not it. It differs by: “29 words of the licence are missing”; “a b”.",
    ),
    (
        "LICENSE states MIT, h.c resembles ISC, and nothing says that one of them covers the weights, so no permission "
        "can be shown: ask the author to state one in writing.",
        "No licence is declared, so no permission can be shown: ask the author to state one in writing.",
    ),
    (
        "You may use a changed model yourself, but not pass it on; show that you do not.",
        "A changed model may be used by yourself at most; it may not be passed on.",
    ),
]


@pytest.mark.parametrize(("current", "first"), REWORDED)
def test_finding_key_uses_the_first_wording_of_a_reworded_sentence(current: str, first: str) -> None:
    assert restore_first_wording(current) == first


def test_finding_key_uses_a_sentence_unchanged_if_it_was_never_reworded() -> None:
    sentence = "The data set a/b is under CC BY-NC 4.0, which is stricter than the model's own licence."
    assert restore_first_wording(sentence) == sentence
