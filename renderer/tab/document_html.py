"""JavaScript that reads the HTML of a document, and the decoding of a document's bytes."""

from __future__ import annotations

import contextlib
import functools
import re
from typing import Any

MAX_HTML = 64 * 1024 * 1024  # characters

# JavaScript that reads the document's native properties. Scripts of a page may redefine them, and a form or an image
# may hide them by its name. So the code calls nothing that a page can replace: ``super`` reads from the prototype, and
# its ``this`` is the object that the constructor of the base class returns.
OF_DOCUMENT = """const reader = (owner, object) => {
    let read;
    function Same(it) { return it; }
    Same.prototype = owner.prototype;
    class Reader extends Same {
      constructor(it) {
        super(it);
        read = (name, given) => given ? super[name](given[0], given[1], given[2], given[3], given[4]) : super[name];
      }
    }
    new Reader(object);
    return read;
  };
  const ofDocument = reader(Document, document);"""

# If a page has hidden XMLSerializer or replaced its doctype, the result is the root element alone.
# Chromium shows XML that has no stylesheet in a viewer page, which contains the source.
_HTML = """(() => {
  READERS
  const root = ofDocument('documentElement');
  if (!root) return '';
  const written = node => new XMLSerializer().serializeToString(node);
  const text = node => node.nodeType === 8 ? '<!--' + node.data + '-->' : node.nodeType === 10 ? written(node) : '';
  let before = '', after = '', source = null;
  try {
    if (/xml$/.test(ofDocument('contentType')))
      source = ofDocument('getElementById', ['webkit-xml-viewer-source-xml']);
    if (source) source = '<?xml version="1.0"?>' + Array.from(source.childNodes, written).join('');
  } catch (e) { source = null; }
  try {
    for (let node = root.previousSibling; node; node = node.previousSibling) before = text(node) + before;
    for (let node = root.nextSibling; node; node = node.nextSibling) after += text(node);
  } catch (e) {}
  const html = source ?? before + SERIALIZED + after;
  return html.length > MAX_HTML ? null : html;
})()""".replace("MAX_HTML", str(MAX_HTML))

# This throws an error if the root is not a native element.
_OUTER_HTML = "reader(Element, root)('outerHTML')"

# The shadow roots are written as declarative shadow roots, which a browser can parse again.
_WITH_SHADOW_ROOTS = """(() => {
    const roots = [];
    const walk = tree => {
      for (const element of tree.querySelectorAll('*')) {
        if (element.shadowRoot) { roots.push(element.shadowRoot); walk(element.shadowRoot); }
      }
    };
    walk(document);
    const shell = root.cloneNode(false).outerHTML, end = shell.lastIndexOf('</');
    return shell.slice(0, end) + root.getHTML({shadowRoots: roots}) + shell.slice(end);
  })()"""


class ResultTooLarge(Exception):
    """The page's HTML has more than ``MAX_HTML`` characters."""


@functools.cache  # each render needs one of the four
def html_expression(*, shadow_roots: bool = False, has_readers: bool = False) -> str:
    """Return a JavaScript expression for a document's HTML; its value is for ``checked_html``.

    With ``has_readers``, the expression is for code that has the definitions of ``OF_DOCUMENT`` already.
    """
    serialized = _WITH_SHADOW_ROOTS if shadow_roots else _OUTER_HTML
    return _HTML.replace("READERS", "" if has_readers else OF_DOCUMENT).replace("SERIALIZED", serialized)


def checked_html(value: Any) -> str:
    """Return the value of ``html_expression`` as text; raise ResultTooLarge if the value is None."""
    if value is None:
        raise ResultTooLarge
    return str(value)


def decoded(content: bytes, mime_type: str) -> str:
    """Decode content with the charset of its MIME type; with UTF-8 if the type names no known charset."""
    found = re.search(r"charset=[\"']?([\w.:-]+)", mime_type, re.IGNORECASE)
    with contextlib.suppress(LookupError):
        return content.decode(found[1] if found else "utf-8", "replace")
    return content.decode("utf-8", "replace")
