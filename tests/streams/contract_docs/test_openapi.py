"""The document of the HTTP dip is whole, with the pages that exist and examples that are read."""

import json
from collections.abc import Iterator
from typing import Any, cast

import msgspec
from starlette.routing import Route

from streams.bridge.http.access import Access
from streams.bridge.http.app import HttpDip
from streams.bridge.http.calls import read_end, read_setup
from streams.bridge.http.verification import read_verification
from streams.bridge.metrics import BridgeMetrics
from streams.contract_docs.openapi import document
from streams.wire.records import DECISION_DECODER
from tests.streams.bridge.http.conftest import PEER, ToldAsker

DOCUMENT = document()


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def shown(path: str) -> list[Any]:
    """Examples of a page's requests."""
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return [example["value"] for example in content["examples"].values()]


def test_its_pages_are_those_of_the_application() -> None:
    """No page is forgotten, none invented."""
    dip = HttpDip(cast("Any", ToldAsker()), Access(cast("Any", None), certified=False), 80, BridgeMetrics())
    routes = {(route.path.replace(":path", ""), method) for route in dip.app().routes if isinstance(route, Route)
              for method in (route.methods or set()) - {"HEAD"}}  # fmt: skip

    documented = {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}

    assert documented == routes


def test_all_references_lead_somewhere() -> None:
    """No reader of the document stumbles."""
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert len(references) > 20
    for reference in references:
        found = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def test_its_examples_are_read_by_the_code() -> None:
    """Requests by the dip, answers as decisions."""
    (setup,), (end,), (asked,) = shown("/v1/calls"), shown("/v1/calls/{call_id}/end"), shown("/stir/v1/verification")
    answers = DOCUMENT["paths"]["/v1/calls"]["post"]["responses"]["200"]["content"]["application/json"]["examples"]

    assert read_setup(json.dumps(setup).encode(), PEER, 0)["call_id"] == setup["call_id"]
    assert read_end(json.dumps(end).encode(), "c", PEER, 0)["sip_status"] == 200
    assert (
        read_verification(json.dumps(asked).encode(), PEER, "c", 1_760_000_000_000)["calling_number"]
        == (setup["calling_number"])
    )
    assert {DECISION_DECODER.decode(msgspec.json.encode(one["value"])).action for one in answers.values()} == {
        "allow", "label", "block",
    }  # fmt: skip


def test_what_the_bridge_knows_itself_is_not_required() -> None:
    """The shortest request that works is one that the document allows."""
    schemas = DOCUMENT["components"]["schemas"]

    assert schemas["SetupRecord"]["required"] == ["call_id", "calling_number", "called_number"]
    assert schemas["EndRecord"]["required"] == ["calling_number", "called_number", "sip_status"]
