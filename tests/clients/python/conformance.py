"""Executes the table of ../conformance.json, as ../README.md says."""

import importlib
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory

from openfinance_client import caller_from, connect, problem
from surroundings import ADDRESS, CREDENTIALS, sandbox, show

for stubs in Path("build/stubs/openfinance/v1").glob("*_pb2.py"):
    importlib.import_module(f"openfinance.v1.{stubs.stem}")

variables = {"large": "1" * 70_000}


def filled(value: Any) -> Any:
    """The value with every variable replaced."""
    match value:
        case str():
            return re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], value)
        case list():
            return [filled(one) for one in value]
        case dict():
            return {name: filled(one) for name, one in value.items()}
    return value


def save(names: dict[str, str], answer: Any) -> None:
    for name, path in names.items():
        value = answer
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        variables[name] = str(value)


def is_default(value: Any) -> bool:
    unspecified = isinstance(value, str) and value.endswith("_UNSPECIFIED")
    return value in (None, "", "0", 0, [], {}) or unspecified


def compare(expected: Any, found: Any, path: str) -> None:
    """Holds what was found against what was expected."""
    if expected == "*":
        assert not is_default(found), f"{path} is empty"
    elif is_default(expected):
        assert is_default(found), f"{path} is {found!r} and not empty"
    elif isinstance(expected, dict):
        assert isinstance(found, dict), f"{path} is not there"
        for name, value in expected.items():
            compare(value, found.get(name), f"{path}.{name}")
    elif isinstance(expected, list):
        length = len(found) if isinstance(found, list) else 0
        assert length == len(expected), (
            f"{path} has {length} elements and not {len(expected)}"
        )
        for index, (value, one) in enumerate(zip(expected, found, strict=True)):
            compare(value, one, f"{path}.{index}")
    else:
        assert expected == found, f"{path} is {found!r} and not {expected!r}"


@cache
def channel(caller: str) -> grpc.Channel:
    return connect(ADDRESS, caller_from(CREDENTIALS, caller))


def call(row: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    """Makes the call of a row. Answers the messages as JSON, and the headers."""
    service, name = row["method"].split("/")
    method = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    request = message_factory.GetMessageClass(method.input_type)()
    json_format.ParseDict(row.get("request", {}), request)
    answer = message_factory.GetMessageClass(method.output_type)
    caller = channel(row.get("caller", "writer"))
    make = caller.unary_stream if method.server_streaming else caller.unary_unary
    invoke = make(
        f"/{row['method']}", type(request).SerializeToString, answer.FromString
    )
    headers = list(row.get("metadata", {}).items())
    timeout = row.get("timeout_ms", 10_000) / 1000
    if method.server_streaming:
        stream = invoke(request, timeout, headers)
        messages, initial = list(stream), stream.initial_metadata()
    else:
        message, ended = invoke.with_call(request, timeout, headers)
        messages, initial = [message], ended.initial_metadata()
    received: dict[str, str] = {}
    for key, value in initial:
        received[key] = f"{received[key]},{value}" if key in received else value
    return [json_format.MessageToDict(message) for message in messages], received


def run(row: dict[str, Any]) -> None:
    for asked in row.get("sandbox", []):
        asked = filled(asked)
        save(
            asked.get("save", {}),
            sandbox(asked["method"], asked["path"], asked.get("body")),
        )
    row = filled(row)
    for _ in range(row.get("times", 1) - 1):
        try:
            call(row)
        except grpc.RpcError:
            pass
    expect = row["expect"]
    try:
        messages, headers = call(row)
    except grpc.RpcError as error:
        refused(expect, error)
        return
    assert expect["code"] == "OK", f"OK and not {expect['code']}"
    if "messages" in expect:
        compare(expect["messages"], len(messages), "messages")
    if "headers" in expect:
        compare(expect["headers"], headers, "headers")
    if "message" in expect:
        compare(expect["message"], messages[0] if messages else None, "message")
    save(row.get("save", {}), messages[0] if messages else None)


def refused(expect: dict[str, Any], error: grpc.RpcError) -> None:
    found = problem(error)
    compare(expect["code"], found.code.name, "code")
    if "reason" in expect:
        compare(expect["reason"], found.reason, "reason")
        compare(expect.get("domain", "openfinance"), found.domain, "domain")
    if "metadata" in expect:
        compare(expect["metadata"], found.metadata, "metadata")
    compare(
        sorted(expect.get("violations", [])), sorted(found.violations), "violations"
    )
    waits = found.retry_delay is not None and found.retry_delay > 0
    compare(expect.get("retry_delay", False), waits, "retry_delay")
    if "resource" in expect:
        compare(expect["resource"], found.resource, "resource")


table = json.loads(Path(os.environ["CONFORMANCE_TABLE"]).read_text())
show((row["name"], lambda row=row: run(row)) for row in table["rows"])
