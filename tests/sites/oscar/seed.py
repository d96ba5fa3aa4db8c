"""Fill an Oscar shop with books from a fixed seed: ``OSCAR_FOLDER=... python -m tests.sites.oscar.seed NUMBER``."""

from __future__ import annotations

import os
import random
import sys
from decimal import Decimal
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.sites.oscar.settings")

WORDS = ("amber", "river", "garden", "winter", "paper", "stone", "letter", "harbour", "mirror", "orchard")


def books(number: int) -> list[dict[str, Any]]:
    """Return the books of a shop: its rows."""
    dice = random.Random(11)
    found = []
    for nth in range(number):
        found.append(
            {
                "upc": f"{9780000000000 + nth * 37}",
                "title": f"The {dice.choice(WORDS)} of the {dice.choice(WORDS)} {dice.choice(WORDS)}",
                "price": f"{dice.randint(300, 9999) / 100:.2f}",
                "in_stock": bool(dice.randint(0, 9)),
                "description": " ".join(dice.choices(WORDS, k=60)) if dice.randint(0, 4) else None,
            }
        )
    return found


def main(number: int) -> None:
    import django  # noqa: PLC0415 - after the environment

    django.setup()
    from django.contrib.sites.models import Site  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415
    from oscar.core.loading import get_model  # noqa: PLC0415

    call_command("migrate", run_syncdb=True, verbosity=0)
    with transaction.atomic():
        Site.objects.update_or_create(id=1, defaults={"domain": "127.0.0.1", "name": "Shop"})
        get_model("address", "Country").objects.create(
            iso_3166_1_a2="GB",
            name="United Kingdom",
            printable_name="United Kingdom",
            is_shipping_country=True,
        )
        kind = get_model("catalogue", "ProductClass").objects.create(name="Book")
        partner = get_model("partner", "Partner").objects.create(name="Books", code="books")
        category = get_model("catalogue", "Category").add_root(name="Books")
        product, stock = get_model("catalogue", "Product"), get_model("partner", "StockRecord")
        for book in books(number):
            made = product.objects.create(
                upc=book["upc"],
                title=book["title"],
                description=book["description"] or "",
                product_class=kind,
                structure="standalone",
            )
            made.categories.add(category)
            stock.objects.create(
                product=made,
                partner=partner,
                partner_sku=book["upc"],
                price=Decimal(book["price"]),
                price_currency="GBP",
                num_in_stock=5 if book["in_stock"] else 0,
            )
    call_command("rebuild_index", interactive=False, verbosity=0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
