"""What the pages are made of, formulas to chapters' names; planted faults for every check."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from fontTools.ttLib import TTFont

from book import weave
from tests import _pages

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
import offline_math
from inline_figures import inline
from mathfont import write_font
from mathml import UnknownCommand, letters, pieces, to_mathml
from topics import SUBJECTS, named, stems

ROOT = Path(__file__).parents[1]


def flat(latex: str, *, block: bool = False) -> str:
    """Return a formula's MathML without the outermost element and its namespace."""
    return re.sub(r"^<math[^>]*><mrow>|</mrow></math>$", "", to_mathml(latex, block=block))


# Formulas


def test_an_unknown_command_is_refused_by_name() -> None:
    with pytest.raises(UnknownCommand, match=r"\\nonsense"):
        to_mathml(r"\nonsense{x}")


def test_an_unfinished_formula_is_refused() -> None:
    with pytest.raises(UnknownCommand):
        to_mathml(r"\frac{1}")


def test_a_minus_after_a_relation_is_a_sign_without_space() -> None:
    assert '<mo form="prefix" lspace="0" rspace="0">−</mo>' in flat("a = -b")


def test_a_minus_between_operands_keeps_its_spaces() -> None:
    assert flat("a - b") == '<mi>a</mi><mo form="infix">−</mo><mi>b</mi>'


def test_a_minus_after_a_closing_bar_is_no_sign() -> None:
    assert '<mo form="infix">−</mo>' in flat("|x| - 1")


def test_a_minus_after_an_opening_bar_is_a_sign() -> None:
    assert '<mo form="prefix" lspace="0" rspace="0">−</mo>' in flat("|-x|")


def test_a_function_stands_off_its_argument() -> None:
    assert '<mi>log</mi><mspace width="0.1667em" /><mi>p</mi>' in flat(r"\log p")


def test_a_function_touches_its_bracket() -> None:
    assert flat(r"\log(p)").startswith('<mi>log</mi><mo stretchy="false">(</mo>')


def test_the_name_of_an_operator_is_an_upright_word() -> None:
    assert flat(r"\operatorname{ReLU}(x)").startswith("<mi>ReLU</mi>")


def test_letters_in_roman_type_join_to_a_word() -> None:
    assert ">softmax</mi>" in flat(r"\mathrm{softmax}(z)")


def test_a_maximum_has_its_limit_below() -> None:
    assert flat(r"\max_i x").startswith('<munder><mo movablelimits="true"')


def test_arg_max_is_one_operator() -> None:
    texts = ["".join(ElementTree.fromstring(to_mathml(f)).itertext()) for f in ARG_MAX]
    assert texts == ["arg\u2009maxx"] * 3


ARG_MAX = (r"\arg\max x", r"\operatorname{arg\,max} x", r"\operatorname*{argmax} x")


@pytest.mark.parametrize(
    ("latex", "letter"),
    [
        (r"\mathbf{x}", "𝐱"),
        (r"\boldsymbol{\theta}", "𝜽"),
        (r"\mathbb{R}", "ℝ"),
        (r"\mathcal{L}", "ℒ"),
        (r"\mathbf{10}", "𝟏𝟎"),
        (r"\mathsf{T}", "𝖳"),
    ],
)
def test_alphabets_are_unicode_letters(latex: str, letter: str) -> None:
    assert letter in to_mathml(latex)


def test_no_formula_asks_for_a_variant_that_browsers_dropped() -> None:
    text = "".join(
        to_mathml(one) for one in (r"\mathbf{x}", r"\bm{\mu}", r"\mathrm{d}x", r"\Sigma")
    )
    assert set(re.findall(r'mathvariant="([^"]+)"', text)) == {"normal"}


def test_capital_greek_letters_are_upright() -> None:
    assert flat(r"\Delta") == '<mi mathvariant="normal">Δ</mi>'


def test_aligned_lines_meet_at_their_relation() -> None:
    cells = re.findall(r'<mtd class="(\w+)"', to_mathml(r"\begin{aligned}a&=b\\&=c\end{aligned}"))
    assert cells == ["right", "left", "right", "left"]


def test_aligned_lines_are_set_in_display_style() -> None:
    assert '<mtable displaystyle="true"' in to_mathml(r"\begin{aligned}a&=\frac12\end{aligned}")


def test_the_brackets_of_a_matrix_grow_with_that_matrix_only() -> None:
    two = r"\begin{bmatrix}1\\2\end{bmatrix}\begin{bmatrix}1\end{bmatrix}"
    assert len(re.findall(r"<mrow><mo[^>]*>\[</mo><mtable>", to_mathml(two))) == 2


def test_words_inside_a_formula_leave_operators_their_spaces() -> None:
    assert "mtext" not in to_mathml(r"\text{precision}+\text{recall}")


def test_a_long_formula_may_break_after_its_relations() -> None:
    assert pieces(r"z = w_1 x_1 + w_2 x_2 + b = 17.25") == [
        "z =",
        " w_1 x_1 + w_2 x_2 + b =",
        " 17.25",
    ]


def test_a_long_formula_does_not_break_inside_brackets() -> None:
    latex = r"f(x_1, x_2, x_3, x_4, x_5, x_6, x_7, x_8, x_9)"
    assert pieces(latex) == [latex]


def test_a_short_formula_stays_whole() -> None:
    assert pieces("y = 2x") == ["y = 2x"]


def test_the_pieces_of_a_formula_are_the_formula() -> None:
    latex = r"\left|a = b\right| \le \{c, d\} = \text{one, two}, e \to f \in \mathbb{R}, g"
    assert "".join(pieces(latex)) == latex


def test_a_formula_needs_the_italic_twins_of_its_letters() -> None:
    assert {"𝑥", "ℎ"} <= letters(ElementTree.fromstring(to_mathml("x + h")))


# Formulas in their page


class Translator:
    """As much of Sphinx's translator as a formula needs."""

    def __init__(self) -> None:
        self.body: list[str] = []


def written(node: nodes.Element) -> str:
    """Return the HTML of a formula."""
    translator, block = Translator(), isinstance(node, nodes.math_block)
    visit = offline_math.visit_block if block else offline_math.visit_inline
    with pytest.raises(nodes.SkipNode):
        visit(translator, node)
    return "".join(translator.body)


def test_a_tag_becomes_the_number_of_an_equation() -> None:
    page = _pages.parse(written(nodes.math_block("", r"y = x \tag{2.3}")))
    assert page.select_one("#eq-2-3 .eqno").get_text() == "(2.3)"


def test_a_tag_is_no_part_of_the_formula() -> None:
    page = _pages.parse(written(nodes.math_block("", r"y = x \tag{2.3}")))
    assert page.math.get_text() == "y=x"


def test_an_equation_without_a_tag_has_no_number() -> None:
    assert "eqno" not in written(nodes.math_block("", "y = x"))


def test_a_comma_stays_with_its_formula() -> None:
    paragraph = nodes.paragraph("", "", nodes.math("", "x"), nodes.Text(", then"))
    offline_math.hold_together(None, paragraph, "")
    assert (paragraph[0]["after"], paragraph[1].astext()) == (",", " then")


def test_an_opening_bracket_stays_with_its_formula() -> None:
    paragraph = nodes.paragraph("", "", nodes.Text("so ("), nodes.math("", "x"))
    offline_math.hold_together(None, paragraph, "")
    assert (paragraph[0].astext(), paragraph[1]["before"]) == ("so ", "(")


def test_a_word_after_a_formula_stays_where_it_is() -> None:
    paragraph = nodes.paragraph("", "", nodes.math("", "x"), nodes.Text(" is"))
    offline_math.hold_together(None, paragraph, "")
    assert paragraph[1].astext() == " is"


def test_a_formula_that_cannot_be_converted_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        written(nodes.math("", r"\nonsense"))
    assert r"unknown command \nonsense" in caplog.text


# The font


def test_the_same_letters_give_the_same_font(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    one, two = write_font("xyz", tmp_path), write_font("zyx", tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()


def test_the_font_can_draw_mathematics(tmp_path: Path) -> None:
    font = TTFont(write_font("𝑥∑", tmp_path))
    assert "MATH" in font
    assert {ord("𝑥"), ord("∑")} <= set(font.getBestCmap())


def test_the_font_leaves_out_what_no_formula_needs(tmp_path: Path) -> None:
    assert ord("ℵ") not in TTFont(write_font("x", tmp_path)).getBestCmap()


def test_the_font_carries_its_licence(tmp_path: Path) -> None:
    write_font("x", tmp_path)
    notice = (tmp_path / "math-font-licence.txt").read_text(encoding="utf-8")
    assert "SIL Open Font License" in notice
    assert "STIX Fonts Project Authors" in notice


# Figures

DRAWING = """<?xml version="1.0"?>
<svg role="img" aria-label="The loss falls to zero in ten steps." width="432pt" height="230pt"
 viewBox="0 0 432 230"><style>svg:root{background:#fff}</style><defs>
<style type="text/css">*{stroke-linejoin: round}</style><clipPath id="p1"/></defs>
<g clip-path="url(#p1)"><use xlink:href="#p1"/></g></svg>"""


def test_a_figure_in_a_page_keeps_its_words() -> None:
    assert 'aria-label="The loss falls to zero in ten steps."' in inline(DRAWING, "figure-1")


def test_a_figure_in_a_page_has_ids_of_its_own() -> None:
    assert set(re.findall(r"[\w-]*p1", inline(DRAWING, "figure-1"))) == {"figure-1-p1"}


def test_a_figure_in_a_page_styles_nothing_else() -> None:
    assert "<style" not in inline(DRAWING, "figure-1")


def test_a_figure_in_a_page_is_at_most_as_wide_as_it_was_drawn() -> None:
    head = inline(DRAWING, "figure-1").split(">")[0]
    assert "max-width:576px" in head
    assert " width=" not in head


# Chapters by their topics

SITE = {
    "_toc.yml": "- file: notebooks/01_matmul\n- file: notebooks/08_recurrent\n",
    "notebooks/01_matmul.md": "# Multiply\n",
    "notebooks/08_recurrent.md": "# Remember\n\n## Two states\n",
    "book/index.md": """# Index

```{chapter-map}
I Foundations: matmul, embeddings
II Sequences: recurrent
```

{chapter-title}`recurrent` is a title.

## Symbols of {chapter}`recurrent`

```{toctree}
:hidden:
sources/page
faults
../notebooks/01_matmul
../notebooks/08_recurrent
```
""",
    "book/sources/page.md": """# Page

{Chapter}`recurrent` is read after {chapter}`matmul`.

| Row | Where |
|---|---|
| R1 | {chapter}`its states <recurrent#two-states>`, {chapter}`its page <recurrent>` |

Not yet: {chapter}`attention`; {Chapter}`torch_pipeline`; {chapter}`words <bert#heading>`.
""",
    "book/faults.md": "# Faults\n\n{chapter}`lost` and {chapter}`words <matmul#lost>`\n",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, BeautifulSoup], str]:
    """Build a small book; give its pages, and what the build warned of."""
    folder = tmp_path_factory.mktemp("site")
    out = folder / "out"
    for name, text in SITE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    settings = (
        "extensions=myst_parser,chapters",
        "html_theme=basic",
        "myst_heading_anchors=3",
        "root_doc=book/index",
    )
    options = [word for one in settings for word in ("-D", one)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-N", "-C", *options, folder, out],
        env={**os.environ, "PYTHONPATH": str(ROOT / "book" / "_ext"), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    texts = {name: (out / name).with_suffix(".html") for name in SITE if name.endswith(".md")}
    pages = {name: _pages.parse(path.read_text(encoding="utf-8")) for name, path in texts.items()}
    return pages, done.stderr


def links(page: BeautifulSoup) -> dict[str, str]:
    """Return where the words of a page's text lead."""
    found = page.select(".body p a.reference, .body td a.reference, .body h2 a.reference")
    return {link.get_text(): str(link["href"]) for link in found}


def test_a_chapter_is_called_by_its_number_and_linked(site: tuple) -> None:
    found = links(site[0]["book/sources/page.md"])
    assert found["chapter 1"] == "../../notebooks/01_matmul.html"
    assert found["Chapter 8"] == "../../notebooks/08_recurrent.html"


def test_a_chapter_may_be_called_in_other_words_and_by_a_heading(site: tuple) -> None:
    found = links(site[0]["book/sources/page.md"])
    assert found["its states"] == "../../notebooks/08_recurrent.html#two-states"
    assert found["its page"] == "../../notebooks/08_recurrent.html"


def test_a_chapter_may_be_called_by_its_title(site: tuple) -> None:
    assert links(site[0]["book/index.md"])["Remember"] == "../notebooks/08_recurrent.html"


def test_a_heading_may_name_a_chapter(site: tuple) -> None:
    assert links(site[0]["book/index.md"])["chapter 8"] == "../notebooks/08_recurrent.html"


def test_a_chapter_in_preparation_is_called_by_its_subject_without_a_link(site: tuple) -> None:
    page = site[0]["book/sources/page.md"]
    assert (
        "Not yet: the chapter on attention, in preparation; "
        "The chapter on the PyTorch pipeline, in preparation; words." in page.get_text()
    )
    assert len(links(page)) == 4


def test_a_chapter_that_nobody_planned_is_named(site: tuple) -> None:
    assert "WARNING: a chapter is named by its topic, got 'lost'" in site[1]


def test_a_heading_that_is_not_there_is_named(site: tuple) -> None:
    assert "local id not found in doc 'notebooks/01_matmul': 'lost'" in site[1]


def test_nothing_else_in_the_small_book_is_warned_of(site: tuple) -> None:
    assert site[1].count("WARNING") == 2


def test_the_map_leads_to_the_chapters_that_are_there(site: tuple) -> None:
    drawn = site[0]["book/index.md"].svg
    found = {link.find("text").get_text(): link["href"] for link in drawn.find_all("a")}
    assert found == {
        "1": "../notebooks/01_matmul.html",
        "8": "../notebooks/08_recurrent.html",
    }


def test_the_map_shows_a_chapter_in_preparation_as_an_open_circle(site: tuple) -> None:
    circles = site[0]["book/index.md"].svg.select("circle:has(title)")
    assert [one.get_text() for one in circles] == ["The chapter on embeddings, in preparation"]


def test_another_order_of_the_chapters_changes_numbers_and_no_text() -> None:
    before, after = (
        stems(f"- file: notebooks/{stem}") for stem in ("08_recurrent", "10_recurrent")
    )
    assert named("recurrent", before).words == "chapter 8"
    assert named("recurrent", after).words == "chapter 10"


@pytest.mark.parametrize("stem", ["", "05_attention"])
def test_a_chapter_that_gets_written_gets_its_number(stem: str) -> None:
    words = named("attention", [stem] if stem else []).words
    assert words == ("chapter 5" if stem else "the chapter on attention")


@pytest.mark.parametrize(
    ("kind", "role", "link"),
    [
        ("learner", "matmul", "chapter 1"),
        ("learner", "here <matmul#a-layer>", "[here](#a-layer)"),
        ("learner", "two\nstates <recurrent#x>", "[two states](08_recurrent.ipynb#x)"),
        ("learner", "words <attention#x>", "words"),
        ("solutions", "matmul", "[chapter 1](../01_matmul.ipynb)"),
        ("solutions", "there <matmul#a-layer>", "[there](../01_matmul.ipynb#a-layer)"),
        ("solutions", "recurrent", "[chapter 8](../08_recurrent.ipynb)"),
    ],
)
def test_a_notebook_links_from_the_folder_it_lies_in(
    kind: str, role: str, link: str, tmp_path: Path
) -> None:
    (tmp_path / "_toc.yml").write_text(SITE["_toc.yml"], encoding="utf-8")
    assert weave.chapter(role, "c", "01_matmul", tmp_path, kind=kind) == link


def test_the_map_of_the_book_shows_every_chapter_in_its_order() -> None:
    page = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    drawn = re.search(r"(?s)```\{chapter-map\}\n(.*?)```", page)
    assert drawn
    shown = re.findall(r"(\w+)(?:,|$)", re.sub(r"(?m)^.*:", "", drawn[1]), re.M)
    assert [topic for topic in shown if topic in TOPICS] == TOPICS
    assert set(shown) == {*TOPICS, *SUBJECTS}


TOPICS = [stem[3:] for stem in weave.chapters()]

# Nobody calls a chapter by its number: it would have to be changed with the order of the book.

NUMBER = re.compile(r"\b[Cc]hapters?\s+\d+")
FILE = re.compile(r"\b\d\d_[a-z_]+\.(?:ipynb|html)")
OF_A_BOOK = re.compile(
    r"\{cite\}`[^`]*`,?\s+chapters?\s[\d.,\sand]*\d|[Cc]hapters?\s[\d.,\sand]*\d\s+of\s+[A-Z*{]"
)
PAGES = [*(ROOT / "book").glob("*.md"), *(ROOT / "book" / "sources").glob("*.md")]
MODULES = [
    path
    for folder in ("benchmarks", "book", "companion", "runs", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
]


def numbered(text: str, *patterns: re.Pattern[str]) -> list[str]:
    """Return the references to chapters by number, but for those of other books."""
    text = OF_A_BOOK.sub("", text)
    return [found for pattern in patterns for found in pattern.findall(text)]


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: path.stem)
def test_no_page_calls_a_chapter_by_its_number(path: Path) -> None:
    assert not numbered(path.read_text(encoding="utf-8"), NUMBER, FILE)


@pytest.mark.parametrize("stem", weave.chapters())
def test_no_manuscript_calls_a_chapter_by_its_number(stem: str) -> None:
    text = (ROOT / "book" / "chapters" / f"{stem}.md").read_text(encoding="utf-8")
    assert not numbered(text, NUMBER, FILE)


def test_no_module_calls_a_chapter_by_its_number() -> None:
    found = {path.name: numbered(path.read_text(encoding="utf-8"), NUMBER) for path in MODULES}
    assert not {name: faults for name, faults in found.items() if faults}


@pytest.mark.parametrize(
    "fault",
    ["chapter 8", "Chapters\n3 and 8", "chapter 2's loss", "[it](../notebooks/08_recurrent.ipynb)"],
)
def test_a_chapter_called_by_its_number_is_reported(fault: str) -> None:
    assert len(numbered(f"As in {fault}.", NUMBER, FILE)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "{cite}`goodfellow2016`, chapter 6.5; {cite}`nielsen2015`, chapter 2; and",
        "chapters 8 and 10 of Goodfellow",
        "chapter 3 of {cite}`nielsen2015`",
        "a chapter of 20 pages",
    ],
)
def test_a_chapter_of_another_book_keeps_its_number(words: str) -> None:
    assert not numbered(words, NUMBER, FILE)


# Planted faults: each check of a built page must be able to fail


@pytest.mark.parametrize(
    "fault",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/a.css">',
        '<img alt="a" src="http://example.org/a.png">',
        '<iframe src="https://example.org"></iframe>',
        "<style>@import 'https://example.org/a.css';</style>",
        '<p style="background:url(https://example.org/a.png)"></p>',
        '<script>const address = "https://unpkg.example.org/a.js"</script>',
        '<svg><use href="https://example.org/a.svg#x"/></svg>',
    ],
)
def test_a_remote_source_is_reported(fault: str) -> None:
    assert len(_pages.remote_loads(_pages.parse(fault))) == 1


def test_a_link_for_the_reader_is_no_remote_source() -> None:
    page = '<a href="https://example.org">x</a><script src="../_static/a.js"></script>'
    assert not _pages.remote_loads(_pages.parse(page))


def test_a_remote_font_in_a_style_sheet_is_reported() -> None:
    assert _pages.remote_styles("@font-face{src:url('https://example.org/a.woff')}")


@pytest.mark.parametrize("fault", [r"\frac{1}{2}", "$$x$$", r"\(x\)", "the $x_1$ is", r"{\alpha}"])
def test_raw_tex_is_reported(fault: str) -> None:
    assert _pages.raw_tex(_pages.parse(f"<p>{fault}</p>"))


@pytest.mark.parametrize("page", [r"<code>\frac</code>", "<p>It costs $5, or $6.</p>"])
def test_code_and_money_are_no_raw_tex(page: str) -> None:
    assert not _pages.raw_tex(_pages.parse(page))


@pytest.mark.parametrize(
    "fault",
    [
        '<img src="a.png">',
        '<img src="a.png" alt="_images/a.png">',
        '<svg role="img" aria-label="a plot"></svg>',
        '<svg role="img"></svg>',
        '<figure class="nb-figure"><svg></svg></figure>',
    ],
)
def test_a_silent_picture_is_reported(fault: str) -> None:
    assert len(_pages.silent_pictures(_pages.parse(fault))) == 1


def test_an_id_that_stands_twice_is_reported() -> None:
    assert _pages.repeated_ids(_pages.parse('<p id="a"></p><p id="a"></p>'))


@pytest.mark.parametrize("address", ["b.html", "#nowhere", "c/d.html#nowhere", "e.ipynb"])
def test_a_broken_link_is_reported(address: str, tmp_path: Path) -> None:
    pages = {
        "a.html": _pages.parse(f'<a href="{address}">x</a>'),
        "c/d.html": _pages.parse('<p id="here">x</p>'),
    }
    assert len(_pages.broken_links("a.html", pages, tmp_path)) == 1


def test_a_link_that_arrives_is_not_reported(tmp_path: Path) -> None:
    pages = {
        "a.html": _pages.parse('<a href="c/d.html#here">x</a>'),
        "c/d.html": _pages.parse('<p id="here">x</p>'),
    }
    assert not _pages.broken_links("a.html", pages, tmp_path)


def test_a_page_that_was_not_built_is_reported() -> None:
    toc = "root: a\nparts: [{chapters: [{file: b}]}]"
    assert _pages.missing_or_extra(toc, ["a.html"]) == ["b was not built"]


def test_a_page_outside_the_table_of_contents_is_reported() -> None:
    toc = "root: a\nparts: [{chapters: [{file: b}]}]"
    found = _pages.missing_or_extra(toc, ["a.html", "b.html", "README.html"])
    assert found == ["README was built and is not in the table of contents"]


def test_a_cell_that_the_page_lacks_is_reported() -> None:
    page = _pages.parse('<div class="cell_input"><pre>x = 1</pre></div>')
    cells = [{"cell_type": "code", "source": s, "metadata": {}} for s in ("x = 1", "y = 2")]
    assert len(_pages.hidden_cells(page, json.dumps({"cells": cells}))) == 1


def test_a_launch_button_that_opens_no_notebook_is_reported(tmp_path: Path) -> None:
    page = _pages.parse(
        '<a href="https://colab.research.google.com/github/a/b/blob/main/c.md">x</a>'
        '<a href="https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/gone.ipynb">x</a>'
    )
    assert len(_pages.wrong_launches(page, tmp_path)) == 2


def test_a_second_search_box_is_counted() -> None:
    assert len(_pages.search_boxes(_pages.parse('<input type="search"><input type="search">'))) == 2


def test_a_request_to_another_host_is_reported() -> None:
    asked = ["http://127.0.0.1:8000/a", "file:///a", "data:,a", "https://example.org/a"]
    assert _pages.other_hosts(asked) == ["https://example.org/a"]


def test_a_request_of_a_page_is_found_in_the_network_log() -> None:
    params = [
        {"url": "https://own.example.org/", "initiator": "not an origin", "request_type": "other"},
        {"url": "https://a.example.org/", "initiator": "http://127.0.0.1", "request_type": "other"},
    ]
    log = {
        "constants": {"logEventTypes": {"URL_REQUEST_START_JOB": 7}},
        "events": [{"type": 7, "params": one} for one in params],
    }
    assert _pages.logged_requests(json.dumps(log)) == ["https://a.example.org/"]
