"""What a suggested XPath does when the page changes, and buttons in place of links."""

from __future__ import annotations

import pytest
from parsel import Selector

from crawler.suggestion.next_button import next_button
from crawler.suggestion.suggest import suggest

ROWS = "".join(f"<tr><td>n{i}</td><td>c{i % 7}</td><td>o{i % 5}</td></tr>" for i in range(20))
HEADS = "<tr><th>Name</th><th>City</th><th>Owner</th></tr>"


@pytest.mark.parametrize("table", [f"{HEADS}{ROWS}", f"<thead>{HEADS}</thead><tbody>{ROWS}</tbody>"])
def test_a_column_whose_header_is_gone_has_no_value(table: str) -> None:
    page = f"<html><body><table>{table}</table></body></html>"
    found = suggest(page, "https://shop.example/")
    assert found is not None
    assert [field.name for field in found.fields] == ["name", "city", "owner"]
    renamed = Selector(page.replace("City", "Town"))
    values = {
        field.name: {record.xpath(field.xpath).get() for record in renamed.xpath(found.record)}
        for field in found.fields
    }
    assert values["city"] == {""}
    assert len(values["name"]) == 20 and len(values["owner"]) == 5


@pytest.mark.parametrize(
    ("page", "words", "xpath"),
    [
        (
            '<button aria-label="Next page"><i>x</i></button>',
            "Next page",
            "//button[@aria-label='Next page']",
        ),
        ("<p><button> Load  more </button></p>", "Load more", "//button[normalize-space()='Load more']"),
        ('<div role="button" title="next">&gt;</div>', "next", "//div[@title='next']"),
        (
            "<ul><li title='Next Page'><button><i></i></button></ul>",
            "Next Page",
            "//button[parent::li[@title='Next Page']]",
        ),
        ("<a href='#'>›</a>", "›", "//a[normalize-space()='›']"),
        # Another element with this name comes first, so the XPath would click that one.
        ("<button disabled>Next</button><button>Next</button>", "Next", None),
        ("<ul><li class='page-item disabled'><a href='#'>Next</a></ul>", None, None),
        ("<ul><li aria-disabled=true><button>Next</button></ul>", None, None),
        ("<button>Next steps of the project</button>", None, None),
        ("<a href='?2'>next</a>", None, None),
        ("", None, None),
        ("\x00", None, None),
    ],
)
def test_a_button_for_more_records_is_found(page: str, words: str | None, xpath: str | None) -> None:
    found = next_button(page)
    assert (found and found.words, found and found.xpath) == (words, xpath)
    assert found is None or found.adds_records == (words == "Load more")
