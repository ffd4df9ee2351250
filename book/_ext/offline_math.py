"""Formulas as MathML, made at build time: no script draws them, no other host is asked."""

from __future__ import annotations

import html
import re
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from mathfont import write_font
from mathml import UnknownCommand, letters, pieces, to_mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

TAG = re.compile(r"\\tag\{([^{}]*)\}")
FORMULA = re.compile(r"<math\b.*?</math>", re.S)
# What no line may start with stays with the formula before it, and the other way round.
AFTER = re.compile(r"^[^\s\w(\[{]\S{0,11}|^[-\u2010\u2011]\S{0,11}")
BEFORE = re.compile(r"[(\[{\u201c\u2018\"']+$|(?<=\s)\S{1,8}[-\u2010\u2011]$")


def hold_together(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each formula the brackets and stops that touch it, so that no line break parts them."""
    for node in list(doctree.findall(nodes.math)):
        siblings = node.parent.children
        place = siblings.index(node)
        for step, pattern, name in ((1, AFTER, "after"), (-1, BEFORE, "before")):
            beside = siblings[place + step] if 0 <= place + step < len(siblings) else None
            touching = pattern.search(beside.astext()) if isinstance(beside, nodes.Text) else None
            if touching:
                node[name] = touching[0]
                node.parent.replace(beside, nodes.Text(pattern.sub("", beside.astext(), count=1)))


def _convert(translator: HTML5Translator, latex: str, node: nodes.Element, block: bool) -> str:
    try:
        return to_mathml(latex, block=block)
    except UnknownCommand as fault:
        logger.warning("%s in the formula %r", fault, latex, location=node)
        return f"<code>{html.escape(latex)}</code>"


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula inside a line; a long one may break after its relations."""
    before, after = (html.escape(node.get(name, "")) for name in ("before", "after"))
    parts = [_convert(translator, part, node, False) for part in pieces(node.astext())]
    parts[0], parts[-1] = before + parts[0], parts[-1] + after
    spans = (f'<span class="math-piece">{part}</span>' for part in parts)
    translator.body.append(
        f'<span class="math notranslate nohighlight">{"<wbr>".join(spans)}</span>'
    )
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number at the right."""
    latex = node.astext()
    tag = TAG.search(latex)
    number = tag[1] if tag else ""
    anchors = [*node["ids"], *(["eq-" + number.replace(".", "-")] if tag else [])]
    if node.get("number"):
        number = get_node_equation_number(translator, node)
    formula = _convert(translator, TAG.sub("", latex), node, True)
    spans = "".join(f'<span id="{html.escape(one)}"></span>' for one in anchors[1:])
    identity = f' id="{html.escape(anchors[0])}"' if anchors else ""
    label = f'<span class="eqno">({html.escape(number)})</span>' if number else ""
    translator.body.append(
        f'<div class="math notranslate nohighlight"{identity}>{spans}'
        f'<div class="math-scroll" tabindex="0">{formula}</div>{label}</div>\n'
    )
    raise nodes.SkipNode


def cut_font(app: Sphinx, exception: Exception | None) -> None:
    """Write the math font, cut down to the characters of the formulas that were built."""
    if exception is not None or app.builder.format != "html":
        return
    used: set[str] = set()
    for page in sorted(Path(app.outdir).rglob("*.html")):
        for formula in FORMULA.findall(page.read_text(encoding="utf-8")):
            used |= letters(ElementTree.fromstring(formula))
    write_font(used, Path(app.outdir, "_static"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("doctree-resolved", hold_together)
    app.connect("build-finished", cut_font)
    app.add_css_file("math-font.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
