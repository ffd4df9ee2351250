"""SVG figures written into the page itself, so that they take the colour of its text."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

POINT = 4 / 3  # CSS pixels in a point, matplotlib's unit of width and height
SMALLEST = 0.6  # of the natural width; below it a figure scrolls in its box
INHERITED = "stroke-linejoin:round;stroke-linecap:butt"
REFERENCE = r'(\bid="|href="#|url\(#)'


def inline(svg: str, prefix: str) -> str:
    """Return an SVG document as an element of an HTML page.

    The width becomes an upper bound, and a share of it a lower one. Every id gets the prefix.
    Style sheets, which would reach the whole page, give way to an attribute.
    """
    text = svg[svg.index("<svg") :].strip()
    text = re.sub(r"<(style|metadata)\b[^>]*>.*?</\1>\s*", "", text, flags=re.S)
    text = re.sub(REFERENCE, rf"\g<1>{prefix}-", text)
    head, body = text[4:].split(">", 1)
    width = re.search(r'\swidth="([\d.]+)(pt|px)?"', head)
    bound = ""
    if width:
        natural = float(width[1]) * (POINT if width[2] == "pt" else 1)
        bound = f";max-width:{natural:.0f}px;min-width:{natural * SMALLEST:.0f}px"
    for name in ("width", "height", "style", "version", "xmlns:xlink"):
        head = re.sub(rf'\s{name}="[^"]*"', "", head)
    body = body.replace("xlink:href=", "href=")
    return f'<svg{head} style="{INHERITED}{bound}">{body}'


def place_figures(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace the SVG images that notebooks put out by the SVG itself."""
    if app.builder.format != "html":
        return
    count = 0
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if path.suffix != ".svg" or "jupyter_execute" not in path.parts:
            continue
        count += 1
        svg = path.read_text(encoding="utf-8")
        if not re.search(r'<svg[^>]*\saria-label="[^"]', svg):
            logger.warning("figure %d has no text alternative", count, location=docname)
        figure = f'<figure class="nb-figure" tabindex="0">{inline(svg, f"figure-{count}")}</figure>'
        image.replace_self(nodes.raw("", figure, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-resolved", place_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
