"""Evaluate the variables, rules and functions of a Makefile as far as its text decides them.

``$(subst X,,cXurl)``, ``$(call f,a)`` and ``$<`` become constants. What depends on a file, on a command or on the
environment stays as it is written.
Source: the manual of GNU make 4.4, chapter 8 "Functions for Transforming Text", sections 6.5 "Setting Variables" and
10.5.3 "Automatic Variables".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from modelaudit.languages.shell.make_text_functions import TEXT_FUNCTIONS, check_result_length, replace_patterns
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import check_deadline, iterate_within_deadline

FUNCTION_NAMES: Final = (
    "subst", "patsubst", "strip", "findstring", "filter", "filter-out", "sort", "word", "wordlist", "words",
    "firstword", "lastword", "dir", "notdir", "suffix", "basename", "addsuffix", "addprefix", "join", "wildcard",
    "realpath", "abspath", "if", "or", "and", "intcmp", "foreach", "let", "file", "call", "value", "eval", "origin",
    "flavor", "error", "warning", "info", "shell", "guile",
)  # fmt: skip
_CALL: Final = defer_pattern(rf"({'|'.join(sorted(FUNCTION_NAMES, key=len, reverse=True))})(?:[ \t]+|$)(.*)", re.DOTALL)
_SUBSTITUTION_REFERENCE: Final = defer_pattern(r"([^\s:=,$]{1,100}):([^=]{0,200})=(.{0,200})", re.DOTALL)
_READ_FILE: Final = defer_pattern(r"<[ \t]*(\S+)[ \t]*")
_GUILE_SYSTEM: Final = defer_pattern(r"\(system\*?\s+\"((?:[^\"\\]|\\.){1,2000})\"")
_MAX_DEPTH: Final = 30
_MAX_LENGTH: Final = 100_000
_MAX_EXPANDED_LENGTH: Final = 1_000_000  # of a recipe line with the values of its automatic variables
_MAX_STEPS: Final = 50_000
_MAX_RECIPE_LENGTH: Final = 20_000
# Possessive repetitions, because a hostile text repeats what they match.
_ASSIGNMENT: Final = defer_pattern(
    r"^ *+(?:(?:export|override|private)[^\S\n]++)*"
    r"([^\s:#=?+!]{1,100}+)[^\S\n]*+(\?|:{1,3}|\+|!)?=[ \t]*+((?:\\\n|[^\n])*+)",
    re.MULTILINE,
)
_DEFINITION_START: Final = defer_pattern(r" *+(?:(?:export|override)\s++)*+define\s++(\S{1,100})")
_DEFINITION_END: Final = defer_pattern(r" *+endef\b")
_RULE: Final = defer_pattern(r"([^\t#:=][^#:=]{0,500}+):{1,2}(?!=)([^;=]{0,1000}+)(?:;.*)?")
_SUFFIX_RULE: Final = defer_pattern(r"(\.\w+)\.\w+")
_AUTOMATIC: Final = defer_pattern(r"(?<!\$)\$(?:[({]([@<^+?*|])([DF])?[)}]|([@<^+?*|]))")


class MakeExpander:
    """Expands the text of one Makefile.

    Attributes:
        variables: the values by name, as they are written.
        evaluated_texts: the texts that ``$(eval text)`` adds to the Makefile.
        scheme_commands: the commands that ``$(guile (system "command"))`` runs.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.evaluated_texts: dict[str, None] = {}
        self.scheme_commands: dict[str, None] = {}
        self._steps_left = _MAX_STEPS
        self._open_names: list[str] = []  # of the variables whose values are being expanded

    def expand_functions(self, text: str) -> str:
        """Return the text with the results of its functions; variables outside of functions stay as they are written.

        Raises:
            LimitReachedError: the text is too long, or has too many functions or variables.
        """
        return self._expand(text, {}, 0, keeps_variables=True)

    def expand_all(self, text: str) -> str:
        """Return the text with the results of its functions and the values of its variables; see above for errors."""
        return self._expand(text, {}, 0)

    def _expand(self, text: str, local: Mapping[str, str], depth: int, keeps_variables: bool = False) -> str:
        """Expand a text; ``local`` holds the arguments of ``call`` and the variables of ``foreach`` and ``let``."""
        if "$" not in text:
            return text
        check_deadline()
        self._steps_left -= 1
        if depth > _MAX_DEPTH or self._steps_left < 0 or len(text) > _MAX_LENGTH:
            raise LimitReachedError("the functions and variables of a Makefile are too many to evaluate")
        ends = _match_brackets(text)
        parts: list[str] = []
        position = length = 0
        while True:
            start = text.find("$", position)
            if start < 0 or start + 1 >= len(text):
                break
            parts.append(text[position:start])
            opening = text[start + 1]
            end = ends.get(start + 1)
            if end is None:
                parts.append(local.get(opening, text[start : start + 2]))
                position = start + 2
                continue
            written, inner = text[start : end + 1], text[start + 2 : end]
            parts.append(self._expand_reference(written, inner, local, depth, keeps_variables))
            length += len(parts[-1])
            if length > _MAX_LENGTH:
                raise LimitReachedError("the functions and variables of a Makefile have too long values")
            position = end + 1
        return "".join((*parts, text[position:]))

    def _expand_reference(
        self, written: str, inner: str, local: Mapping[str, str], depth: int, keeps_variables: bool
    ) -> str:
        """Return the value of ``$(inner)``, or the text as it is written if the value is unknown."""
        call = _CALL.fullmatch(inner.lstrip())
        if call is not None:
            result = self._call_function(call[1], call[2], local, depth)
            # An argument of a function around it is known even if the function itself stays.
            return result if result is not None else self._keep_call(call[1], call[2], local, depth)
        name = self._expand(inner, local, depth + 1)
        if name in local:
            return local[name]
        reference = _SUBSTITUTION_REFERENCE.fullmatch(name)
        if reference is not None and reference[1] in self.variables:
            value = self._expand_variable(reference[1], depth)
            old, new = (each if "%" in reference[2] else "%" + each for each in (reference[2], reference[3]))
            return replace_patterns(old, new, value)
        # ``A := $(A) b`` refers to the value before, which may come from the environment.
        is_unknown = name not in self.variables or name in self._open_names
        if is_unknown or (keeps_variables and name == inner):
            return written if name == inner else f"$({name})"
        return self._expand_variable(name, depth)

    def _expand_variable(self, name: str, depth: int) -> str:
        """Return the expanded value of a known variable."""
        if name in self._open_names:
            return f"$({name})"
        self._open_names.append(name)
        value = self._expand(self.variables[name], {}, depth + 1)
        self._open_names.pop()
        return value

    def _keep_call(self, name: str, text: str, local: Mapping[str, str], depth: int) -> str:
        """Return a call that cannot be evaluated, with its arguments expanded."""
        if name in ("foreach", "let", "guile"):
            return f"$({name} {text})"
        return f"$({name} {self._expand(text, local, depth + 1, keeps_variables=name == 'shell' and not local)})"

    def _call_function(self, name: str, text: str, local: Mapping[str, str], depth: int) -> str | None:
        """Return the result of a function; ``None`` if it depends on more than constants."""
        arguments = _split_arguments(text)

        def expand(index: int) -> str:
            return self._expand(arguments[index], local, depth + 1) if index < len(arguments) else ""

        if name in ("if", "or", "and"):
            return self._choose(name, arguments, expand)
        if name == "foreach":
            return self._repeat(arguments, local, depth)
        if name == "call":
            return self._call_variable([expand(index) for index in range(len(arguments))], local, depth)
        if name == "value":
            return self.variables.get(expand(0).strip())
        if name in ("eval", "info", "warning", "error", "file", "guile"):
            return self._perform(name, self._expand(text, local, depth + 1))
        change_text = TEXT_FUNCTIONS.get(name)
        values = [expand(index) for index in range(len(arguments))]
        if change_text is None or any(map(_is_unknown, values)):
            return None
        check_result_length(name, values)
        try:
            return change_text(*values)
        except (TypeError, ValueError, IndexError):  # the wrong number of arguments, or no number among them
            return None

    def _perform(self, name: str, text: str) -> str | None:
        """Return the result of a function that does more than compute a text, and record what it adds and runs."""
        if name == "eval":
            self.evaluated_texts[text.replace("$$", "$")] = None
            return ""
        if name == "file":
            read = _READ_FILE.fullmatch(text.strip())
            return f"$(shell cat {read[1]})" if read is not None else None
        if name == "guile":
            self.scheme_commands.update(dict.fromkeys(_GUILE_SYSTEM.findall(text)))
            return None
        return None if _is_unknown(text) else ""  # ``info`` and the like print the text

    def _repeat(self, arguments: list[str], local: Mapping[str, str], depth: int) -> str | None:
        """Return the result of ``$(foreach variable,words,text)``."""
        if len(arguments) < 3:
            return None
        variable, words = (self._expand(each, local, depth + 1) for each in arguments[:2])
        if _is_unknown(words):
            return None
        body = ",".join(arguments[2:])
        results: list[str] = []
        length = 0
        for word in words.split():
            results.append(self._expand(body, {**local, variable.strip(): word}, depth + 1))
            length += len(results[-1])
            if length > _MAX_LENGTH:
                raise LimitReachedError("the functions of a Makefile have too long results")
        return " ".join(results)

    def _call_variable(self, values: list[str], local: Mapping[str, str], depth: int) -> str | None:
        """Return the result of ``$(call name,values…)``, for a variable or a function of make."""
        function = values[0].strip()
        if function in FUNCTION_NAMES:
            return self._call_function(function, ",".join(values[1:]), local, depth + 1)
        if function not in self.variables:
            return None
        numbered = dict.fromkeys(map(str, range(10)), "") | {str(number): value for number, value in enumerate(values)}
        return self._expand(self.variables[function], numbered, depth + 1)

    def _choose(self, name: str, arguments: list[str], expand: Callable[[int], str]) -> str | None:
        """Return the result of ``if``, ``or`` and ``and``, which expand only the arguments that they need."""
        if name == "if":
            condition = expand(0).strip()
            # Of an unknown condition, make takes one of two texts; both are read.
            if _is_unknown(condition):
                is_simple = len(arguments) <= 3 and "$(shell" not in condition
                return f"{expand(1)} {expand(2)}".strip() if is_simple else None
            return expand(1) if condition else expand(2)
        result = ""
        for index in range(len(arguments)):
            result = expand(index).strip()
            if _is_unknown(result):
                return None
            if bool(result) == (name == "or"):
                return result
        return result


def _is_unknown(text: str) -> bool:
    """Whether a text depends on a variable or a function that is not known."""
    return "$" in text.replace("$$", "")


def _match_brackets(text: str) -> dict[int, int]:
    """Return the indexes of the closing brackets by those of the opening ones; each kind is matched by itself."""
    ends: dict[int, int] = {}
    open_indexes: dict[str, list[int]] = {")": [], "}": []}
    for match in re.finditer(r"[(){}]", text):
        bracket = match[0]
        if bracket in "({":
            open_indexes[")" if bracket == "(" else "}"].append(match.start())
        elif open_indexes[bracket]:
            ends[open_indexes[bracket].pop()] = match.start()
    return ends


def _split_arguments(text: str) -> list[str]:
    """Split the arguments of a function at the commas outside of brackets."""
    arguments: list[str] = []
    depth = start = 0
    for match in re.finditer(r"[(){},]", text):
        if match[0] in "({":
            depth += 1
        elif match[0] in ")}":
            depth -= 1
        elif depth <= 0:
            arguments.append(text[start : match.start()])
            start = match.end()
    return [*arguments, text[start:]]


class MakeRule(Struct, frozen=True):
    """The targets and the prerequisites of a rule, separated by blanks; ``*`` stands for the stem of a pattern."""

    targets: str
    prerequisites: str

    def expand_recipe(self, recipe: str) -> str:
        """Return a line of the recipe with the values of its automatic variables, such as ``$<``."""
        if not self.targets or len(recipe) > _MAX_RECIPE_LENGTH:
            return recipe
        normal = self.prerequisites.partition("|")[0]
        values = {
            "@": self.targets, "<": "".join(normal.split()[:1]), "^": normal, "+": normal, "?": normal,
            "|": self.prerequisites.partition("|")[2], "*": "*",
        }  # fmt: skip
        if recipe.count("$") * max(map(len, values.values())) > _MAX_EXPANDED_LENGTH:
            raise LimitReachedError("the automatic variables in a recipe have too long values")

        def replace(match: re.Match[str]) -> str:
            value = " ".join(values[match[1] or match[3]].split())
            part = {"D": posixpath.dirname, "F": posixpath.basename}.get(match[2] or "")
            return " ".join(map(part, value.split())) if part is not None else value

        return _AUTOMATIC.sub(replace, recipe)


def read_make_rule(line: str, expander: MakeExpander) -> MakeRule | None:
    """Return the rule that begins on a line; ``None`` if none does."""
    match = _RULE.fullmatch(line)
    if match is None or match[1].count("(") != match[1].count(")") or line.startswith((" ", "include", "-include")):
        return None
    targets, prerequisites = match[1].strip().removesuffix("&").rstrip(), match[2].strip()
    suffix = _SUFFIX_RULE.fullmatch(targets)
    if suffix is not None and not prerequisites:
        return MakeRule(targets, f"*{suffix[1]}")
    expanded = expander.expand_all(f"{targets}\n{prerequisites}").replace("%", "*").partition("\n")
    return MakeRule(expanded[0], expanded[2])


def collect_make_variables(text: str) -> dict[str, str]:
    """Return the values of the variables of a Makefile by name, as they are written; the last value counts."""
    text = text.replace("\r\n", "\n")
    # Parts by name, joined at the end: a text can add to one variable on each of its lines.
    parts = {name: [value] for name, value in _collect_definitions(text).items()}
    for match in iterate_within_deadline(_ASSIGNMENT.finditer(text), items_per_check=256):
        if match[2] == "!":
            continue
        name, value = match[1], " ".join(map(str.strip, match[3].split("\\\n"))).strip()
        value = value.partition(" #")[0].rstrip()
        if match[2] == "+" and name in parts:
            parts[name].append(value)
        elif match[2] != "?" or name not in parts:
            parts[name] = [value]
    return {name: " ".join(values) for name, values in parts.items()}


def _collect_definitions(text: str) -> dict[str, str]:
    """Return the texts between ``define name`` and ``endef`` by name; the last one counts."""
    definitions: dict[str, str] = {}
    name = ""
    lines: list[str] = []
    for line in iterate_within_deadline(text.split("\n"), items_per_check=256):
        start = _DEFINITION_START.match(line) if not name else None
        if start is not None:
            name, lines = start[1], []
        elif name and _DEFINITION_END.match(line):
            definitions[name] = "\n".join(lines)
            name = ""
        elif name:
            lines.append(line)
    return definitions
