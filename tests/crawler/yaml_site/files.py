"""A YAML site without a fault, and faults in it: the text to replace, the new one, the line, and the message."""

from __future__ import annotations

GOOD = """start: https://shop.example/films
key: sku
list:
  record: //article
  fields:
    sku: {xpath: "@data-sku", length: 20}
    price: {css: ".price", type: decimal}
  follow: .//a/@href
detail:
  fields:
    heading: //h1
    brand: {jsonld: brand.name}
"""

FAULTS = {
    "empty": ("", "", 1, "the file is empty"),
    "no YAML": ("key: sku", "key: [sku", 3, "no YAML"),
    "no mapping": (GOOD, "- a\n", 1, "a mapping is needed here, with site, start"),
    "an unknown name": ("record:", "recrod:", 4, "there is no 'recrod' here; did you mean 'record'?"),
    "a name twice": ("key: sku", "key: sku\nkey: sku", 3, "'key' is there twice"),
    "without start": ("start: https://shop.example/films\n", "", 1, "'start' is missing"),
    "without a record": ("  record: //article\n", "", 4, "'record' is missing"),
    "no URL": ("https://shop.example/films", "shop.example", 1, "is no URL: write https://..."),
    "a key that is no field": ("key: sku", "key: skuu", 2, "there is no field 'skuu'; there are sku, price"),
    "no XPath": ("//article", '"//article["', 4, "list.record: '//article[' is no XPath"),
    "no CSS selector": ('".price"', '".price["', 7, "is no CSS selector"),
    "CSS in an XPath": ('css: ".price"', 'xpath: ".price"', 7, "'.price' is no XPath"),
    "an XPath that calls no function": ('css: ".price"', "xpath: lower-case(a)", 7, "is no XPath"),
    "an unknown part of CSS": ('css: ".price"', "css: a::txt", 7, "'a::txt' is no CSS selector"),
    "an XPath without its beginning": (
        ".//a/@href",
        "h3/a/@href",
        8,
        "'h3/a/@href' is no CSS selector: Expected selector, got <DELIM '/' at 2> "
        "(an XPath begins with /, ./, ( or @)",
    ),
    "a text of the record": ("//article", "article::text", 4, "is no CSS selector of an element"),
    "an unknown type": ("type: decimal", "type: money", 7, "there is no 'money' here; there are text, url"),
    "two sources": (
        'css: ".price"',
        'css: ".price", xpath: "."',
        7,
        "write one of xpath, css, jsonld, constant",
    ),
    "no source": ('{css: ".price", type: decimal}', "{type: decimal}", 7, "write one of xpath"),
    "a length of text": ("length: 20", "length: long", 6, "a whole number above zero is needed here"),
    "a long key": ("length: 20", "length: 2000", 6, "a key has at most 700 characters"),
    "a reserved name": ("price:", "metadata:", 7, "is a name that every row has"),
    "no name": ("price:", "Price:", 7, "is no name: use small letters"),
    "JSON-LD in a list": ('css: ".price"', "jsonld: price", 7, "put the field into detail"),
    "follow without detail": (
        GOOD[GOOD.index("detail:") :],
        "",
        8,
        "'list.follow' and 'detail' belong together",
    ),
    "the same field twice": ("heading:", "sku:", 10, "the list has a field 'sku' too"),
    "scroll that is no flag": ("follow:", "scroll: down\n  follow:", 8, "true or false is needed here"),
    "a button and a link": (
        "follow:",
        "next: a\n  next_button: b\n  follow:",
        9,
        "'next_button' and 'next' exclude each other",
    ),
    "a button and scroll": (
        "follow:",
        "scroll: true\n  next_button: b\n  follow:",
        9,
        "'next_button' and 'scroll' exclude each other",
    ),
    "no name of a table": ("key: sku", "key: sku\ntable: My-Films", 3, "'My-Films' is no name"),
    "an unknown rendering": ("key: sku", "key: sku\nrendering: maybe", 3, "there is no 'maybe' here"),
    "a list without a mapping": (
        GOOD[GOOD.index("list:") : GOOD.index("detail:")],
        "list: all\n",
        3,
        "a mapping is needed",
    ),
    "an empty text": (".//a/@href", '" "', 8, "text is needed here"),
    "no whole number": ("length: 20", "length: 0", 6, "a whole number above zero is needed here"),
    "an unknown name of a field": ("length: 20", "lenght: 20", 6, "did you mean 'length'?"),
    "an unknown hint": (
        "type: decimal",
        "type: decimal, info: {decimel: ','}",
        7,
        "list.fields.price.info: there is no 'decimel' here; did you mean 'decimal'?",
    ),
    "a hint with another value": (
        "type: decimal}",
        "type: decimal,\n      info: {decimal: ';'}}",
        8,
        "list.fields.price.info.decimal: info['decimal'] is ';'; it must be \".\" or \",\"",
    ),
    "words without numbers": (
        "type: decimal",
        "type: decimal, info: {words: {no: [0]}}",
        7,
        "list.fields.price.info.words.no: one value is needed here",
    ),
    "no value in Python's words": (
        "type: decimal",
        "type: decimal, info: {words: {n/a: None}}",
        7,
        "it must be a number for each text, or None (null in YAML) for no value",
    ),
    "an unknown language": (
        "type: decimal",
        "type: date, info: {languages: [german]}",
        7,
        "it must be codes of languages",
    ),
    "a hint for another type": (
        "type: decimal",
        "info: {decimal: ','}",
        7,
        "info['decimal'] does not apply to a column of type LongText",
    ),
    "a hint beside info": (
        "type: decimal",
        "type: decimal, decimal: ','",
        7,
        "'decimal' belongs to info: write info: {decimal: ...} in the field",
    ),
    "hints without a mapping": ("type: decimal", "type: decimal, info: ','", 7, "a mapping is needed here"),
    "join of a constant": ('css: ".price"', "constant: 7, join: ', '", 7, "'join' belongs to xpath or css"),
    "join that is no text": (
        'css: ".price"',
        "css: .price, join: 7",
        7,
        "text is needed here: put it into quotes",
    ),
    "a wait without end": (
        "follow:",
        "wait_timeout: .inf\n  follow:",
        8,
        "a number of seconds above zero is needed",
    ),
    "a wait of no seconds": (
        "follow:",
        "wait_timeout: 0\n  follow:",
        8,
        "a number of seconds above zero is needed",
    ),
    "a wait in words": (
        "follow:",
        "wait_timeout: long\n  follow:",
        8,
        "a number of seconds above zero is needed",
    ),
    "a wait that is a flag": (
        "follow:",
        "wait_timeout: true\n  follow:",
        8,
        "a number of seconds above zero is",
    ),
    "a wait for nothing": ("detail:", "detail:\n  wait_timeout: 5", 10, "'wait_timeout' needs 'wait_for'"),
    "a list for a text": ("record: //article", "record: [a, b]", 4, "text is needed here"),
}


def with_fault(case: str) -> str:
    """Return the file with one of the faults."""
    old, new, *_ = FAULTS[case]
    return GOOD.replace(old, new) if old else new
