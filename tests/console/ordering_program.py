"""A program that orders over the API of a console, which may be killed meanwhile."""

from __future__ import annotations

import requests


class Program:
    """A program with a token, which remembers what the console has confirmed.

    Attributes:
        confirmed: the kind of each order that the console has confirmed, by its id.
        refused: how many orders the console has refused.
        unanswered: how many orders had no answer; each of them may be stored or not.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/api/v1"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.confirmed: dict[int, str] = {}
        self.refused = self.unanswered = 0

    def get(self, path: str) -> list[dict[str, object]]:
        """Return the rows of a list; none if the console does not answer."""
        try:
            answer = requests.get(self.url + path, headers=self.headers, timeout=20)
            return list(answer.json()["rows"]) if answer.status_code == 200 else []
        except requests.RequestException:
            return []

    def order(self, path: str, kind: str, /, **fields: object) -> int | None:
        """Order, and return the id if the console confirms it."""
        try:
            answer = requests.post(self.url + path, json=fields, headers=self.headers, timeout=20)
        except requests.RequestException:
            self.unanswered += 1
            return None
        if answer.status_code != 201:
            self.refused += 1
            return None
        number = int(answer.json()["id"])
        self.confirmed[number] = kind
        return number
