"""The HTML that the server sends: short pages of text, and shells that scripts in demo/static/ fill."""

from __future__ import annotations

from html import escape

OLD_LAYOUT, NEW_LAYOUT = "old", "new"  # the new layout shows no price, as a redesign that breaks a spider

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="/static/style.css">
{scripts}</head>
<body>
<header><a href="/">A shop of books</a></header>
"""
_TAIL = "</body>\n</html>\n"

# A current browser runs only the module; Splash's WebKit of 2016 runs only the other script.
_SCRIPTS = """<link rel="modulepreload" href="/static/views.js">
<script type="module" src="/static/app.js"></script>
<script nomodule defer src="/static/legacy.js"></script>
"""
_NOSCRIPT = "<noscript><p>This page needs JavaScript, and this browser does not run it.</p></noscript>\n"


def page(title: str, paragraph: str = "") -> str:
    """Return a page with one paragraph of text, escaped."""
    return html_page(title, f"<p>{escape(paragraph)}</p>\n" if paragraph else "")


def html_page(title: str, body: str) -> str:
    """Return a page with a body of HTML. Only the title is escaped here."""
    head = _HEAD.format(title=escape(title), scripts="")
    return f"{head}<main>\n<h1>{escape(title)}</h1>\n{body}</main>\n{_TAIL}"


def shell(title: str, view: str, source: str = "", *, below: str = "", layout: str = OLD_LAYOUT) -> str:
    """Return a page without content. Its scripts fetch ``source`` and show it as ``view``."""
    head = _HEAD.format(title=escape(title), scripts=_SCRIPTS)
    changed = "" if layout == OLD_LAYOUT else f' data-layout="{escape(layout)}"'
    main = f'<main data-view="{escape(view)}" data-source="{escape(source)}"{changed}></main>\n'
    return f"{head}{main}{_NOSCRIPT}{below}{_TAIL}"


HOME = html_page(
    "A shop of books",
    """<p>This shop is invented, for crawlers. JavaScript makes nearly all of its content, some of its goods change
every day, and <a href="/truth.json">truth.json</a> has the rows that a perfect crawl stores.</p>
<ul>
<li><a href="/books?page=1">Books</a>, page by page, with reviews</li>
<li><a href="/quotes">Quotes</a>, as far as you scroll</li>
<li><a href="/catalogue">Catalogue</a>, on one page with a button</li>
<li><a href="/orders">Orders</a>, after you <a href="/login">log in</a></li>
</ul>
<p>Pages with a fault: <a href="/slow-tail">one that never finishes loading</a>,
<a href="/never">one that never shows anything</a>, <a href="/empty">an empty one</a>,
<a href="/csp">one with a strict policy</a>, <a href="/broken/html">one of bad HTML</a>,
<a href="/broken/price">one with no price</a>, <a href="/broken/404">a missing one</a>,
<a href="/broken/500">a failing one</a>, <a href="/broken/once/today">one that fails once</a>.</p>
""",
)
