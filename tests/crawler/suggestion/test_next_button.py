"""The button of a list's next page, and buttons with its words that show something else."""

from __future__ import annotations

import pytest

from crawler.suggestion.next_button import next_button

LIST = "<main><ul>" + "".join(f"<li><a href=/f/{n}>Film number {n}</a>" for n in range(20)) + "</ul>{}</main>"
MORE = "<button>More</button>"


@pytest.mark.parametrize(
    "html",
    [
        LIST.format("<button role=tab>More</button>"),
        LIST.format("<button role=tab>Next</button>"),
        LIST.format(f"<div role=tablist><div>{MORE}</div></div>"),
        LIST.format(f"<div class='side-tabs tab-buttons'>{MORE}</div>"),
        LIST.format("<button aria-label=more title='More actions' aria-expanded=false></button>"),
        LIST.format("<button aria-haspopup=menu>More</button>"),
        LIST.format("") + f"<aside>{MORE}</aside>",
        LIST.format("") + f"<div class=sidebar><p>{MORE}</p></div>",
        f"<nav><a href=/>Home</a>{MORE}</nav>" + LIST.format(""),
        f"<header>{MORE}</header>" + LIST.format(""),
    ],
)
def test_a_tab_and_a_button_of_a_menu_are_no_next_page(html: str) -> None:
    assert next_button(html) is None


@pytest.mark.parametrize(
    ("html", "words"),
    [
        (LIST.format(MORE), "More"),
        (LIST.format(f"<form>{MORE}</form>"), "More"),
        (LIST.format(f"<footer><div class=load-more>{MORE}</div></footer>"), "More"),
        (LIST.format(f"<nav aria-label=Pagination>{MORE}</nav>"), "More"),
        (LIST.format("<nav><button>Next</button></nav>"), "Next"),
        (f"<div class=sidebar-layout>{LIST.format(MORE)}</div>", "More"),
        (f"<aside>{MORE}</aside>" + LIST.format("<button>Load more</button>"), "Load more"),
    ],
)
def test_a_button_near_the_records_or_in_a_pager_is_the_next_page(html: str, words: str) -> None:
    found = next_button(html)
    assert found is not None and found.words == words
