"""What a caller of the gateway needs beside the stubs. Copy what is of use."""

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from openfinance.v1 import customer_pb2, options_pb2


# ANCHOR: connect
def options(service_config: str | None = None) -> list[tuple[str, Any]]:
    """How every channel is set. The service config says which methods are retried."""
    found: list[tuple[str, Any]] = [
        # Finds out that the other side is gone before a call has to.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.enable_retries", 0 if service_config is None else 1),
    ]
    if service_config is not None:
        found.append(("grpc.service_config", service_config))
    return found


def credentials(
    authority: bytes,
    *,
    api_key: str | None = None,
    token: str | None = None,
    certificate: tuple[bytes, bytes] | None = None,
) -> grpc.ChannelCredentials:
    """TLS to a gateway for which `authority` vouches, by a caller with a key, a token,
    or a certificate and its key."""
    chain, key = certificate or (None, None)
    tls = grpc.ssl_channel_credentials(authority, key, chain)
    if api_key is not None:
        return grpc.composite_channel_credentials(tls, _header("x-api-key", api_key))
    if token is not None:
        return grpc.composite_channel_credentials(
            tls, grpc.access_token_call_credentials(token)
        )
    return tls


def _header(name: str, value: str) -> grpc.CallCredentials:
    class Plugin(grpc.AuthMetadataPlugin):
        def __call__(
            self,
            context: grpc.AuthMetadataContext,
            callback: grpc.AuthMetadataPluginCallback,
        ) -> None:
            callback(((name, value),), None)

    return grpc.metadata_call_credentials(Plugin())


# A channel outlives its connections: it reconnects by itself, so make one and keep it.
def connect(
    address: str, caller: grpc.ChannelCredentials, service_config: str | None = None
) -> grpc.Channel:
    return grpc.secure_channel(address, caller, options(service_config))


def connect_aio(
    address: str, caller: grpc.ChannelCredentials, service_config: str | None = None
) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(address, caller, options(service_config))


# ANCHOR_END: connect


def caller_from(folder: Path, name: str) -> grpc.ChannelCredentials:
    """The caller whose credential is in this folder: `NAME.key`, `NAME.jwt`, or
    `NAME.pem` with `NAME.key.pem`."""

    def text(suffix: str) -> str | None:
        path = folder / f"{name}.{suffix}"
        return path.read_text().strip() if path.exists() else None

    chain, key = text("pem"), text("key.pem")
    return credentials(
        (folder / "ca.pem").read_bytes(),
        api_key=text("key"),
        token=text("jwt"),
        certificate=(chain.encode(), key.encode()) if chain and key else None,
    )


# ANCHOR: errors
@dataclass
class Problem:
    """What a status of the gateway tells. The reasons are listed in docs/errors.md."""

    code: grpc.StatusCode
    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: dict[str, str] = field(default_factory=dict)
    retry_delay: float | None = None
    resource: str = ""

    @property
    def unsettled(self) -> bool:
        """Whether a create may be repeated with its request_id: it was not done, or
        nobody waited for what became of it."""
        return self.retry_delay is not None or self.code in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )


def problem(error: grpc.RpcError) -> Problem:
    """Reads the details of an error."""
    found = Problem(error.code())
    trailers = dict(error.trailing_metadata() or ())
    for detail in status_pb2.Status.FromString(
        trailers.get("grpc-status-details-bin", b"")
    ).details:
        if detail.Unpack(info := error_details_pb2.ErrorInfo()):
            found.reason, found.domain, found.metadata = (
                info.reason,
                info.domain,
                dict(info.metadata),
            )
        elif detail.Unpack(request := error_details_pb2.BadRequest()):
            found.violations = {
                violation.field: violation.description
                for violation in request.field_violations
            }
        elif detail.Unpack(retry := error_details_pb2.RetryInfo()):
            found.retry_delay = retry.retry_delay.ToTimedelta().total_seconds()
        elif detail.Unpack(resource := error_details_pb2.ResourceInfo()):
            found.resource = resource.resource_type
    return found


# ANCHOR_END: errors


T = TypeVar("T")


# ANCHOR: create_again
def create_again(
    create: Callable[[], T], wait: Callable[[float], None] = time.sleep, tries: int = 5
) -> T:
    """Repeats a create until it is settled. It must send the same request_id each time:
    whatever became of the tries before, there is one record."""
    while True:
        try:
            return create()
        except grpc.RpcError as error:
            found, tries = problem(error), tries - 1
            if not found.unsettled or not tries:
                raise
            wait(found.retry_delay or 1.0)


# ANCHOR_END: create_again


async def create_again_aio(
    create: Callable[[], Awaitable[T]],
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    tries: int = 5,
) -> T:
    """`create_again` for asyncio."""
    while True:
        try:
            return await create()
        except grpc.aio.AioRpcError as error:
            found, tries = problem(error), tries - 1
            if not found.unsettled or not tries:
                raise
            await wait(found.retry_delay or 1.0)


# ANCHOR: paging
def customers(
    stub: Any, request: customer_pb2.ListCustomersRequest
) -> Iterator[customer_pb2.Customer]:
    """Every customer that the request finds. Pages are asked for as they are needed."""
    request = copy.deepcopy(request)
    while True:
        page = stub.ListCustomers(request)
        yield from page.customers
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


# ANCHOR_END: paging


async def customers_aio(
    stub: Any, request: customer_pb2.ListCustomersRequest
) -> AsyncIterator[customer_pb2.Customer]:
    """`customers` for asyncio."""
    request = copy.deepcopy(request)
    while True:
        page = await stub.ListCustomers(request)
        for customer in page.customers:
            yield customer
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


# ANCHOR: streaming
def stream(
    stub: Any, request: customer_pb2.StreamCustomersRequest, tries: int = 5
) -> Iterator[customer_pb2.Customer]:
    """Every customer that the request finds, each once. A stream that breaks is taken
    up where it broke, at most `tries` times in a row."""
    request, left = copy.deepcopy(request), tries
    while True:
        try:
            for page in stub.StreamCustomers(request):
                yield from page.customers
                if not page.resume_token:
                    return
                request.resume_token, left = page.resume_token, tries
            return
        except grpc.RpcError as error:
            left -= 1
            if error.code() is not grpc.StatusCode.UNAVAILABLE or not left:
                raise
            time.sleep(problem(error).retry_delay or 1.0)


# ANCHOR_END: streaming


async def stream_aio(
    stub: Any, request: customer_pb2.StreamCustomersRequest, tries: int = 5
) -> AsyncIterator[customer_pb2.Customer]:
    """`stream` for asyncio."""
    request, left = copy.deepcopy(request), tries
    while True:
        try:
            async for page in stub.StreamCustomers(request):
                for customer in page.customers:
                    yield customer
                if not page.resume_token:
                    return
                request.resume_token, left = page.resume_token, tries
            return
        except grpc.aio.AioRpcError as error:
            left -= 1
            if error.code() is not grpc.StatusCode.UNAVAILABLE or not left:
                raise
            await asyncio.sleep(problem(error).retry_delay or 1.0)


# ANCHOR: redact
HIDDEN = (options_pb2.DATA_CLASS_PERSONAL, options_pb2.DATA_CLASS_RESTRICTED)
TEXT = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def redacted(message: Message) -> str:
    """The message as text for logs, less what is personal. Text that the protos do not
    class is left out as well. Never log `str(message)`."""
    shown = (
        f"{descriptor.name}: {_value(descriptor, value)}"
        for descriptor, value in message.ListFields()
    )
    return f"{message.DESCRIPTOR.name}({', '.join(shown)})"


def _value(descriptor: FieldDescriptor, value: Any) -> str:
    data_class = descriptor.GetOptions().Extensions[options_pb2.data_class]
    unclassed = data_class == options_pb2.DATA_CLASS_UNSPECIFIED
    if data_class in HIDDEN or (unclassed and descriptor.type in TEXT):
        return "[redacted]"
    if descriptor.is_repeated:
        return f"[{', '.join(_one(descriptor, one) for one in value)}]"
    return _one(descriptor, value)


def _one(descriptor: FieldDescriptor, value: Any) -> str:
    if descriptor.message_type is not None:
        return redacted(value)
    if descriptor.enum_type is not None:
        known = descriptor.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    return repr(value)


# ANCHOR_END: redact
