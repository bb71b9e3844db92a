"""The page at `/`: three files that stand beside this one, sent as they are; it asks the server for the schema."""

from __future__ import annotations

from importlib.resources import files

from trainwell import __version__

_HERE = files("trainwell.ship.serve")

#: Content type and text of the files that belong to the page.
PARTS = {
    "css": ("text/css", _HERE.joinpath("page.css").read_text(encoding="utf-8")),
    "js": ("text/javascript", _HERE.joinpath("page.js").read_text(encoding="utf-8")),
}

_WORDS = _HERE.joinpath("page_words.json").read_text(encoding="utf-8").replace("<", "\\u003c")
_PAGE = _HERE.joinpath("page.html").read_text(encoding="utf-8").replace("{words}", _WORDS).replace("{version}", __version__)

#: The page may load nothing from elsewhere, run no script but its own, and stand in no other page.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def html(accept_language: str) -> str:
    """The page in the language that the browser asks for, English or Chinese.

    Example:
        >>> html("zh-CN,zh;q=0.9,en;q=0.8").splitlines()[1], html("de, en")[16:32]
        ('<html lang="zh">', '<html lang="en">')
    """
    return _PAGE.replace("{language}", _language(accept_language))


def _language(accepted: str) -> str:
    """The first of the accepted languages that the page speaks; their order counts, as browsers send it by preference."""
    known = [tag.strip()[:2].lower() for tag in accepted.split(",")]
    return next((tag for tag in known if tag in ("en", "zh")), "en")
