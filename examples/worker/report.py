"""A batch job: prints the catalogue as a table."""

from __future__ import annotations

from shop.prices import CATALOGUE, human
from tabulate import tabulate

if __name__ == "__main__":
    print(tabulate([(name, human(cents)) for name, cents in CATALOGUE.items()], ["item", "price"]))
