"""Chapters by their topics: a role for sentences, one for titles, and the map of the book."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from topics import Named, named, stems

logger = logging.getLogger(__name__)

TOC = "_toc.yml"
LEFT, TOP, ACROSS, DOWN = 32, 26, 40, 52  # where the map begins, and its steps
NAMES = 190  # where the names of its parts begin
PAPER = "fill:var(--pst-color-background,#fff)"


def written(env: BuildEnvironment) -> list[str]:
    """Return the stems of the chapters; the page is read again when the list of them changes."""
    env.note_dependency(TOC)
    return stems(Path(env.srcdir, TOC).read_text(encoding="utf-8"))


class Chapter(SphinxRole):
    """A chapter by its number, or by words of one's own, with a link to it or to a heading in it.

    ``chapter`` and ``Chapter``, for the start of a sentence, are the same role to docutils.
    """

    title = False  # whether the page's own title stands for the words

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a link, or words alone while the chapter is in preparation."""
        capital = self.rawtext.lstrip(":{").startswith("C")
        try:
            found = named(self.text, written(self.env), capital=capital)
        except ValueError as fault:
            logger.warning("%s", fault, location=self.get_location())
            return [nodes.Text(self.text)], []
        if found.stem is None:
            own = self.text.endswith(">")
            return [nodes.Text(found.words if own else f"{found.words}, in preparation")], []
        return [self.link(found)], []

    def link(self, found: Named) -> nodes.Node:
        """Return a reference as MyST writes it for a Markdown link, which checks the heading."""
        link = pending_xref(
            refdomain="doc",
            reftype="myst",
            reftarget=f"notebooks/{found.stem}",
            reftargetid=found.anchor or None,
            refdoc=self.env.docname,
            refexplicit=not self.title,
        )
        self.set_source_info(link)
        link.append(nodes.inline("", found.words, classes=["xref", "myst"]))
        return link


class Title(Chapter):
    """A chapter by the title of its page."""

    title = True


class ChapterMap(SphinxDirective):
    """A map of the book: a line for each part, a circle for each chapter, filled when it is there.

    Each line of the content names a part and its topics, ``I Foundations: matmul, backprop``.
    """

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Return the map as a drawing."""
        there = written(self.env)
        parts, topics = [], {}
        for row, line in enumerate(self.content):
            part, _, names = line.partition(":")
            parts.append(part.strip())
            for column, topic in enumerate(names.split(",")):
                topics[topic.strip()] = (LEFT + ACROSS * column, TOP + DOWN * row)
        try:
            circles = [
                self.circle(named(topic, there, capital=True), *at) for topic, at in topics.items()
            ]
        except ValueError as fault:
            raise self.error(str(fault)) from fault
        return [nodes.raw("", drawing(parts, list(topics.values()), circles), format="html")]

    def circle(self, found: Named, x: int, y: int) -> str:
        """Draw one chapter, with a link to it if it is there."""
        if found.stem is None:
            return (
                f'<circle cx="{x}" cy="{y}" r="13" style="{PAPER}" stroke="currentColor" '
                f'stroke-width="1.5"><title>{escape(found.words)}, in preparation</title></circle>'
            )
        page = f"notebooks/{found.stem}"
        address = self.env.app.builder.get_relative_uri(self.env.docname, page)
        return (
            f'<a href="{escape(address)}" aria-label="{found.words}, written: read it">'
            f'<circle cx="{x}" cy="{y}" r="15"/><text x="{x}" y="{y + 5}" text-anchor="middle" '
            f'font-weight="700" style="{PAPER}">{int(found.stem[:2])}</text></a>'
        )


def drawing(parts: list[str], places: list[tuple[int, int]], circles: list[str]) -> str:
    """Return the map as SVG: the ways first, then the circles, then the names of the parts."""
    ways = ""
    for row in range(len(parts)):
        y = TOP + DOWN * row
        ways += f"M{LEFT} {y} H{max(x for x, other in places if other == y)} "
    bottom = TOP + DOWN * (len(parts) - 1)
    names = "".join(
        f'<text x="{NAMES}" y="{TOP + DOWN * row + 4.5}">{escape(part)}</text>'
        for row, part in enumerate(parts)
    )
    return f"""
<svg viewBox="0 0 340 {bottom + 28}" role="group" aria-labelledby="map-title"
  xmlns="http://www.w3.org/2000/svg" style="display:block;width:100%;max-width:24rem;height:auto;
  margin:1rem 0 1.5rem;color:inherit;background:transparent"
  font-family="inherit" font-size="13" fill="currentColor">
<title id="map-title">Map of the chapters in their parts. Filled circles are chapters that are
written, each with a link; open ones are planned.</title>
<path d="{ways}M{LEFT} {TOP} V{bottom}" fill="none" stroke="currentColor" stroke-width="1.5"
  opacity=".45"/>
{"".join(circles)}
{names}
</svg>"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_role("chapter", Chapter())
    app.add_role("chapter-title", Title())
    app.add_directive("chapter-map", ChapterMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
