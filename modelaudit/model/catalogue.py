"""The value types of the rule set in ``rules/``, and of the subjects that rules match."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct, field

from modelaudit.model.call_signature import Signature
from modelaudit.model.controls import Controls
from modelaudit.model.description_rules import DescriptionRules
from modelaudit.model.discovery import DiscoveryRules
from modelaudit.model.element_rules import ElementListRules
from modelaudit.model.finding import Rule, Severity
from modelaudit.model.format_promises import Formats
from modelaudit.model.notices import StandardText
from modelaudit.model.pickle import ORDINARY_COST, Cost
from modelaudit.model.policy import Policy
from modelaudit.model.provenance import KnownNames
from modelaudit.model.restrictions import Restrictions
from modelaudit.model.skops import SkopsLoaders
from modelaudit.model.structure import NOWHERE, Location, UnreadReason
from modelaudit.model.term_words import TermWords
from modelaudit.model.terms import KnownModel, LicenseEntry, OpennessPart, Vocabulary

Scalar = str | int | float | bool | None

EFFECTS = (
    "attribute",
    "code",
    "command",
    "deserialise",
    "environment",
    "file",
    "import",
    "introspection",
    "native",
    "network",
    "process",
)
"""The families of harm that a dangerous callable may have."""

OTHER_EFFECTS = ("disclosure", "instruction", "obfuscation", "resource", "secret", "trust")
"""The further families of harm that names of other vocabularies may have."""


class Subject(Struct, frozen=True):
    """A fact laid out for rules to match: a kind, named fields, and a location.

    Attributes:
        kind: of the fact: ``defect``, ``pickle-act``, ``digest``, ``unread``, ``license-conclusion`` and others.
        artifact: the address of the file or member.
        fields: the values that rules match and messages show.
        key: distinguishes the subject from others of its artifact; a part of the finding's fingerprint.
        evidence: lines that show the fact.
        listing: the bytes around the place; shown once where several subjects make one finding.
        absence_always: the absence that remains whichever rules match, such as that of an unlisted name.
        absence_if_unmatched: the absence that remains where no rule matches, such as that of an unjudged defect.
        missing_file: the path of the absent file that the artifact names; empty where the fact is about the artifact.
    """

    kind: str
    artifact: str
    fields: Mapping[str, Scalar]
    key: str
    location: Location = NOWHERE
    evidence: tuple[str, ...] = ()
    listing: tuple[str, ...] = ()
    absence_always: UnreadReason | None = None
    absence_if_unmatched: UnreadReason | None = None
    missing_file: str = ""


class Matcher(Struct, frozen=True):
    """The condition of a rule: a subject of this kind, where each field in ``where`` has one of the listed values."""

    subject: str
    where: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()


class FindingRule(Struct, frozen=True):
    """A rule with its matchers (any of them suffices) and the sentence it reports.

    Attributes:
        message: a sentence with ``{field}`` places, filled from the subject.
        fires, quiet: fixtures that the rule must fire on, and must not fire on.
        leaves: the absence that remains where the rule fires, for facts that were read and not understood.
        is_fallback: whether it fires only on subjects that no other rule matches.
        beside_model, started: the severity in Python code that is not loaded with the model, and in started programs.
    """

    rule: Rule
    match: tuple[Matcher, ...]
    message: str
    fires: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    leaves: UnreadReason | None = None
    is_fallback: bool = False
    beside_model: Severity | None = None
    started: Severity | None = None


class RuleExample(Struct, frozen=True):
    """A finding that a rule makes in a fixture, for the page of the rule.

    Attributes:
        fixture: a path below ``fixtures/``.
        lines: the message of the finding, then its evidence, fit to be shown.
    """

    fixture: str
    lines: tuple[str, ...]


class Standing(StrEnum):
    """The judgement of a name by the reviewed lists."""

    TRUSTED = "trusted"
    DANGEROUS = "dangerous"
    STANDARD_LIBRARY = "standard-library"
    UNLISTED = "unlisted"
    UNRESOLVED = "unresolved"


class ArgumentUse(StrEnum):
    """The use that a trusted callable makes of an argument. The argument is judged as if the file used it so."""

    CALLS = "calls"
    CONSTRUCTS = "constructs"
    KEEPS = "keeps"
    PLAIN = "plain"
    READS = "reads"


class ArgumentRule(Struct, frozen=True):
    """A condition on the positional argument ``index``, from 0.

    Attributes:
        use: the argument is judged as called or constructed, or as kept and called when the result is called. An
            argument that is read as a file must be a constant, which is judged as an artifact of its own. A plain
            argument is a constant or a tuple of constants, so that the callable cannot return an object of the file.
        one_of: the argument must be one of these: a dotted name for a global, or the repr of a short word, of None,
            True or False. Numbers and long texts are not kept, because calls that differ only in them are kept once.
        is_needed: a call without the argument does not meet the condition. Another release may take fewer arguments,
            in another order.
    """

    index: int
    use: ArgumentUse | None = None
    one_of: tuple[str, ...] = ()
    is_needed: bool = False


class CallableEntry(Struct, frozen=True):
    """One exact name of ``rules/callables/``.

    Attributes:
        effect: for dangerous names, the family of harm, one of ``EFFECTS``.
        why: the reason, one sentence.
        arguments: for a trusted name, the conditions under which it stays trusted; for a dangerous one, those under
            which a call of it is harmless. All of them must hold; a condition on an argument that is absent holds,
            unless it is needed.
        construct_only: trusted where only ``__new__`` is called, unlisted where the class itself is called.
        collects: APPEND, APPENDS and ADDITEMS call its own ``append``, ``extend`` or ``add``, and no method from the
            file.
        state: for a dangerous class, alternatives that a literal state fulfils: regular expressions by attribute.
        cost: of a call of a trusted name.
        shared: it returns an object that the process has already, such as a logger or a member of an enumeration.
        hook_calls: the methods of its object that loading calls: a callable in the state under such a name would run.
        inert: loading an object of the class only stores its state, and runs no method of the class.
        apart: trusted only while no code gets the object, because its further methods are not read.
        unpickles: keys of its state, each with the formats of the constants that setting the state loads, by kind: a
            mapping of a name to a pair of the kind and the bytes.
        holds_items: a mapping that stores an item and hashes its key, and does nothing else with it.
    """

    name: str
    standing: Standing
    why: str
    library: str
    effect: str = ""
    arguments: tuple[ArgumentRule, ...] = ()
    construct_only: bool = False
    collects: bool = False
    state: tuple[tuple[tuple[str, str], ...], ...] = ()
    cost: Cost = ORDINARY_COST
    shared: bool = False
    hook_calls: frozenset[str] = frozenset()
    inert: bool = False
    apart: bool = False
    unpickles: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    holds_items: bool = False


class DangerousModule(Struct, frozen=True):
    """A module whose names are all dangerous, such as ``subprocess``, with its submodules."""

    module: str
    effect: str
    why: str


class Callables(Struct, frozen=True):
    """The trust and danger lists by exact name, and the modules that are dangerous as a whole.

    Attributes:
        standard_library: the top-level modules of CPython 2.7 and 3.8 to 3.14.
        signatures: the arguments that a callable can take, by its name; a call has to fit one of them.
    """

    by_name: Mapping[str, CallableEntry]
    modules: Mapping[str, DangerousModule]
    standard_library: frozenset[str] = frozenset()
    signatures: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)


class Unlisted(StrEnum):
    """The consequence of a name that is on no list of its vocabulary."""

    ABSENT = "absent"
    """The name may select code that was not reviewed: an absence remains, so that no pass is possible."""
    QUIET = "quiet"
    """The loader cannot reach code by the name; nothing follows."""


DETECTIONS = "detections"
"""The kind of vocabulary whose mentions are findings of a reader; each needs a rule or a reason for none."""
CODE_KINDS = ("classes", "filters", "functions", "layers", "names", "operators", "plug-ins")
"""The kinds of vocabulary whose names select code; such a vocabulary cannot be quiet as a whole."""
OTHER_KINDS = ("addresses", "attributes", DETECTIONS, "drivers", "namespaces", "texts", "variables")
"""The kinds of vocabulary whose names select no code."""


class UnlistedPolicy(Struct, frozen=True):
    """The consequence of an unlisted name in one vocabulary or use.

    Attributes:
        kind: one of ``CODE_KINDS`` or ``OTHER_KINDS``.
        reason: for a quiet one, the behaviour of the loader that shows that the name selects no code.
    """

    kind: str
    unlisted: Unlisted
    reason: str = ""


class Harmless(Struct, frozen=True):
    """Mentions that need no rule although they are dangerous by the list, or detections.

    Attributes:
        uses: the uses concerned.
        effects: the families of harm concerned; empty for all, and for detections.
        but_names: names that need a rule all the same.
    """

    uses: frozenset[str]
    effects: frozenset[str]
    reason: str
    but_names: frozenset[str] = frozenset()

    def covers(self, use: str, name: str, effect: str) -> bool:
        """Whether a mention of ``name`` in this use and with this effect needs no rule."""
        is_concerned = use in self.uses and (not self.effects or effect in self.effects)
        return is_concerned and name not in self.but_names


class VocabularyDeclaration(Struct, frozen=True):
    """A vocabulary of ``vocabularies.yaml``: the consequence of an unlisted name, and the uses for which it differs."""

    policy: UnlistedPolicy
    uses: Mapping[str, UnlistedPolicy] = field(default_factory=dict)
    harmless: tuple[Harmless, ...] = ()

    def policy_of(self, use: str) -> UnlistedPolicy:
        """Return the policy of one use."""
        return self.uses.get(use, self.policy)

    def is_harmless(self, use: str, name: str, effect: str) -> bool:
        """Whether such a mention needs no rule."""
        return any(each.covers(use, name, effect) for each in self.harmless)


class Standard(Struct, frozen=True):
    """An entry of a published list of risks, such as CWE, MITRE ATLAS or the OWASP Top 10."""

    framework: str
    id: str
    title: str
    url: str


class RetiredRule(Struct, frozen=True):
    """A withdrawn rule: ``became`` is the id of its successor, ``since`` the version that withdrew it."""

    became: str
    since: str


class Edition(Struct, frozen=True):
    """The number of a rule set, from 1, and its date, ``2026-11-28``."""

    number: int
    date: str


class NameLists(Struct, frozen=True):
    """The lists that judge names in files, by exact name.

    Attributes:
        operators: the reviewed and the dangerous operators of torch programs: ``aten::relu``, ``print``.
        skops: the loaders of skops.
        vocabularies: the reviewed and the dangerous names of other formats, by vocabulary.
    """

    callables: Callables
    operators: Mapping[str, CallableEntry] = field(default_factory=dict)
    skops: SkopsLoaders = field(default_factory=SkopsLoaders)
    vocabularies: Mapping[str, Mapping[str, CallableEntry]] = field(default_factory=dict)


class Catalogue(Struct, frozen=True):
    """The whole rule set. ``digest`` is the SHA-256 over its files' names and bytes, in order.

    Attributes:
        read_names: reads the lists that judge names, once. A licence check needs none of them.
        read_discovery: reads the forms in which code loads models, once.
        read_element_lists: reads the published lists of the minimum elements of a bill of materials, once, sorted by
            id.
        vague_licenses: names that identify no licence, such as ``other``, with the reason.
        declarations: the consequence of an unlisted name, by vocabulary.
        retired: rules of earlier versions, by their old id.
        taxonomy: the entries of published lists for each CWE weakness, itself first.
        clauses: the kinds of clauses, and the fields of use and territories that licences and policies may name.
        known_models: models with their licence, for base models that cannot be read; they can add restrictions only.
        openness: the parts of a release that decide how open it is.
        restrictions: sentences that restrict the permissions of a licence.
        term_words: the words by which a text reads like terms.
        known_names: of publishers and families of models.
        edition: the number and the date; ``None`` if the rule set states none.
        controls: of published catalogues, with the evidence that a report may hold.
        standard_texts: of licences, by id: the packages that ship them.
        description: the keys, headings and sentences that describe a model.
    """

    findings: Mapping[str, FindingRule]
    read_names: Callable[[], NameLists]
    licenses: Mapping[str, LicenseEntry]
    policies: Mapping[str, Policy]
    digest: str
    read_discovery: Callable[[], DiscoveryRules] = DiscoveryRules
    read_element_lists: Callable[[], tuple[ElementListRules, ...]] = tuple
    vague_licenses: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = field(default_factory=Formats)
    declarations: Mapping[str, VocabularyDeclaration] = field(default_factory=dict)
    retired: Mapping[str, RetiredRule] = field(default_factory=dict)
    taxonomy: Mapping[str, tuple[Standard, ...]] = field(default_factory=dict)
    clauses: Vocabulary = field(default_factory=Vocabulary)
    known_models: tuple[KnownModel, ...] = ()
    openness: tuple[OpennessPart, ...] = ()
    restrictions: Restrictions = field(default_factory=Restrictions)
    term_words: TermWords = field(default_factory=TermWords)
    known_names: KnownNames = field(default_factory=KnownNames)
    edition: Edition | None = None
    controls: Controls = field(default_factory=Controls)
    standard_texts: Mapping[str, StandardText] = field(default_factory=dict)
    description: DescriptionRules = field(default_factory=DescriptionRules)

    @property
    def callables(self) -> Callables:
        """The trust and danger lists of Python names."""
        return self.read_names().callables

    @property
    def operators(self) -> Mapping[str, CallableEntry]:
        """The operators of torch programs."""
        return self.read_names().operators

    @property
    def skops(self) -> SkopsLoaders:
        """The loaders of skops."""
        return self.read_names().skops

    @property
    def vocabularies(self) -> Mapping[str, Mapping[str, CallableEntry]]:
        """The names of other formats, by vocabulary."""
        return self.read_names().vocabularies

    @property
    def discovery(self) -> DiscoveryRules:
        """The forms in which code loads models."""
        return self.read_discovery()

    @property
    def element_lists(self) -> tuple[ElementListRules, ...]:
        """The published lists of minimum elements."""
        return self.read_element_lists()
