"""Write a ledger from a fixed seed: ``python -m tests.sites.fava.seed FILE``."""

from __future__ import annotations

import random
import sys
from datetime import date, timedelta
from pathlib import Path

PAYEES = {"Bäckerei": "Food", "Kino “Rex”": "Fun", "City & Sons": "Rent", "書店": "Books"}
TRANSACTIONS = 120


def main(file: str) -> None:
    dice = random.Random(11)
    accounts = ["Assets:Bank", *(f"Expenses:{name}" for name in PAYEES.values())]
    lines = ['option "title" "Household"', 'option "operating_currency" "EUR"']
    lines += [f"2024-01-01 open {account} EUR" for account in accounts]
    day = date(2024, 1, 1)
    for number in range(TRANSACTIONS):
        day += timedelta(days=dice.randint(0, 3))
        payee, account = dice.choice(list(PAYEES.items()))
        amount = f"{dice.randint(1, 9999) / 100:.2f}"
        lines += [
            f'{day} * "{payee}" "purchase {number:03}"',
            f"  Expenses:{account}  {amount} EUR",
            "  Assets:Bank",
        ]
    Path(file).write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
