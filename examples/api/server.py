"""A web service: the catalogue as JSON on port 8080."""

from __future__ import annotations

from bottle import Bottle
from shop.prices import CATALOGUE, human

app = Bottle()


@app.get("/prices")
def prices() -> dict[str, str]:
    return {name: human(cents) for name, cents in CATALOGUE.items()}


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8080)
