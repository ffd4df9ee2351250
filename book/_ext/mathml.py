"""From TeX to MathML that browsers draw as TeX would: spacing, accents, alphabets, limits."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from xml.etree.ElementTree import Element, tostring

from latex2mathml.commands import FUNCTIONS
from latex2mathml.converter import Converter

THIN = "0.1667em"
SPACES = {
    "negativethinmathspace": "-0.1667em",
    "negativemediummathspace": "-0.2222em",
    "negativethickmathspace": "-0.2778em",
    "thinmathspace": THIN,
    "thickmathspace": "0.2778em",
}
# What the converter does not know, in words that it does.
REWRITES = (
    (r"\\(begin|end)\{(aligned|align|split|eqnarray\*?)\}", r"\\\1{align*}"),
    (r"\\(begin|end)\{(gathered|gather\*?|multline\*?)\}", r"\\\1{align*}"),
    (r"\\(begin|end)\{(equation\*?)\}", ""),
    (r"\\operatorname\*?\{arg(?:\\,|\s)*(max|min)\}", r"\\arg\1"),
    (r"\\arg\s*\\(max|min)(?![a-zA-Z])", r"\\arg\1"),
    (r"\\arg(?![a-zA-Z])", r"\\operatorname{arg}"),
    (r"\\colon(?![a-zA-Z])", r"\\mathpunct{:}"),
    (r"\\(nonumber|notag)(?![a-zA-Z])", ""),
    (r"\\label\{[^{}]*\}", ""),
)
ROWS = {"math", "mrow", "mtd", "msqrt", "mstyle", "mpadded", "mphantom"}
PARTS = {"mfrac": 2, "mover": 2, "mroot": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2}
SCRIPTED = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
CLOSING, BARS = set(")]}⟩⌉⌋!′″‴"), set("|‖")
SIGNS, PRIMES = set("+−-±∓"), set("′″‴⁗")
LETTERLIKE = set("∂∇∞∅∀∃…⋯⋮⋱")
ACCENTS = {"^": "ˆ", "~": "˜", "¯": "‾", "―": "‾", "´": "´", "`": "`"}
ACCENT_MARKS = set("ˆ˜‾´`˘ˇ˙¨˚→")
# What each style of an alphabet is called in Unicode's names for it.
STYLES = {
    "bold": "BOLD",
    "bold-italic": "BOLD ITALIC",
    "double-struck": "DOUBLE-STRUCK",
    "fraktur": "FRAKTUR",
    "italic": "ITALIC",
    "monospace": "MONOSPACE",
    "sans-serif": "SANS-SERIF",
    "sans-serif-italic": "SANS-SERIF ITALIC",
    "script": "SCRIPT",
}
RELATION = re.compile(
    r"=|<|>|,|\\(?:approx|equiv|geq?|in|leftarrow|leq?|mapsto|neq?|propto|sim|to|rightarrow)"
    r"(?![a-zA-Z])"
)
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.S)


class UnknownCommand(ValueError):
    """A formula holds something that cannot be written as MathML."""


def to_mathml(latex: str, *, block: bool = False) -> str:
    """Return a formula as a MathML element.

    Parameters
    ----------
    latex
        What stands between the dollar signs, without a ``\\tag``.
    block
        Whether the formula stands on lines of its own.

    Raises
    ------
    UnknownCommand
        If the formula is not TeX, or not TeX that can be converted.
    """
    source = latex.strip()
    for pattern, known in REWRITES:
        source = re.sub(pattern, known, source)
    if re.search(r"\\operatorname(?!\*?\s*\{[a-zA-Z\s]+\})", source):
        raise UnknownCommand("the name of an operator must be letters")
    try:
        converted = Converter(display="block" if block else "inline").convert_to_element(source)
    except Exception as fault:
        raise UnknownCommand(f"{type(fault).__name__}: {fault or 'not valid TeX'}") from fault
    for element in converted.iter():
        element.text = html.unescape(element.text) if element.text else None
        if "\\" in (element.text or ""):
            raise UnknownCommand(f"unknown command {element.text}")
        if len(element) != PARTS.get(element.tag, len(element)):
            raise UnknownCommand(f"an argument is missing, the {element.tag} is incomplete")
    _mend(converted)
    for element in converted.iter():
        if element.get("class") == "function":
            element.attrib.pop("class")
    return tostring(converted, encoding="unicode")


def pieces(latex: str, *, longest: int = 14) -> list[str]:
    """Split a long formula after its outermost relations, where a line may break."""
    if len(re.sub(r"\\[a-zA-Z]+|\\[,;:!]|[{}_^\s]", "", latex)) <= longest:
        return [latex]
    parts, start, depth, bars = [], 0, 0, 0
    for token in TOKEN.finditer(latex):
        text = token[0]
        depth += text in ("{", "(", "[", r"\{", r"\left", r"\begin", r"\lVert", r"\langle")
        depth -= text in ("}", ")", "]", r"\}", r"\right", r"\end", r"\rVert", r"\rangle")
        bars += text in ("|", r"\|")
        after = latex[token.end() :].strip()
        if not depth and bars % 2 == 0 and after and RELATION.fullmatch(text):
            parts.append(latex[start : token.end()])
            start = token.end()
    return [*parts, latex[start:]]


def _mend(root: Element) -> None:
    for element in list(root.iter()):
        _mend_leaf(element)
    for element in list(root.iter()):
        _join_letters(element)
        _fence_matrices(element)
    for element in list(root.iter()):
        _mend_structure(element)
    for element in list(root.iter()):
        if element.tag in ROWS:
            _space(element)
    for script in _scripts(root):
        for operator in script.iter("mo"):
            operator.set("lspace", "0")
            operator.set("rspace", "0")


def _scripts(root: Element) -> Iterator[Element]:
    for element in root.iter():
        if element.tag in SCRIPTED and "accent" not in element.attrib:
            yield from list(element)[1:]


def _mend_leaf(element: Element) -> None:
    """Put letters into their Unicode alphabet, and name each symbol for what it is."""
    text = element.text or ""
    if element.tag == "mspace":
        element.set("width", SPACES.get(element.get("width", ""), element.get("width", "0")))
        element.attrib.pop("linebreak", None)
    elif element.tag == "mtext" and text.strip():
        element.tag = "mi"  # beside mtext, operators lose their spaces
        element.attrib.setdefault("mathvariant", "normal")
    elif element.tag == "mi" and re.fullmatch(r"\.?\d+", text):
        element.tag = "mn"
    elif element.tag == "mi" and text and set(text) <= PRIMES:
        element.tag = "mo"
    elif element.tag == "mi" and text == ":":
        element.tag = "mo"
        element.attrib.update(lspace="0.2778em", rspace="0.2778em")
    elif element.tag == "mo" and text in LETTERLIKE:
        element.tag = "mi"
        if text != "∂":
            element.set("mathvariant", "normal")
    elif element.tag == "mo" and text == "\N{MIDDLE DOT}":
        element.text = "\N{DOT OPERATOR}"
    elif element.tag == "mo" and len(text) > 1 and text[0].isalpha():
        name = "mo" if element.get("movablelimits") or text in ("max", "min", "mod") else "mi"
        element.tag = name if text not in ("lim", "sup", "inf") else "mo"
        if element.tag == "mo":
            element.set("movablelimits", str(text != "mod").lower())
            gap = "0.2222em" if text == "mod" else "0"
            element.set("lspace", gap)
            element.set("rspace", gap)
        if text != "mod":
            element.set("class", "function")
    elif element.tag == "mi" and "\\" + text in FUNCTIONS:
        element.set("class", "function")
    if element.tag == "mi" and len(text) == 1 and "Α" <= text <= "Ω":
        element.attrib.setdefault("mathvariant", "normal")  # as TeX sets capital Greek letters
    style = element.get("mathvariant")
    if style in STYLES:
        element.text = "".join(_styled(letter, STYLES[style]) for letter in text)
        element.attrib.pop("mathvariant")


def _styled(letter: str, style: str) -> str:
    """Return a letter in one of Unicode's mathematical alphabets, or as it is."""
    if (letter, style) == ("h", "ITALIC"):
        return "\N{PLANCK CONSTANT}"
    name = re.sub(r"^(LATIN|GREEK) | LETTER|LUNATE ", "", unicodedata.name(letter, ""))
    for family in (f"MATHEMATICAL {style}", style, style.replace("FRAKTUR", "BLACK-LETTER")):
        try:
            return unicodedata.lookup(f"{family} {name}")
        except KeyError:
            continue
    return letter


def _join_letters(element: Element) -> None:
    """Make one word of upright letters that stand side by side."""
    for child in list(element):
        place = list(element).index(child)
        before = element[place - 1] if place else None
        if (
            before is not None
            and element.tag in ROWS
            and {child.tag, before.tag} == {"mi"}
            and child.get("mathvariant") == before.get("mathvariant") == "normal"
            and len(child.text or "") == 1
            and (child.text or "").isalpha()
            and (before.text or "").isascii()
            and (before.text or "").isalpha()
        ):
            before.text = (before.text or "") + (child.text or "")
            element.remove(child)


def _fence_matrices(element: Element) -> None:
    """Give each matrix a row of its own with its brackets, so that they grow with no other."""
    for table in [child for child in element if child.tag == "mtable"]:
        place = list(element).index(table)
        if 0 < place < len(element) - 1:
            left, right = element[place - 1], element[place + 1]
            if left.tag == right.tag == "mo" and "form" not in {*left.attrib, *right.attrib}:
                row = Element("mrow")
                for child in (left, table, right):
                    element.remove(child)
                    row.append(child)
                left.attrib.update({"form": "prefix", "stretchy": "true"})
                right.attrib.update({"form": "postfix", "stretchy": "true"})
                element.insert(place - 1, row)


def _mend_structure(element: Element) -> None:
    children = list(element)
    if element.tag == "mtable":
        aligned = "displaystyle" in element.attrib
        element.attrib = {"displaystyle": "true", "class": "aligned"} if aligned else {}
    elif element.tag == "mtd":
        side = element.attrib.pop("columnalign", "")
        if side in ("left", "right"):
            element.set("class", side)
    elif element.tag in ("mover", "munder") and len(children) == 2 and children[1].tag == "mo":
        mark = children[1]
        if (mark.text or "") in ACCENTS:
            mark.text = ACCENTS[mark.text or ""]
        if mark.text in ACCENT_MARKS:
            wide = len("".join(children[0].itertext())) > 1 or mark.text == "‾"
            element.set("accent" if element.tag == "mover" else "accentunder", "true")
            mark.attrib = {"stretchy": str(wide).lower()}
            if mark.text == "→":
                mark.attrib["class"] = "vector"
    if element.tag in ("msub", "msubsup", "msup") and children[0].get("movablelimits") == "true":
        element.tag = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}[element.tag]
    if element.tag == "msup" and children[1].tag == "mo" and set(children[1].text or "") <= PRIMES:
        element.tag = "mrow"  # the font's primes stand high already
        children[1].attrib.update(form="postfix", lspace="0", rspace="0")
    if element.tag in SCRIPTED and children[0].get("minsize"):
        element[0] = Element("mrow")  # a bracket grows only in a row
        element[0].append(children[0])
    for child in children:
        if child.tag == "mo" and not child.text:
            element.remove(child)


def _core(element: Element | None) -> Element | None:
    """Return what a script hangs on."""
    while element is not None and element.tag in SCRIPTED:
        element = element[0]
    if element is not None and element.tag == "mrow" and len(element) == 1:
        return _core(element[0])
    return element


def _space(row: Element) -> None:
    """Space the operators of a row as TeX does."""
    children = [child for child in row if child.tag != "mspace"]
    inside = 0
    for i, child in enumerate(children):
        before = _core(children[i - 1]) if i else None
        core = _core(child)
        if core is None:
            continue
        text = core.text or ""
        if core.tag == "mo" and text in SIGNS:
            second = row.tag == "mtd" and row.get("class") == "left" and not i
            unary = not second and (before is None or _awaits_operand(before))
            core.set("form", "prefix" if unary else "infix")
            if unary:
                core.attrib.update(lspace="0", rspace="0")
        elif core.tag == "mo" and text == "/":
            core.attrib.update(lspace="0", rspace="0")
        elif core.tag == "mo" and text in BARS and "form" not in core.attrib:
            opens = not inside or (before is not None and _awaits_operand(before))
            inside += 1 if opens else -1
            size = {} if "minsize" in core.attrib else {"stretchy": "false"}
            core.attrib.update(size, form="prefix" if opens else "postfix", lspace="0", rspace="0")
        elif row.tag == "mrow" and len(row) == 1 and core.tag == "mo":
            core.attrib.update(lspace="0", rspace="0")
    _space_functions(row)


def _awaits_operand(core: Element) -> bool:
    """Tell whether what follows is a first operand, so that a minus there is a sign."""
    if core.tag != "mo":
        return core.get("class") == "function"
    if core.get("form") in ("prefix", "postfix") and (core.text or "") in BARS:
        return core.get("form") == "prefix"
    return (core.text or "") not in CLOSING


def _space_functions(row: Element) -> None:
    """Put a thin space between the name of a function and what is not a bracket."""
    for child in list(row):
        core = _core(child)
        if core is None or core.get("class") != "function":
            continue
        place = list(row).index(child)
        after = row[place + 1] if place + 1 < len(row) else None
        operand = _core(after)
        if operand is not None and operand.tag not in ("mo", "mspace"):
            fenced = operand.tag == "mrow" and len(operand) and operand[0].get("fence") == "true"
            if not fenced:
                row.insert(place + 1, Element("mspace", width=THIN))
        before = _core(row[place - 1]) if place else None
        if before is not None and before.tag != "mspace" and not _awaits_operand(before):
            row.insert(place, Element("mspace", width=THIN))


def letters(formula: Element) -> set[str]:
    """Return the characters that a browser draws for a formula."""
    drawn: set[str] = set()
    for element in formula.iter():
        text = element.text or ""
        drawn.update(text)
        if element.tag.endswith("mi") and len(text) == 1 and not element.get("mathvariant"):
            drawn.add(_styled(text, "ITALIC"))
    return drawn
