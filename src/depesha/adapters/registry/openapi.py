"""The OpenAPI 3.1 document, drawn from the route table and the models. Pure."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from depesha.adapters.registry.problems import (
    FORBIDDEN,
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    PROBLEM_JSON,
    TOO_LARGE,
    UNAUTHENTICATED,
    Kind,
    ProblemDocument,
)
from depesha.adapters.registry.routes import BASE, JSON, Answer, Route
from depesha.adapters.registry.streaming import OCTETS
from depesha.adapters.registry.uploading import FORM, WORDS
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.outbound_events import DISPATCH_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel
    from pydantic.json_schema import JsonSchemaMode

_REF = "#/components/schemas/{model}"
_PLACES = {
    "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "n": {"type": "integer", "minimum": 1},
    "task": {"type": "integer", "minimum": 0},
    "code": {"type": "string"},
    "identifier": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
_USER = {
    "name": "Depesha-User",
    "in": "header",
    "required": False,
    "description": "The clerk on whose behalf the registry asks; kept in the evidence (AUD-01)",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._@-]{1,64}$"},
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "Language of the sentences: bg, cs, uk or en",
    "schema": {"type": "string"},
}


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """Return the whole document."""
    rows = tuple(routes)
    schemas = _schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for route in rows:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Depesha registry API",
            "version": version,
            "description": "What an administration's registry asks of its gateway. Every error is "
            "problem+json (RFC 9457); every request is safe to repeat.",
        },
        "servers": [{"url": BASE}],
        "paths": paths,
        "webhooks": _webhooks(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def problems_of(route: Route) -> tuple[Kind, ...]:
    """Return every problem a row may answer with, besides the `default` ones."""
    kinds: list[Kind] = []
    if route.scopes:
        kinds += [UNAUTHENTICATED, FORBIDDEN, INVALID]
    if route.query.model_fields:
        kinds.append(INVALID)
    if route.body is not None:
        kinds += [MALFORMED, TOO_LARGE, MEDIA_TYPE, INVALID]
    return tuple(dict.fromkeys((*kinds, *route.problems)))


def _schemas(rows: tuple[Route, ...]) -> dict[str, Any]:
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemDocument, "serialization")]
    for route in rows:
        if route.body is not None:
            wanted.append((route.body, "validation"))
        if route.form is not None:
            wanted.append((route.form, "validation"))
        models = (m for a in route.answers.values() for m in (a.model, a.other) if m is not None)
        wanted += [(model, "serialization") for model in models]
    unique = list(dict.fromkeys(wanted))
    _, definitions = models_json_schema(unique, ref_template=_REF)
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.scopes:
        # OpenAPI 3.1 lets any scheme name the roles it needs; several entries mean "any of".
        operation["security"] = [{"token": [scope.value]} for scope in route.scopes]
    else:
        operation["security"] = []
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {JSON: {"schema": _reference(route.body)}},
        }
    if route.form is not None:
        operation["requestBody"] = {"required": True, "content": {FORM: _form(route.form)}}
    return operation


def _form(model: type[BaseModel]) -> dict[str, Any]:
    """A form: the words in one part, every other part a file."""
    schema = {
        "type": "object",
        "properties": {WORDS: _reference(model)},
        "required": [WORDS],
        "additionalProperties": {"type": "string", "contentMediaType": OCTETS},
    }
    return {"schema": schema, "encoding": {WORDS: {"contentType": JSON}}}


def _webhooks() -> dict[str, Any]:
    """The events that webhooks may ask for, in the form of Standard Webhooks."""
    received = {f"message.{state.lower()}": "A received message is" for state in InboundState}
    sent = dict.fromkeys(DISPATCH_EVENTS.values(), "A document on its way out is")
    return {
        name: {"post": _webhook(name, f"{whose} {name.partition('.')[2].replace('_', ' ')}")}
        for name, whose in (received | sent).items()
    }


def _webhook(name: str, summary: str) -> dict[str, Any]:
    data = {"type": "object", "additionalProperties": {"type": "string"}}
    body = {
        "type": "object",
        "properties": {
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data | {"description": "message_id and what else names no person"},
        },
        "required": ["type", "timestamp", "data"],
    }
    return {
        "summary": summary,
        "description": "At least once, signed by Standard Webhooks; a repeat has the same id",
        "parameters": [
            {"name": header, "in": "header", "required": True, "schema": {"type": "string"}}
            for header in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {"2XX": {"description": "Taken"}, "410": {"description": "No more, please"}},
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PLACES[name]}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    schema = route.query.model_json_schema(ref_template=_REF)
    definitions = schema.get("$defs", {})
    for name, field in schema.get("properties", {}).items():
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "description": field.get("description", ""),
                "schema": _inlined(field, definitions),
            }
        )
    parameters += [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in route.headers.items()
    ]
    return [*parameters, _USER, _LANGUAGE] if route.scopes else parameters


def _inlined(value: Any, definitions: dict[str, Any]) -> Any:
    """Put definitions in the place of references: parameters carry their own schema."""
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(definitions[value["$ref"].rpartition("/")[2]], definitions)
        return {key: _inlined(item, definitions) for key, item in value.items()}
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    return value


def _responses(route: Route) -> dict[str, Any]:
    responses = {str(status): _answer(answer) for status, answer in route.answers.items()}
    by_status: dict[int, list[Kind]] = {}
    for kind in problems_of(route):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        text = "; ".join(f"{kind.code}: {kind.title}" for kind in kinds)
        responses[str(status)] = _problem(f"{HTTPStatus(status).phrase}. {text}")
    responses["default"] = _problem("Too slow, too often, or a failure inside the gateway")
    return responses


def _answer(answer: Answer) -> dict[str, Any]:
    response: dict[str, Any] = {"description": answer.description}
    content: dict[str, Any] = {}
    for media_type in answer.media_types:
        is_json = media_type == JSON
        content[media_type] = {"schema": _shape(answer) if is_json else {}}
    if content:
        response["content"] = content
    return response


def _shape(answer: Answer) -> dict[str, Any]:
    references = [_reference(model) for model in (answer.model, answer.other) if model is not None]
    if len(references) > 1:
        return {"oneOf": references}
    return dict(references[0]) if references else {}


def _problem(description: str) -> dict[str, Any]:
    schema = _REF.format(model=ProblemDocument.__name__)
    return {"description": description, "content": {PROBLEM_JSON: {"schema": {"$ref": schema}}}}
