"""Pages that ask no other host for anything, and load no script that they do not use."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

# The theme's web fonts draw the icons; this script would draw them a second time, in 1.5 MB.
ICONS = re.compile(r"\s*<script[^>]*scripts/fontawesome\.js[^>]*></script>")


def drop_thebe(app: Sphinx) -> None:
    """Undo the set-up of sphinx_thebe, which writes a remote script's address into every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]
    sheets = app.registry.css_files
    sheets[:] = [(name, options) for name, options in sheets if name != "sphinx-thebe.css"]


def drop_icon_script(app: Sphinx, exception: Exception | None) -> None:
    """Take the icon script out of the pages, and out of the static files."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        lighter = ICONS.sub("", text)
        if lighter != text:
            page.write_text(lighter, encoding="utf-8")
    static = out / "_static"
    for unused in {*static.glob("scripts/fontawesome.js*"), *static.rglob("*.map")}:
        unused.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    drop_thebe(app)
    app.connect("build-finished", drop_icon_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
