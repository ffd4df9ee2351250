"""The font of the formulas: STIX Two Math, cut down to the characters that the book uses."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

ALWAYS = "()[]{}|‖‾ˆ˜→√=+−0123456789 "
KEPT_NAMES = [0, 5, 7, 13, 14]  # copyright, version, trademark, licence, address of the licence
STYLE = """@font-face {{
  font-family: "Book Math";
  src: url("{file}") format("{form}");
  font-display: swap;
}}
math {{
  font-family: "Book Math", "STIX Two Math", "Cambria Math", "Latin Modern Math", math;
}}
"""
NOTICE = """{file} is a subset of STIX Two Math, with narrower tall radical signs
and lower lines.

{copyright}
{licence}
"""


def write_font(characters: Iterable[str], folder: Path) -> Path:
    """Write the font, its style sheet and its licence notice; return the font's path.

    The same characters give the same bytes.
    """
    form = "woff2" if find_spec("brotli") else "woff"
    font = TTFont(_source(), recalcTimestamp=False)
    names = {number: str(font["name"].getDebugName(number)) for number in (0, 13)}
    _narrow_radicals(font)
    options = Options(
        drop_tables=["DSIG", "GPOS", "GDEF", "gasp"],
        flavor=form,
        hinting=False,
        layout_features=["ssty", "dtls"],
        name_IDs=KEPT_NAMES,
        notdef_outline=True,
    )
    cutter = Subsetter(options)
    cutter.populate(unicodes=sorted({ord(one) for one in "".join([*characters, ALWAYS])}))
    cutter.subset(font)
    _lower_lines(font)
    font.flavor = form
    path = folder / f"book-math.{form}"
    font.save(path)
    (folder / "math-font.css").write_text(STYLE.format(file=path.name, form=form), encoding="utf-8")
    (folder / "math-font-licence.txt").write_text(
        NOTICE.format(file=path.name, copyright=names[0], licence=names[13]), encoding="utf-8"
    )
    return path


def _source() -> Path:
    """Return the path of the whole font, which the package ziamath carries."""
    package = find_spec("ziamath")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the math font comes with ziamath: install the extra 'book'")
    return Path(package.origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"


def _narrow_radicals(font: TTFont) -> None:
    """Make all radical signs as wide as the smallest.

    Some browsers leave room for the widest one after every root.
    """
    small = font.getBestCmap()[ord("√")]
    variants = font["MATH"].table.MathVariants
    sign = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(small)]
    names = {one.VariantGlyph for one in sign.MathGlyphVariantRecord}
    names |= {part.glyph for part in sign.GlyphAssembly.PartRecords}
    width = font["hmtx"][small][0]
    for name in sorted(names - {small}):
        glyph, share = font["glyf"][name], width / font["hmtx"][name][0]
        glyph.coordinates.scale((share, 1))
        glyph.coordinates.toInt()
        glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = (width, glyph.xMin)


def _lower_lines(font: TTFont) -> None:
    """Give the lines of the font a usual height, so that a formula does not push lines apart."""
    up, down = (round(share * font["head"].unitsPerEm) for share in (0.78, 0.22))
    font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = up, -down, 0
    system = font["OS/2"]
    system.sTypoAscender, system.sTypoDescender, system.sTypoLineGap = up, -down, 0
    system.usWinAscent, system.usWinDescent = up, down
