"""Which classes, ids and attributes are written by a person, and which are made by a build tool or count something."""

from __future__ import annotations

import re
from itertools import pairwise

from crawler.suggestion.words import words

LONGEST = 60  # characters
BUILD_TOOLS = re.compile(
    r"(?:css|sc|jss|jsx|emotion|svelte|astro|styled|tss|makeStyles|_ngcontent|_nghost|ng|data-v|v|r|radix|ember)-?:?"
    r"[-_]?(?=[a-z0-9]*\d|[a-zA-Z0-9]*[A-Z])[a-zA-Z0-9_-]{2,}"
)
CSS_IN_JS = re.compile(r"(?:css|sc|jss|jsx|emotion|tss|svelte|astro)-[a-zA-Z0-9-]+")
MODULE = re.compile(
    r"[a-zA-Z][\w-]*?_{2,3}(?=[a-zA-Z-]*\d|[a-z-]*[A-Z][a-z-]*[A-Z])[a-zA-Z0-9+-]{4,}"
    r"|[a-zA-Z][\w-]*_(?=[a-zA-Z]*\d)(?=[a-z0-9]*[A-Z]|[A-Z0-9]*[a-z])[a-zA-Z0-9]{4,8}"
)
UNDERSCORE_HASH = re.compile(r"_(?=[a-zA-Z]*\d)[a-zA-Z0-9]{3,}(?:_\d+)?|_[a-z]+_[a-z0-9]{4,}_\d+")
HEX = re.compile(r"(?=.*\d)[0-9a-f]{6,}")
STATES = words(
    "active current selected hover focus open opened closed collapsed expanded show shown hidden disabled enabled "
    "visible first last odd even alt row1 row2 even-row odd-row is-active is-selected loaded lazyloaded highlight "
    "first-child last-child unread checked"
)
# Classes that say how an element looks. They find an element if nothing better does, and name no field.
LOOKS = re.compile(
    r"(?:sm|md|lg|xl|xs|hover|focus|dark):.*"
    r"|-?[mp][trblxyse]?-(?:\d+|auto|n\d+)"
    r"|col|row|cols?-(?:\d+|auto|(?:xs|sm|md|lg|xl|xxl)(?:-\w+)?)"
    r"|(?:d|w|h|g|fs|fw|gap|order|z|min|max|top|bottom|opacity|leading|tracking|size|inset|space|display)"
    r"-(?:\d.*|auto|full|screen|none|flex|block|grid|inline.*|fit|[xywh]-.*|xs|sm|md|lg|xl)"
    r"|(?:flex|grid|align|justify|float|border|rounded|shadow|overflow|bg|btn|pull|visually)(?:-.+)?"
    r"|text-(?:left|right|center|end|start|muted|nowrap|truncate|uppercase|lowercase|xs|sm|base|lg|xl|\dxl|white|black"
    r"|primary|secondary|success|danger|warning|info|light|dark|body|decoration.*|[a-z]+-\d{2,3})"
    r"|(?:items|self|content)-(?:center|start|end|baseline|stretch|between|around)"
    r"|font-(?:bold|semibold|medium|normal|light|thin|mono|sans|serif|italic|weight.*)"
    r"|position-(?:relative|absolute|fixed|sticky|static)|img-(?:fluid|thumbnail|responsive)"
    r"|nowrap|truncate|clearfix|button|block|inline|relative|absolute|left|right|center|small|large|muted|strong|bold"
    r"|icon|fa|fas|far|\w{1,2}\d*",
    re.IGNORECASE,
)
# Classes that name a part of any page, and so no field.
GENERAL = re.compile(
    r"link|card|card-\w+|container|wrapper|inner|outer|media|media-\w+|table|table-\w+|list|box|cell|column|column\d+"
    r"|item|items|entry|record|list-group-item|badge|label|value|text|reference|internal|external|std|std-ref|xref",
    re.IGNORECASE,
)


def is_stable(name: str) -> bool:
    """Return whether the class or id can stand in an XPath: it will be the same after the site's next build."""
    if not 1 < len(name) <= LONGEST or not name.isprintable() or not any(char.isalpha() for char in name):
        return False
    if name.lower() in STATES or CSS_IN_JS.fullmatch(name):
        return False
    if MODULE.fullmatch(name) or UNDERSCORE_HASH.fullmatch(name) or HEX.fullmatch(name):
        return False
    return not (BUILD_TOOLS.fullmatch(name) or looks_random(name))


def looks_random(name: str) -> bool:
    """Return whether the last part of the name is like a hash: digits or capitals between small letters."""
    part = re.split(r"[-_]+", name)[-1]
    if len(part) < 5:
        return False
    digits = sum(char.isdigit() for char in part)
    changes = sum(one.isdigit() != other.isdigit() for one, other in pairwise(part))
    if digits and changes >= 3:
        return True
    # fR4gHt, not "productTitle": capitals that are no beginnings of words.
    humps = re.findall(r"[A-Z]", part[1:])
    vowels = sum(char in "aeiouyAEIOUY" for char in part)
    return len(humps) >= 2 and (vowels * 5 < len(part) or len(humps) * 3 > len(part))


def is_utility(name: str) -> bool:
    """Return whether the class says how an element looks, and not what it is."""
    return "__" not in name and LOOKS.fullmatch(name) is not None


def is_general(name: str) -> bool:
    """Return whether the class cannot name a field: it is on elements of any page."""
    return is_utility(name) or GENERAL.fullmatch(name) is not None


def is_numbered(name: str) -> bool:
    """Return whether the id or class has a number of its own, such as ``post-123`` or ``column_2``."""
    return re.search(r"\d{2,}|_\d+(?:_|$)", name) is not None
