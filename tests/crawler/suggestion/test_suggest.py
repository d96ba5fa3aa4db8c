"""What a suggestion has for small pages: records, fields, names, XPaths, key, next page."""

from __future__ import annotations

import json

import pytest

from crawler.suggestion.stable_name import is_stable
from crawler.suggestion.suggest import Suggestion, candidates, suggest
from pipelines.values.type_guess import type_of

URL = "http://127.0.0.1/films?page=1"
MENU = (
    "<nav><ul>"
    + "".join(f"<li><a href='/menu/{n}'>Menu entry number {n}</a></li>" for n in range(12))
    + "</ul></nav>"
)
TITLES = ("Amber river", "Winter garden", "Paper stone", "Copper lantern", "Velvet harbour")


def page(record: str, around: str = "{}", after: str = "") -> Suggestion:
    """Return the suggestion for a page with five records between a menu and a footer."""
    records = "".join(
        record.format(n=n, title=title, price=f"£{n + 3}.{n}0", day=f"2026-11-{n + 10}", word="abcde"[n] * 4)
        for n, title in enumerate(TITLES)
    )
    footer = "<footer><ul><li><a href='/a'>About</a></li><li><a href='/b'>Imprint</a></li></ul></footer>"
    found = suggest(f"<body>{MENU}{around.format(records)}{after}{footer}</body>", URL, type_of)
    assert found is not None
    return found


def has_class(name: str) -> str:
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


def fields(found: Suggestion) -> dict[str, tuple[str, str]]:
    return {field.name: (field.type, field.samples[0]) for field in found.fields}


def test_a_card_has_its_fields_types_key_and_detail_link() -> None:
    found = page(
        "<div class='card css-1x2y3z'><img src='/i/{n}.png'><h3><a href='/films/{n}'>{title}</a></h3>"
        "<p class='price'>{price}</p><time datetime='{day}'>yesterday</time><button>Add to basket</button></div>"
    )
    assert found.record == "//div[contains(concat(' ', normalize-space(@class), ' '), ' card ')]"
    assert found.rows == 5
    assert fields(found) == {
        "image": ("str", "/i/0.png"),
        "url": ("str", "/films/0"),
        "title": ("str", "Amber river"),
        "price": ("Decimal", "£3.00"),
        "dated_at": ("date", "2026-11-10"),
    }
    assert found.key == ("url",)
    assert found.detail == ".//h3/a/@href"
    assert found.source == "markup"
    assert found.next_page is None


def test_cells_without_a_class_are_found_by_their_header() -> None:
    found = page(
        "<tr><td>{n}</td><td>{title}</td><td>{price}</td></tr>",
        '<table><tr><th>No</th><th>Film\'s "name"</th><th>Price</th></tr>{}</table>',
    )
    assert fields(found) == {
        "no": ("int", "0"),
        "film_s_name": ("str", "Amber river"),
        "price": ("Decimal", "£3.00"),
    }
    assert found.record == "//table//tr[td]"
    assert all("count(" in field.xpath for field in found.fields)
    assert found.key == ("no",)


def test_an_attribute_of_data_is_the_key() -> None:
    found = page("<li class='film' data-film-id='f{n}'><b>{title}</b> <i>{price}</i></li>", "<ul>{}</ul>")
    assert found.key == ("film_id",)
    assert next(field.xpath for field in found.fields if field.name == "film_id") == "@data-film-id"


def test_two_fields_are_the_key_if_none_is_different_in_all_records() -> None:
    rows = "".join(
        f"<tr><td class='hall'>Hall {n % 3}</td><td class='day'>Day {n // 3}</td></tr>" for n in range(9)
    )
    found = suggest(f"<table>{rows}</table>", URL, type_of)
    assert found is not None
    assert found.key == ("hall", "day")


def test_microdata_name_the_fields() -> None:
    found = page(
        "<div itemscope itemtype='https://schema.org/Movie'><span itemprop='name'>{title}</span>"
        "<meta itemprop='sku' content='s{n}'><span itemprop='offers' itemscope>"
        "<b itemprop='price'>{price}</b></span></div>"
    )
    assert found.source == "microdata"
    assert found.record == "//div[@itemtype='https://schema.org/Movie']"
    assert set(fields(found)) == {"name", "sku", "price"}
    assert found.key == ("sku",)
    assert {field.xpath for field in found.fields} >= {"normalize-space(.//*[@itemprop='name'])"}


def test_json_ld_confirms_records_and_names_fields() -> None:
    items = [
        {
            "@type": "ListItem",
            "item": {"@type": "Movie", "name": title, "director": f"Director {n}", "url": f"/f/{n}"},
        }
        for n, title in enumerate(TITLES)
    ]
    data = json.dumps({"@type": "ItemList", "itemListElement": items})
    found = page(
        "<div class='r'><a class='x' href='/f/{n}'>{title}</a><span class='q'>Director {n}</span></div>",
        "<main>{}</main>",
        f"<script type='application/ld+json'>{data}</script>",
    )
    assert found.source == "json-ld"
    assert set(fields(found)) == {"name", "url", "director"}


def test_terms_and_labels_name_values() -> None:
    found = page(
        "<section class='film'><h4>{title}</h4><dl><dt>Price</dt><dd>{price}</dd><dt>Shown on</dt><dd>{day}</dd></dl>"
        "<p><b>Hall:</b> {word}</p></section>"
    )
    assert {name: kind for name, (kind, _) in fields(found).items()} == {
        "title": "str",
        "price": "Decimal",
        "shown_on": "date",
        "hall": "str",
    }
    assert next(field.xpath for field in found.fields if field.name == "shown_on") == (
        "normalize-space(.//dt[normalize-space()='Shown on']/following-sibling::dd)"
    )


def test_terms_are_records_with_their_description() -> None:
    found = page("<dt><a href='/w/{n}'>{title}</a></dt><dd>What {title} means, {word}</dd>", "<dl>{}</dl>")
    assert found.record == "//dl/dt"
    assert "What Amber river means, aaaa" in {field.samples[0] for field in found.fields}


def test_texts_after_links_in_preformatted_text_are_fields() -> None:
    found = page('<a href="{n}.csv">{n}.csv</a>   {day}   {n}{n}\n', "<pre>{}</pre>")
    assert {field.samples[0] for field in found.fields} == {"0.csv", "2026-11-10 00"}


def test_a_second_row_belongs_to_the_record_before_it() -> None:
    found = page(
        "<tr class='story'><td>{n}.</td><td></td><td><a href='/s/{n}'>{title}</a></td></tr>"
        "<tr><td></td><td><span class='score'>1{n} points</span> by <a class='user'>{word}</a></td></tr>",
        "<table>{}</table>",
    )
    assert found.record == f"//tr[{has_class('story')}]"
    assert found.rows == 5
    assert fields(found)["score"] == ("int", "10 points")
    assert fields(found)["user"] == ("str", "aaaa")


def test_dark_and_light_rows_are_records_of_their_own() -> None:
    rows = "".join(
        f"<tr class='{('dark', 'light')[n % 2]}'><td><a href='/{n}'>{title}</a></td><td>{n}</td></tr>"
        for n, title in enumerate(TITLES * 2)
    )
    found = suggest(f"<table class='films'>{rows}</table>", URL, type_of)
    assert found is not None
    assert found.rows == 10


def test_lines_with_a_label_are_fields() -> None:
    found = page(
        "<div class='job'><b>{title}</b><br>Hall: {word}<br>Shown on: {day}<br><a href='/j/{n}'>More</a></div>"
    )
    assert fields(found) == {
        "hall": ("str", "aaaa"),
        "shown_on": ("date", "2026-11-10"),
        "title": ("str", "Amber river"),
        "url": ("str", "/j/0"),
    }


def test_attributes_of_tests_name_fields_whose_classes_are_hashed() -> None:
    found = page(
        "<div class='sc-bdVaJa' data-testid='product-card'><h2 class='Card_title__q9Rt5' data-testid='product-title'>"
        "<a href='/p/{n}'>{title}</a></h2><div class='css-1x2y3z' data-testid='product-price'>{price}</div></div>"
    )
    assert found.record == "//div[@data-testid='product-card']"
    assert {field.name: field.xpath for field in found.fields} == {
        "url": ".//h2[@data-testid='product-title']/a/@href",
        "title": "normalize-space(.//h2[@data-testid='product-title']/a)",
        "price": "normalize-space(.//div[@data-testid='product-price'])",
    }


def test_the_head_of_a_grid_is_no_record_and_names_the_columns_below_it() -> None:
    head = "<table><tr><th>Name</th><th>Cost</th></tr></table>"
    found = page(
        "<tr><td class='a1'>{title}</td><td class='a2'>{price}</td></tr>",
        f"<div>{head}<table>{{}}</table></div>",
    )
    assert fields(found) == {"name": ("str", "Amber river"), "cost": ("Decimal", "£3.00")}
    cells = "".join(
        f"<div role='columnheader' col-id='{name}'>{name.title()}</div>" for name in ("name", "cost")
    )
    found = page(
        "<div role='row'><div col-id='name'>{title}</div><div col-id='cost'>{price}</div></div>",
        f"<div class='grid'><div><div role='row'>{cells}</div></div><div>{{}}</div></div>",
    )
    assert found.rows == 5


def test_the_link_to_the_folder_above_is_no_record() -> None:
    found = page("<a href='{n}.csv'>{n}.csv</a> {day}\n", "<pre><a href='../'>../</a>\n{}</pre>")
    assert found.record == "//body/pre/a[not(@href='../')]"
    assert found.rows == 5


def test_classes_that_say_how_an_element_looks_are_the_last_choice() -> None:
    found = page(
        "<div class='rounded-lg border p-4'><a href='/p/{n}' class='block'>"
        "<b class='mt-2 text-lg'>{title}</b></a></div>",
        "<main class='grid gap-4'>{}</main>",
    )
    assert found.record == f"//main[{has_class('grid')}]/div"


def test_a_class_that_differs_is_one_field() -> None:
    record = "<li class='film'><b>{title}</b><i class='stars s{n}'>{n} of 5</i></li>"
    found = page(record, "<ul>{}</ul>")
    assert {field.xpath for field in found.fields if field.name == "stars"} == {
        "normalize-space(.//i[contains(concat(' ', normalize-space(@class), ' '), ' stars ')])"
    }


def test_a_title_that_is_cut_is_read_from_its_attribute() -> None:
    found = page(
        "<li><a href='/f/{n}' title='{title} and more'>{title} …</a></li>", "<ul class='films'>{}</ul>"
    )
    assert fields(found)["title"] == ("str", "Amber river and more")


@pytest.mark.parametrize(
    "column",
    ["date", "class", "metadata", "first_seen_at", "key", "Preis (€)", "1st", "année", "日付", "x" * 70],
)
def test_names_are_free_for_columns(column: str) -> None:
    found = page(
        "<tr><td>{title}</td><td>{word}</td></tr>",
        f"<table><tr><th>Title</th><th>{column}</th></tr>{{}}</table>",
    )
    names = [field.name for field in found.fields]
    assert len(names) == 2
    assert all(name.isascii() and name.isidentifier() and len(name) <= 40 for name in names)
    assert not {"date", "class", "metadata", "first_seen_at", "key"} & set(names)


STABLE = "price product_pod card__title MuiList-root field-name el-table__row h3 isbn13 post-title col-4"
HASHED = "css-1x2y3z sc-bdVaJa _3kQd9 jsx-123 Foo_bar__a1B2c active title_f1Hy svelte-1abc odd 123 a"


def test_hashed_classes_and_states_are_not_stable() -> None:
    assert [name for name in STABLE.split() if not is_stable(name)] == []
    assert [name for name in HASHED.split() if is_stable(name)] == []


NEXT_LINKS = {
    "<a rel='next' href='?page=2'>more</a>": "//a[contains(concat(' ', @rel, ' '), ' next ')]/@href",
    "<a aria-label='Next page' href='?page=2'><svg></svg></a>": "//a[@aria-label='Next page']/@href",
    "<ul><li class='next'><a href='?page=2'>go</a></li></ul>": (
        "//li[contains(concat(' ', normalize-space(@class), ' '), ' next ')]/a/@href"
    ),
    "<a href='/films?page=0'>‹</a> <a href='?page=2'>›</a>": "//a[normalize-space()='›']/@href",
    "<a href='?page=2'>Next »</a>": "//a[normalize-space()='Next »']/@href",
    "<a href='?offset=20'>Older posts</a>": "//a[normalize-space()='Older posts']/@href",
    "<p><b class='current'>1</b><a href='?page=2'>2</a><a href='?page=3'>3</a></p>": (
        f"//b[{has_class('current')}]/following-sibling::"
        f"a[number(.) = number(preceding-sibling::b[{has_class('current')}]) + 1]/@href"
    ),
    "<ul><li class='active'><a>1</a></li><li><a href='?page=2'>2</a></li><li><a href='?page=3'>3</a></li></ul>": (
        f"//li[{has_class('active')}]/following-sibling::"
        f"li[number(.) = number(preceding-sibling::li[{has_class('active')}]) + 1]/a/@href"
    ),
}


@pytest.mark.parametrize(("links", "xpath"), NEXT_LINKS.items(), ids=NEXT_LINKS.keys())
def test_the_next_page_is_found_by_its_link(links: str, xpath: str) -> None:
    found = page("<li><a href='/f/{n}'>{title}</a></li>", "<ul class='films'>{}</ul>", links)
    assert found.next_page == xpath


@pytest.mark.parametrize(
    "links",
    [
        "<a rel='next' href='/guide/install'>Next chapter</a>",
        "<a class='next' href='#slide-2'>›</a>",
        "<a rel='next' href='http://elsewhere.example/?page=2'>Next</a>",
        "<a rel='next' href='?page=1'>Next</a>",
        "<a href='javascript:next()'>Next</a>",
    ],
)
def test_other_links_are_no_next_page(links: str) -> None:
    assert page("<li><a href='/f/{n}'>{title}</a></li>", "<ul class='films'>{}</ul>", links).next_page is None


def test_candidates_have_other_records_too() -> None:
    html = (
        f"<body>{MENU}<ul class='films'>"
        + "".join(f"<li><b>{one}</b><i>{one[0]}</i></li>" for one in TITLES)
        + "</ul>"
    )
    found = candidates(html, URL, type_of)
    assert found[0].record == f"//ul[{has_class('films')}]/li"
    assert any("nav" in one.record for one in found)


def test_a_page_without_records_has_no_suggestion() -> None:
    assert suggest("<body><h1>Hello</h1><p>One paragraph.</p></body>", URL) is None
