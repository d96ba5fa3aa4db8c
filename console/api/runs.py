"""The API of runs."""

from __future__ import annotations

from apiflask import APIBlueprint

blueprint = APIBlueprint("api_runs", __name__, tag="runs")
