"""The table of the benchmarks: products with twelve columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Mapped, mapped_column

from models import Base, Row
from models.types import ExactNumeric, ExactString


class Product(Row):
    __tablename__ = "benchmark_product"

    sku: Mapped[str] = mapped_column(ExactString(20), primary_key=True)
    title: Mapped[str] = mapped_column(ExactString(200))
    brand: Mapped[str] = mapped_column(ExactString(80))
    category: Mapped[str] = mapped_column(ExactString(80))
    price: Mapped[Decimal] = mapped_column(ExactNumeric(10, 2))
    stock: Mapped[int]
    rating: Mapped[int]
    weight: Mapped[int]
    released: Mapped[date]
    colour: Mapped[str] = mapped_column(ExactString(40))
    description: Mapped[str] = mapped_column(ExactString(500))
    url: Mapped[str] = mapped_column(ExactString(500))


def items(number: int, second_pass: bool) -> Iterator[dict[str, Any]]:
    """Yield ``number`` items with mostly text values, as spiders do. In the second pass every tenth price differs."""
    for n in range(number):
        price = n % 90 + 10 + (1 if second_pass and n % 10 == 0 else 0)
        yield {
            "sku": f"SKU{n:07}",
            "title": f"A product with the number {n}",
            "brand": f"Brand {n % 300}",
            "category": f"Category {n % 40}",
            "price": f"£{price}.99",
            "stock": str(n % 50),
            "rating": n % 5 + 1,
            "weight": n % 3000,
            "released": f"20{n % 20 + 10}-05-{n % 28 + 1:02}",
            "colour": "anthracite",
            "description": "It does what it should, and a little more on good days. " * 3,
            "url": f"https://shop.example/products/{n}",
        }


def make_table(engine: Engine) -> None:
    Base.metadata.create_all(engine, tables=[Product.table()])


def drop_table(engine: Engine) -> None:
    Product.table().drop(engine, checkfirst=True)
