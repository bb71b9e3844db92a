"""HTML and SVG as text that cannot be broken by what is written into it: everything plain is escaped."""

from __future__ import annotations

from html import escape

from trainwell.core.i18n import chinese


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


#: Elements that hold nothing and are not closed.
VOID = ("img", "meta")


def el(tag: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element; plain children are escaped, `class_` is the class, `data_tip` the attribute data-tip, None is left out.

    Example:
        >>> el("b", "a < b", class_="x", title=None)
        '<b class="x">a &lt; b</b>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    inside = "".join(c if isinstance(c, Markup) else escape(c) for c in children)
    return Markup(f"<{tag}{given}>{inside}</{tag}>")


def join(*parts: str | Markup) -> Markup:
    """Several pieces of markup as one; plain ones are escaped."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))


def say(text: str) -> Markup:
    """Words of the page itself, with their Chinese beside them where there is one: a button changes between the two."""
    translated = chinese(text)
    return el("span", text, data_zh=translated) if translated else Markup(escape(text))


def masthead(title: str, *lines: Markup, home: str | None = None) -> Markup:
    """The head of a page: whose it is, the buttons that the page's script knows, its title, and lines below it.

    Args:
        title: of the page.
        lines: below it.
        home: where the name of the package leads.
    """
    buttons = [el("button", text, id=name, type="button") for name, text in (("language", "中文"), ("theme", "◐"))]
    buttons.append(el("button", say("print"), id="print", type="button"))
    name = el("b", "trainwell")
    brand = el("div", el("a", name, href=home) if home else name, el("div", *buttons, class_="tools"), class_="brand")
    return el("header", brand, el("h1", say(title)), *lines)
