"""The HTTP dip of the bridge as an OpenAPI 3.1 document, `docs/openapi.json`, from the code.

The records are those of the contract, but that a request may leave out what the bridge knows itself.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from detector.contract.decisions import Decision
from detector.contract.events import CallEnd, CallSetup
from streams.bridge.http import app
from streams.bridge.http.calls import DEADLINE_HEADER, MAX_DEADLINE_MS, FailedOpen
from streams.bridge.http.problems import MEDIA_TYPE, ProblemBody
from streams.bridge.http.verification import VerificationAnswer, VerificationEnvelope
from streams.contract_docs.asyncapi import CONTRACT_VERSION, Message, describe
from streams.contract_docs.examples import END, SETUP, examples
from streams.contract_docs.page import MEANINGS
from streams.wire import records

SETUP_KNOWN = ("type", "setup_time_ms", "trunk_group_id")
"""Required fields of a `call_setup` that a request may leave out: the bridge or the peer's entry says them."""
END_KNOWN = ("type", "call_id", "end_time_ms", "trunk_group_id")
MESSAGES = (
    Message("call_setup", records.SetupRecord, CallSetup),
    Message("call_end", records.EndRecord, CallEnd),
    Message("decision", records.DecisionRecord, Decision),
    Message("failed_open", FailedOpen, FailedOpen),
    Message("problem", ProblemBody, ProblemBody),
)
_VERIFICATION_EXAMPLE = {
    "verificationRequest": {
        "from": {"tn": SETUP.calling_number.removeprefix("+")},
        "to": {"tn": [SETUP.called_number.removeprefix("+")]},
        "time": SETUP.setup_time_ms // 1_000,
        "identity": "eyJ...;info=<https://cert.example.com/shaken.pem>;alg=ES256;ppt=shaken",
    }
}


def _schemas() -> dict[str, Any]:
    kinds = [*(message.record for message in MESSAGES), VerificationEnvelope, VerificationAnswer]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for message in MESSAGES:
        describe(schemas[message.record.__name__], message)
    for (domain, name), meaning in MEANINGS.items():
        schemas[domain.__name__]["properties"][name]["description"] = meaning
    for schema, known in (("SetupRecord", SETUP_KNOWN), ("EndRecord", END_KNOWN)):
        schemas[schema]["required"] = [name for name in schemas[schema]["required"] if name not in known]
    return schemas


def _reference(kind: type[Any]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _body(kind: Any, *shown: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _reference(kind)}
    if shown:
        content["examples"] = {str(number): {"value": value} for number, value in enumerate(shown, 1)}
    return {"required": True, "content": {"application/json": content}}


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _decisions() -> Iterable[Any]:
    return [json.loads(example.value) for example in examples() if example.topic == "call-decisions"]


def _answers() -> dict[str, Any]:
    shown = {str(number): {"value": value} for number, value in enumerate(_decisions(), 1)}
    schema = {"oneOf": [_reference(records.DecisionRecord), _reference(FailedOpen)]}
    said = "The decision, as it stands in `call-decisions`; or that the call passes undecided, and why."
    return {"description": said, "content": {"application/json": {"schema": schema, "examples": shown}}}


_DEADLINE = {
    "name": DEADLINE_HEADER,
    "in": "header",
    "description": f"Longest wait for the decision, milliseconds; more than {MAX_DEADLINE_MS} counts as that. "
    "Without it: that of the peer's entry, else `ROBOCALL_BRIDGE_DEADLINE_MS`.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999},
}
_PROBLEMS = {
    400: "The body is no JSON of this kind, or the deadline is no number.",
    401: "The token is missing or unknown.",
    403: "The client's certificate is trusted, and no peer has its address.",
    404: "There is no such page, or no such form of records.",
    408: "The body took too long.",
    413: "The body is too large.",
    422: "The body is JSON, and a field is missing or wrong.",
    503: "Too many events wait for Kafka: send it again.",
}
_OF_QUESTIONS = tuple(status for status in _PROBLEMS if status != HTTPStatus.SERVICE_UNAVAILABLE)
"""A question that Kafka does not take is answered: the call passes."""


def _call() -> dict[str, Any]:
    return {
        "operationId": "askAboutCall",
        "summary": "Ask about a call; whatever is no 200 with `action` `block` routes the call.",
        "parameters": [_DEADLINE],
        "requestBody": _body(records.SetupRecord, json.loads(records.encode(SETUP))),
        "responses": {"200": _answers(), **_problems(*_OF_QUESTIONS)},
    }


def _end() -> dict[str, Any]:
    call_id = {"name": "call_id", "in": "path", "required": True, "schema": {"type": "string"}}
    told = "Of the call, percent-encoded. That of the body is ignored."
    accepted = {"description": "It is on its way to Kafka."}
    return {
        "operationId": "endCall",
        "summary": "Say that a call has ended.",
        "parameters": [call_id | {"description": told}],
        "requestBody": _body(records.EndRecord, json.loads(records.encode(END))),
        "responses": {"202": accepted, **_problems(*_PROBLEMS)},
    }


def _record() -> dict[str, Any]:
    forms = {"name": "form", "in": "path", "required": True, "schema": {"type": "string", "enum": list(app.FORMS)}}
    kinds = ("application/json", "application/x-www-form-urlencoded", "application/x-www-form-base64-encoded")
    accepted = {"description": "It is on its way to Kafka, or it ends no call."}
    return {
        "operationId": "endCallByRecord",
        "summary": "Say that a call has ended, with a call detail record as the switch writes it.",
        "parameters": [forms | {"description": "FreeSWITCH's `json_cdr`, or Kamailio's `acc` as JSON."}],
        "requestBody": {"required": True, "content": {kind: {} for kind in kinds}},
        "responses": {"202": accepted, **_problems(*_PROBLEMS)},
    }


def _verification() -> dict[str, Any]:
    said = {
        "description": "`verstat` is our own verdict where signatures are verified; the others say what was decided."
    }
    return {
        "operationId": "verify",
        "summary": "Ask about a call as SBCs do that speak ATIS-1000082.",
        "parameters": [_DEADLINE],
        "requestBody": _body(VerificationEnvelope, _VERIFICATION_EXAMPLE),
        "responses": {
            "200": said | {"content": {"application/json": {"schema": _reference(VerificationAnswer)}}},
            **_problems(*_OF_QUESTIONS),
        },
    }


def _health() -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object", "properties": {"status": {"type": "string"}}}}}
    answers = {"200": "Calls get decisions.", "503": "They do not; `status` says why. Calls pass at once."}
    return {
        "operationId": "health",
        "summary": "Whether calls get decisions.",
        "security": [],
        "responses": {status: {"description": text, "content": content} for status, text in answers.items()},
    }


def document() -> dict[str, Any]:
    """Build the OpenAPI document."""
    problem = {MEDIA_TYPE: {"schema": _reference(ProblemBody)}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Robocall detector, HTTP dip of the bridge",
            "version": CONTRACT_VERSION,
            "description": "Ask about a call, say how it ended. Unknown fields are ignored; times are epoch "
            "milliseconds UTC. docs/bridge-http.md explains it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"basic": []}, {"certificate": []}],
        "paths": {
            app.CALLS: {"post": _call()},
            app.END.replace(":path", ""): {"post": _end()},
            app.RECORDS: {"post": _record()},
            app.VERIFICATION: {"post": _verification()},
            app.HEALTH: {"get": _health()},
        },
        "components": {
            "schemas": _schemas(),
            "responses": {str(status): {"description": text, "content": problem} for status, text in _PROBLEMS.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user; the password is the token."},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def rendered() -> str:
    """Give the text that the file should have."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
