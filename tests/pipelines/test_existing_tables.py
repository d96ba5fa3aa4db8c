"""Tables of another program: fed, unchanged in their structure, and left alone when nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models import Base, RejectedItem, Row, RowChange
from models.base import ModelError
from models.existing.definition import ExistingRow, existing, forget_existing_models
from models.existing.reflection import read_existing_tables
from models.schema import check_tables
from models.session import DatabaseUnusable, make_engine
from models.table_contents import table_contents
from tests.pipelines.runs import Run, kinds, page
from tests.pipelines.webshop import SCHEMA, structure, webshop

PRODUCT: dict[str, Any] = {
    "key": ["sku"],
    "map": {"price": "unit_price", "category": "category_id.slug", "brand": "brand_id.name"},
    "columns": ["name", "weight", "in_stock"],
    "gone": "status",
    "gone_values": ("discontinued", "active"),
}


@pytest.fixture
def shop(server_url: str) -> Iterator[Engine]:
    engine = make_engine(server_url)
    with webshop(engine):
        yield engine
    engine.dispose()


def read(engine: Engine, *models: type[ExistingRow]) -> None:
    """Read the tables of the models and create our tables for them, as `scrapy migrate --new` does."""
    read_existing_tables(engine)
    assert [model.problem for model in models if model.problem] == []
    Base.metadata.create_all(engine, [model.bookkeeping_table() for model in models])


def product_model(**other: Any) -> type[ExistingRow]:
    return existing(f"{SCHEMA}.product", **{**PRODUCT, **other})


def product(sku: str = "A1", **other: Any) -> dict[str, Any]:
    fields = {"name": "anvil", "price": "10.00", "category": "toys", "brand": "Acme", "weight": 1.1}
    return {"sku": sku, **fields, "in_stock": "yes"} | other


def select(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql.replace("SHOP.", f"{SCHEMA}.")))]


def change(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "mysql":
            connection.exec_driver_sql("SET SESSION sql_mode = ''")  # 0000-00-00 is no error
        connection.execute(text(sql.replace("SHOP.", f"{SCHEMA}.")))


AUDIT = "SELECT what, sku FROM SHOP.audit WHERE sku <> 'OWN' ORDER BY sku, id"


def test_a_table_is_fed_and_a_second_run_writes_nothing(shop: Engine) -> None:
    before = structure(shop)
    model = product_model()
    read(shop, model)
    run = Run(shop)
    run.commit(page((model, product()), (model, product("B2", name="bolt", weight=123456.789))))
    run.finish()
    rows = select(
        shop,
        "SELECT p.sku, p.name, p.unit_price, p.gross, c.slug, b.name, p.status, p.views, p.notes, p.vendor_id "
        "FROM SHOP.product p JOIN SHOP.category c ON c.id = category_id JOIN SHOP.brand b ON b.id = brand_id "
        "ORDER BY p.id",
    )
    ten, gross = Decimal("10.00"), Decimal("11.9")
    assert rows == [
        ("A1", "Anvil", ten, gross, "toys", "Acme", "active", 77, "ours", 1),
        ("OWN", "Only ours", Decimal(5), Decimal("5.95"), "books", "Acme", "active", 3, "x", 1),
        ("B2", "Bolt", ten, gross, "toys", "Acme", "active", 0, None, 1),
    ]
    changes = run.all(RowChange)
    assert [(one.table_name, one.row_key, one.kind) for one in changes] == [
        (f"{SCHEMA}.product", '["A1"]', "changed"),
        (f"{SCHEMA}.product", '["B2"]', "created"),
    ]
    # The trigger writes the name in its own way, so it is no change of the name.
    assert changes[0].fields == {
        "category": ["books", "toys"],
        "weight": [None, 1.1],
        "in_stock": [None, True],
    }
    written = select(shop, AUDIT)
    assert written == [("insert", "A1"), ("update", "A1"), ("insert", "B2")]
    updated = select(shop, "SELECT sku, updated FROM SHOP.product ORDER BY id")

    again = Run(shop)
    again.commit(page((model, product("B2", name="bolt", weight=123456.789)), (model, product())))
    again.finish()
    assert select(shop, AUDIT) == written
    assert select(shop, "SELECT sku, updated FROM SHOP.product ORDER BY id") == updated
    assert len(run.all(RowChange)) == 2
    seen = select(shop, f"SELECT sku, run_id FROM {model.bookkeeping_table().name} ORDER BY sku")
    assert seen == [("A1", again.claimed.id), ("B2", again.claimed.id)]
    assert structure(shop) == before


def test_what_another_program_changed_is_set_right_and_is_in_the_history(shop: Engine) -> None:
    model = product_model()
    read(shop, model)
    Run(shop).finish()
    run = Run(shop)
    run.commit(page((model, product())))
    run.finish()
    change(shop, "UPDATE SHOP.product SET unit_price = 99, views = 78 WHERE sku = 'A1'")
    later = Run(shop)
    later.commit(page((model, product())))
    later.finish()
    assert select(shop, "SELECT unit_price, views FROM SHOP.product WHERE sku = 'A1'") == [(Decimal(10), 78)]
    assert run.all(RowChange)[-1].fields == {"price": ["99.00", "10.00"]}


def test_a_row_that_the_site_lost_is_marked_in_the_column_of_the_shop_and_returns(shop: Engine) -> None:
    model = product_model()
    read(shop, model)
    run = Run(shop)
    run.commit(page((model, product()), (model, product("B2"))))
    run.finish()
    without = Run(shop)
    without.commit(page((model, product())), gone_limit=0.9, finish="finished")
    status = "SELECT sku, status FROM SHOP.product ORDER BY id"
    assert select(shop, status) == [("A1", "active"), ("OWN", "active"), ("B2", "discontinued")]
    back = Run(shop)
    back.commit(page((model, product()), (model, product("B2"))), finish="finished")
    assert select(shop, status) == [("A1", "active"), ("OWN", "active"), ("B2", "active")]
    assert kinds(run.all(RowChange))[-2:] == [('["B2"]', "gone"), ('["B2"]', "returned")]


def test_a_bad_row_is_rejected_and_its_neighbours_are_stored(shop: Engine) -> None:
    change(shop, "UPDATE SHOP.product SET ean = '4000000000009' WHERE sku = 'OWN'")
    model = product_model(columns=["name", "ean"])
    read(shop, model)

    def item(sku: str, **other: Any) -> dict[str, Any]:
        return {"sku": sku, "name": sku, "price": 1, "category": "toys", "brand": "Acme", "ean": None} | other

    run = Run(shop)
    run.commit(
        page(
            (model, item("G1")),
            (model, item("E1", ean="4000000000009")),  # the unique key of another row
            (model, item("K1", category="no-such")),
            (model, item("G2")),
        )
    )
    assert run.finish() == []
    assert [row[0] for row in select(shop, "SELECT sku FROM SHOP.product ORDER BY sku")] == [
        *("A1", "G1", "G2", "OWN"),
    ]
    reasons = {one.item["sku"]: str(one.reasons) for one in run.all(RejectedItem)}
    assert "4000000000009" in reasons["E1"]
    assert f"{SCHEMA}.category with slug 'no-such'" in reasons["K1"] or "category with slug" in reasons["K1"]
    assert sorted(reasons) == ["E1", "K1"]


def test_values_are_validated_against_the_columns_of_the_table(shop: Engine) -> None:
    from pipelines.validate import InvalidItem, validated  # noqa: PLC0415

    model = product_model(columns=["name", "views"])
    read(shop, model)
    bad = {"sku": "x" * 21, "name": None, "price": "12345678901.00", "category": "c" * 41, "views": -1}
    with pytest.raises(InvalidItem) as refused:
        validated(bad | {"brand": "b"}, model)
    reasons = refused.value.reasons
    assert "at most 20" in reasons["sku"] and reasons["name"] == "is missing"
    assert "8 digits before the point" in reasons["price"] and "at most 40" in reasons["category"]
    assert shop.dialect.name == "postgresql" or "0 to 4294967295" in reasons["views"]


def test_parents_and_children_of_one_page_are_stored_in_their_order(shop: Engine) -> None:
    category = existing(
        f"{SCHEMA}.category", key=["slug"], map={"parent": "parent_id.slug"}, columns=["name"]
    )
    model = existing(
        f"{SCHEMA}.product",
        key=["sku"],
        map={"price": "unit_price", "category": "category_id.slug"},
        columns=["name"],
    )
    image = existing(f"{SCHEMA}.product_image", key=["product", "url"], map={"product": "product_id.sku"})
    stock = existing(
        f"{SCHEMA}.stock",
        key=["product", "warehouse"],
        map={"product": "product_id.sku", "warehouse": "warehouse_code", "pieces": "pieces"},
    )
    read(shop, category, model, image, stock)
    items: list[tuple[type[Row], dict[str, Any]]] = [
        (stock, {"product": "N1", "warehouse": "N", "pieces": 3}),
        (image, {"product": "N1", "url": "https://shop.example/1.png"}),
        (model, {"sku": "N1", "name": "New", "price": 2, "category": "blocks"}),
        (category, {"slug": "blocks", "name": "Blocks", "parent": "toys"}),
        (category, {"slug": "bricks", "name": "Bricks", "parent": "blocks"}),
    ]
    for _ in range(2):
        run = Run(shop)
        run.commit(page(*items))
        assert run.finish() == []
    assert run.all(RejectedItem) == []
    assert select(
        shop,
        "SELECT p.sku, c.name, q.slug, i.url, s.warehouse_code, s.pieces FROM SHOP.product p "
        "JOIN SHOP.category c ON c.id = p.category_id JOIN SHOP.category q ON q.id = c.parent_id "
        "JOIN SHOP.product_image i ON i.product_id = p.id JOIN SHOP.stock s ON s.product_id = p.id",
    ) == [
        (
            "N1",
            "Blocks",
            "toys",
            "https://shop.example/1.png",
            select(shop, "SELECT warehouse_code FROM SHOP.stock")[0][0],
            3,
        )
    ]
    assert len(run.all(RowChange)) == 5
    assert {
        key: row["parent"] for key, row in table_contents(shop, category, run_id=run.claimed.id).items()
    } == {
        ("blocks",): "toys",
        ("bricks",): "blocks",
    }
    claimed_by_collation = Run(shop, spider="other")
    claimed_by_collation.commit(page((category, {"slug": "BLOCKS", "name": "Blocks", "parent": None})))
    claimed_by_collation.finish()
    rejected = [str(one.reasons) for one in run.all(RejectedItem)]
    if shop.dialect.name == "postgresql":  # its collation tells them apart
        assert rejected == []
    else:
        assert len(rejected) == 1 and "write the key in the spider as it is in the table" in rejected[0]


PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"key": ["name"]}, r"\(name\) are no unique key of the table.*\(sku\)"),
    ({"columns": ["titel"]}, "there is no column 'titel'.*its columns are id, sku"),
    ({"map": {"title": "Bez."}}, r"there is no column 'Bez\.'.*its columns are id, sku"),
    (
        {"map": {"slug": "category_id.slug", "id_": "category_id.id"}},
        "two fields for the column 'category_id'",
    ),
    ({"columns": ["gross", "name"]}, "gross is generated by the database"),
    ({"map": {"price": "unit_price", "v": "views.x"}}, "views is no foreign key"),
    ({"map": {"price": "unit_price", "b": "brand_id.titel"}}, "brand of b has no column 'titel'"),
    ({"columns": []}, "no new row can be inserted: name must have a value"),
    ({"gone": "notes", "gone_values": None}, "neither a datetime nor a number"),
    ({"info": {"price": {"decimall": ","}}}, "decimall"),
]


def test_a_table_that_does_not_fit_is_named_at_the_start(shop: Engine) -> None:
    # A trigger might fill the columns of new rows.
    of_table = "" if shop.dialect.name == "mysql" else " ON SHOP.product"
    change(shop, f"DROP TRIGGER {'SHOP.' if not of_table else ''}product_written{of_table}")
    for options, problem in PROBLEMS:
        forget_existing_models()
        model = product_model(**options)
        read_existing_tables(shop)
        with pytest.raises(DatabaseUnusable, match=problem):
            check_tables(shop, [model])


def test_a_column_that_the_shop_dropped_is_named_at_the_start(shop: Engine) -> None:
    read(shop, product_model())
    forget_existing_models()
    change(shop, "ALTER TABLE SHOP.product RENAME COLUMN unit_price TO price")
    model = product_model()
    read_existing_tables(shop)
    with pytest.raises(DatabaseUnusable, match=r"no column 'unit_price'.*price"):
        check_tables(shop, [model])


def test_columns_may_have_dots_in_their_names(shop: Engine) -> None:
    quote = shop.dialect.identifier_preparer.quote
    number, name, category = quote("Art.Nr."), quote("Bez."), quote("Gruppe.1")
    change(
        shop,
        f"CREATE TABLE SHOP.artikel ({number} VARCHAR(20) PRIMARY KEY, {quote('Art.Bez.')} VARCHAR(20), "
        f"{name} VARCHAR(20), {category} VARCHAR(50), FOREIGN KEY ({category}) REFERENCES SHOP.warehouse (code))",
    )
    model = existing(
        f"{SCHEMA}.artikel",
        key=["Art.Nr."],
        map={"number": "Art.Nr.", "name": "Bez.", "long": "Art.Bez.", "warehouse": "Gruppe.1"},
    )
    read(shop, model)
    assert model.key() == ("number",)
    assert model.fields_in_columns(("Gruppe.1",)) == ("warehouse",)
    run = Run(shop)
    run.commit(page((model, {"number": "1", "name": "Bolt", "long": "A bolt", "warehouse": "N"})))
    run.finish()
    assert select(shop, "SELECT * FROM SHOP.artikel") == [("1", "A bolt", "Bolt", "N")]


def test_old_dates_and_local_times_are_kept(shop: Engine) -> None:
    model = existing(
        f"{SCHEMA}.product", key=["sku"], columns=["released", "name", "unit_price"], timezone="Europe/Berlin"
    )
    read(shop, model)
    for _ in range(2):
        run = Run(shop)
        run.commit(page((model, {"sku": "A1", "released": "2026-05-01", "name": "Anvil", "unit_price": 10})))
        run.finish()
    assert [one.fields for one in run.all(RowChange)] == [{"released": [None, "2026-05-01"]}]


def test_a_definition_that_contradicts_itself_is_refused() -> None:
    try:
        for options, problem in (
            ({"key": []}, "needs a name and a key"),
            ({"key": ["sku"], "map": {"a": "x", "b": "x"}}, "two fields for the column 'x'"),
            ({"key": ["sku"], "map": {"run_id": "x"}}, "give it another name"),
            ({"key": ["sku"], "map": {"a": ""}}, "write a column"),
            ({"key": ["sku"], "new": {"sku": 1}}, "it cannot be in new="),
            ({"key": ["sku"], "info": {"price": {}}}, "'price', which is no field; its fields are sku"),
            ({"key": ["sku"], "timezone": "Berlin"}, "no time zone 'Berlin'"),
        ):
            with pytest.raises(ModelError, match=problem):
                existing("product", **options)  # type: ignore[arg-type]
        assert existing("Preis-Liste_2024", key=["sku"]).__name__ == "Preis-Liste2024"  # messages name it
        first = existing("product", key=["sku"], columns=["name"])
        assert existing("product", key=["sku"], columns=["name"]) is first
        with pytest.raises(ModelError, match="has two definitions"):
            existing("product", key=["sku"], columns=["name", "price"])
    finally:
        forget_existing_models()


def test_an_sqlite_table_is_fed(tmp_path: Any) -> None:
    from tests.databases import make_file_with_tables  # noqa: PLC0415

    url = f"sqlite:///{tmp_path / 'shop.db'}"
    make_file_with_tables(url)
    engine = make_engine(url)
    change(
        engine,
        "CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, price DECIMAL(10, 2), sold DATETIME)",
    )
    change(engine, "INSERT INTO product (sku, price) VALUES ('A1', 3.5)")
    model = existing("product", key=["sku"], columns=["price", "sold"])
    try:
        read(engine, model)
        for _ in range(2):
            run = Run(engine)
            sold = datetime(2026, 5, 1, 12, tzinfo=UTC)
            run.commit(
                page(
                    (model, {"sku": "A1", "price": "4", "sold": sold}),
                    (model, {"sku": "B2", "price": None, "sold": None}),
                )
            )
            run.finish()
        assert select(engine, "SELECT id, sku, price FROM product ORDER BY id") == [
            (1, "A1", 4.0),
            (2, "B2", None),
        ]
        assert kinds(run.all(RowChange)) == [('["A1"]', "changed"), ('["B2"]', "created")]
    finally:
        forget_existing_models()
        engine.dispose()
