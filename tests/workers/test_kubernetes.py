"""compose/kubernetes.yaml: the schemas of Kubernetes accept it, and its query counts the requests of shared runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from sqlalchemy import text, update

from crawler import settings
from models import CrawlRun
from models.request import DONE, NewRequest, Settled, insert_new, settle
from models.run import claim_run, database_now
from models.session import make_engine, make_sessions
from models.shared_run import join_run
from tests.doc_pages import DocPage
from tests.processes import ROOT

VERSION = "1.30"  # the oldest Kubernetes whose schema is checked
DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "compose" / "kubernetes.yaml").read_text("utf-8"))
)
OURS = [one for one in DOCUMENTS if not one["apiVersion"].startswith("keda.sh/")]


def name(one: dict[str, Any]) -> str:
    return f"{one['kind']}-{one['metadata']['name']}"


def strict(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Return the schema of an object that has these properties, and no other ones."""
    required = sorted(properties.keys() - {*optional})
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT, NUMBER = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}
WHOLE_AS_TEXT = {"type": "string", "pattern": "^[1-9][0-9]*$"}
# The fields of https://keda.sh/docs/2.17/ that the file uses: the reference of the scaled object and of the scalers.
TRIGGERS: dict[str, dict[str, Any]] = {
    "mysql": strict({"queryValue": WHOLE_AS_TEXT, "query": TEXT}),
    "postgresql": strict({"targetQueryValue": WHOLE_AS_TEXT, "query": TEXT}),
}
PARAMETERS = {"mysql": "connectionString", "postgresql": "connection"}
SPECS: dict[str, dict[str, Any]] = {
    "ScaledObject": strict(
        {
            "scaleTargetRef": strict({"name": TEXT}),
            **dict.fromkeys(
                ("pollingInterval", "cooldownPeriod", "minReplicaCount", "maxReplicaCount"), NUMBER
            ),
            "triggers": {
                "type": "array",
                "items": strict(
                    {
                        "type": {"enum": [*TRIGGERS]},
                        "metadata": {"anyOf": [*TRIGGERS.values()]},
                        "authenticationRef": strict({"name": TEXT}),
                    }
                ),
            },
        }
    ),
    "TriggerAuthentication": strict(
        {
            "secretTargetRef": {
                "type": "array",
                "items": strict(dict.fromkeys(("parameter", "name", "key"), TEXT)),
            }
        }
    ),
}


def documents_of_the_page() -> list[dict[str, Any]]:
    """Return the trigger of docs/scaling.md, and its parameter."""
    (block,) = DocPage("scaling.md").below("How does Kubernetes run the workers?")
    found: list[dict[str, Any]] = yaml.safe_load(block.text)["triggers"]
    return found


def triggers() -> list[dict[str, Any]]:
    (scaled,) = (one for one in DOCUMENTS if one["kind"] == "ScaledObject")
    return [*scaled["spec"]["triggers"], *documents_of_the_page()]


def containers(one: Any) -> Iterator[dict[str, Any]]:
    """Yield the containers of a document."""
    if isinstance(one, dict):
        for key, value in one.items():
            if key in ("containers", "initContainers"):
                yield from value
            else:
                yield from containers(value)


def pods(one: Any) -> Iterator[dict[str, Any]]:
    """Yield the pods of a document."""
    if isinstance(one, dict):
        if "containers" in one:
            yield one
        for value in one.values():
            yield from pods(value)


@pytest.mark.parametrize("document", OURS, ids=name)
def test_kubernetes_accepts_the_document(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if one not in OURS], ids=name)
def test_keda_accepts_the_document(document: dict[str, Any]) -> None:
    jsonschema.validate(document["spec"], SPECS[document["kind"]])


def test_each_trigger_has_the_fields_of_its_scaler() -> None:
    assert {one["type"] for one in triggers()} == {*TRIGGERS}
    for one in triggers():
        jsonschema.validate(one["metadata"], TRIGGERS[one["type"]])


def test_the_trigger_finds_its_deployment_and_its_password() -> None:
    by_kind = {one["kind"]: one for one in DOCUMENTS}
    scaled, authentication = by_kind["ScaledObject"], by_kind["TriggerAuthentication"]
    assert scaled["spec"]["scaleTargetRef"]["name"] in {
        one["metadata"]["name"] for one in DOCUMENTS if one["kind"] == "Deployment"
    }
    for trigger in scaled["spec"]["triggers"]:
        assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]
        (reference,) = authentication["spec"]["secretTargetRef"]
        assert reference["parameter"] == PARAMETERS[trigger["type"]]


def test_secrets_come_from_the_secret_and_the_other_values_are_settings() -> None:
    words = (ROOT / "compose" / "kubernetes.yaml").read_text("utf-8")
    optional = "workers-url"
    for container in containers({"all": {name(one): one for one in DOCUMENTS}}):
        for variable in container.get("env", []):
            assert hasattr(settings, variable["name"]) or variable["name"] == "LOG_FORMAT"
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            assert (reference is not None) == (variable["name"] in ("DATABASE_URL", "WORKERS_URL"))
            if reference is not None:
                assert reference.get("optional", False) == (reference["key"] == optional)
                assert f"--from-literal={reference['key']}=" in words or reference["key"] == optional


def test_a_pod_has_longer_than_the_shutdown() -> None:
    for document in DOCUMENTS:
        for pod in pods(document):
            for container in pod["containers"]:
                given = {one["name"]: one.get("value") for one in container.get("env", [])}
                if "SHUTDOWN_TIMEOUT" in given:
                    assert pod["terminationGracePeriodSeconds"] > float(given["SHUTDOWN_TIMEOUT"]) + 20
                    assert "hostNetwork" not in pod and "hostname" not in pod


@pytest.mark.parametrize("trigger", triggers(), ids=lambda one: one["type"])
def test_the_query_counts_the_open_requests_of_shared_runs(server_url: str, trigger: dict[str, Any]) -> None:
    engine = make_engine(server_url)
    sessions = make_sessions(engine)
    shared = join_run(sessions, "films", {}, partitions=4)
    alone = claim_run(sessions, "books", {})
    over = join_run(sessions, "old", {}, partitions=4)
    with sessions.begin() as session:
        for run in (shared, alone, over):
            found = [
                NewRequest(
                    number=number,
                    identity=hashlib.sha1(bytes([number]), usedforsecurity=False).digest(),
                    url="https://shop.example/",
                    request="{}",
                    priority=0,
                    position=number,
                )
                for number in range(7)
            ]
            insert_new(session, run.id, found, lambda one: one.number < 2)
        settle(session, shared.id, [Settled(number=3, state=DONE)], database_now(session))
        session.execute(update(CrawlRun).where(CrawlRun.id == over.id).values(unfinished=None))
    query = trigger["metadata"]["query"]
    with engine.connect() as connection:
        assert connection.scalar(text(query)) == 6
        assert connection.scalar(text(query.replace("LIMIT 80000", "LIMIT 5"))) == 5
    engine.dispose()


def test_the_query_counts_as_far_as_the_largest_number_of_workers() -> None:
    (scaled,) = (one for one in DOCUMENTS if one["kind"] == "ScaledObject")
    for trigger in triggers():
        each = trigger["metadata"].get("queryValue") or trigger["metadata"]["targetQueryValue"]
        assert f"LIMIT {int(each) * scaled['spec']['maxReplicaCount']})" in trigger["metadata"]["query"]
