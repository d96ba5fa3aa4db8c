"""What a suggestion left out, as text: one line each for a person, and comments in the module of a new site."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crawler.suggestion.column_text import LINKS, column
from crawler.suggestion.python_text import LINE, around, literal, width
from crawler.suggestion.suggestion import ICON, SAME, LeftOut, Suggestion
from crawler.suggestion.words import words

SAMPLE = 40  # characters of an example
TYPES = words("BigInteger Decimal ExactNumeric ExactString LongText UtcDateTime date datetime")


def why(one: LeftOut) -> str:
    """Return why a value is no field, with an example: ``filled 20 %, "Sale"``."""
    if not one.field.samples:
        return "empty in all records"
    share = "" if one.field.filled == 1.0 else f"filled {one.field.filled * 100:.0f} %, "
    reason = {ICON: "icons without text, ", SAME: "always the same, "}.get(one.why, "")
    return f"{share}{reason}{literal(one.field.samples[0][:SAMPLE])}"


def left_out_columns(suggestion: Suggestion, url_length: int, imports: str) -> Iterator[str]:
    """Yield comments with the columns that were left out.

    Args:
        url_length: the characters of the page's URL.
        imports: the import lines of the module.
    """
    columns = [column(one.field, (), url_length, is_optional=True) for one in suggestion.left_out]
    if not columns:
        return
    yield '    # Left out. To store one, remove the "# " before its column here and before its XPath in parse().'
    needed = set(re.findall(r"[\[(](\w+)", "\n".join(columns))) & TYPES
    if missing := needed - set(re.findall(r"\w+", imports)):
        yield f"    # Import what it needs: {', '.join(sorted(missing))}."
    for one, text in zip(suggestion.left_out, columns, strict=True):
        line = f"    # {text}"
        reason = f"  # {why(one)}"
        if width(line) + width(reason) > LINE:
            yield f"    # {one.field.name}: {why(one)}"[:LINE]
            yield line
        else:
            yield line + reason


def left_out_values(suggestion: Suggestion) -> list[str]:
    """Return comments with the entries of an item that were left out."""
    lines: list[str] = []
    for one in suggestion.left_out:
        name = literal(one.field.name)
        if one.field.xpath.endswith(LINKS):
            before, after = f"{name}: next(map(response.urljoin, record.xpath(", ").getall()), None),"
        else:
            before, after = f"{name}: record.xpath(", ").get(),"
        # Two columns more than the line has, for the "# ".
        lines += [f"{' ' * 16}# {line[18:]}" for line in around(before, one.field.xpath, after, 18)]
    return lines
