# SPDX-License-Identifier: GPL-2.0
"""Makes helpers of the kernel's Rust support from kapi/shim."""

import re

from .plan import Plan

INCLUDE = re.compile(r"^#include ([<\"][^>\"]+[>\"])\n", re.M)
# A function that begins a line, up to its body. Its result may stand on a line of its own.
FUNCTION = re.compile(
    r"^(?!static )(?P<result>\w[\w ]*?[ \n]\**)(?P<name>kapi_\w+)"
    r"\((?P<arguments>[^)]*(?:\([^)]*\)[^)]*)*)\)\n\{", re.M)
PROTOTYPE = re.compile(r"^\w[\w ]*?[ *]+kapi_\w+\([^;{]*\);\n", re.M)
TAB = 8
WIDTH = 80


def _split(arguments: str) -> list[str]:
    """Arguments by the commas that are not within parentheses."""
    text = re.sub(r"\s+", " ", arguments).strip()
    found, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            found.append("")
        else:
            found[-1] += char
    return [argument.strip() for argument in found]


def _indent(column: int) -> str:
    return "\t" * (column // TAB) + " " * (column % TAB)


def _signature(result: str, name: str, arguments: str) -> str:
    """A function's head, with its arguments below each other from the parenthesis on."""
    result = re.sub(r"\s+", " ", result)
    for head in (f"{result}{name}(", f"{result.rstrip()}\n{name}("):
        column = len(head.split("\n")[-1])
        lines = [head]
        for number, argument in enumerate(_split(arguments)):
            piece = argument if number == 0 else f", {argument}"
            if len(lines[-1].replace("\t", " " * TAB)) + len(piece) + 1 <= WIDTH or number == 0:
                lines[-1] += piece
            else:
                lines[-1] += ","
                lines.append(_indent(column) + argument)
        text = "\n".join(lines) + ")"
        if all(len(line.expandtabs(TAB)) <= WIDTH for line in text.split("\n")):
            return text
    raise ValueError(f"{name} does not fit into {WIDTH} columns")


def _words(text: str, plan: Plan) -> str:
    """The names of ours that remain, in code and comments."""
    text = re.sub(r"\b(kapi_\w+)\(\)", lambda match: f"rust_helper_{plan.helper(match[1])}()", text)
    text = re.sub(r"\bkapi_\w+", lambda match: plan.helper(match[0]), text)
    return text.replace("KAPI_", plan.constants)


def source(text: str, plan: Plan) -> tuple[set[str], str]:
    """What a C file of the shim includes of the kernel's headers, and the helpers that it has."""
    includes = {name for name in INCLUDE.findall(text) if name.startswith("<")}
    text = INCLUDE.sub("", text)
    text = text.split("\n", maxsplit=1)[1].strip("\n") + "\n"
    # What uses a function of this file alone cannot be inlined elsewhere.
    local = re.findall(r"^static [^(]*\b(\w+)\(", text, re.M)

    def head(match: re.Match[str]) -> str:
        body = text[match.end():text.index("\n}", match.end())]
        inlined = "" if any(name in body for name in local) else "__rust_helper "
        name = "rust_helper_" + plan.helper(match["name"])
        return _signature(inlined + match["result"], name, match["arguments"]) + "\n{"

    return includes, _words(FUNCTION.sub(head, text), plan)


def header(text: str, plan: Plan) -> tuple[set[str], str]:
    """What a header of the shim includes, and what it has but prototypes."""
    includes = {name for name in INCLUDE.findall(text) if name.startswith("<")}
    text = INCLUDE.sub("", text)
    text = re.sub(r"^#(?:ifndef|define|endif)\b[^\n]*KAPI_SHIM_\w+_H[^\n]*\n", "", text, flags=re.M)
    text = PROTOTYPE.sub("", text)
    text = re.sub(r"^struct \w+;\n", "", text, flags=re.M)
    text = text.split("\n", maxsplit=1)[1]
    return includes, re.sub(r"\n{3,}", "\n\n", _words(text, plan)).strip("\n")


def merged(texts: list[tuple[set[str], str]]) -> tuple[str, str]:
    """The `#include` lines of several files, and their contents one after the other."""
    includes = sorted(set().union(*(names for names, _ in texts)))
    return ("".join(f"#include {name}\n" for name in includes),
            "\n".join(text.strip("\n") + "\n" for _, text in texts if text.strip()))
