"""The API of orders."""

from __future__ import annotations

from apiflask import APIBlueprint

blueprint = APIBlueprint("api_orders", __name__, tag="orders")
