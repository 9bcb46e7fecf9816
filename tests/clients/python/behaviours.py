"""Shows the behaviours that ../README.md lists, with the helpers of this client."""

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from openfinance.v1 import (
    common_pb2,
    consumer_pb2,
    consumer_pb2_grpc,
    customer_pb2,
    customer_pb2_grpc,
    gateway_pb2,
    gateway_pb2_grpc,
)

from openfinance_client import (
    caller_from,
    connect,
    connect_aio,
    create_again,
    create_again_aio,
    customers,
    customers_aio,
    problem,
    redacted,
    stream,
    stream_aio,
)
from surroundings import ADDRESS, CREDENTIALS, sandbox, show

CONFIG = Path(os.environ["SERVICE_CONFIG"]).read_text()
WRITER = caller_from(CREDENTIALS, "writer")
CROWD = 2_500
CROWDED = "crowd-"

# What the vendor does in the behaviours that are about it.
STALLED = {"operation": "GetCustomer", "effect": {"stall_at": "response_headers"}}
DOWN = {
    "operation": "GetCustomer",
    "times": 3,
    "commit": "never",
    "effect": {"status": 503},
}
LOST = {"operation": "AddTestingCustomer", "effect": {"reset_at": "response_headers"}}
BLIND = {
    "operation": "GetCustomers",
    "times": 1000,
    "commit": "never",
    "effect": {"status": 500},
}
LIMITED = {
    "operation": "GetCustomerWithAppData",
    "commit": "never",
    "effect": {"status": 429, "headers": {"Retry-After": "70"}},
}
BROKEN = {
    "operation": "GetCustomers",
    "after": 1,
    "times": 3,
    "commit": "never",
    "effect": {"status": 503},
}


def plan(*faults: Any) -> None:
    for fault in faults:
        sandbox("POST", "/faults", fault)


def heal() -> None:
    sandbox("DELETE", "/faults")


def refusal(call: Callable[[], Any]) -> grpc.RpcError:
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it was not refused")


def new(username: str) -> customer_pb2.CreateCustomerRequest:
    customer = customer_pb2.Customer(
        username=username, type=customer_pb2.CUSTOMER_TYPE_TESTING
    )
    return customer_pb2.CreateCustomerRequest(
        customer=customer, request_id=str(uuid.uuid4())
    )


def created(stub: Any) -> customer_pb2.GetCustomerRequest:
    """Creates a customer, and asks for it."""
    customer = stub.CreateCustomer(new(f"python-{uuid.uuid4()}"))
    return customer_pb2.GetCustomerRequest(customer_id=customer.customer_id)


def sent() -> int:
    return len(sandbox("GET", "/requests?operation=AddTestingCustomer")["requests"])


def idle() -> None:
    with connect(ADDRESS, WRITER, CONFIG) as channel:
        states: list[grpc.ChannelConnectivity] = []
        stub = customer_pb2_grpc.CustomerServiceStub(channel)
        request = created(stub)
        channel.subscribe(states.append)
        time.sleep(3.5)
        assert states[-1] is grpc.ChannelConnectivity.IDLE, (
            f"the connection was not ended: {states}"
        )
        stub.GetCustomer(request, timeout=10)


def deadline() -> None:
    with connect(ADDRESS, WRITER) as channel:
        stub = customer_pb2_grpc.CustomerServiceStub(channel)
        request = created(stub)
        plan(STALLED)
        began = time.monotonic()
        # ANCHOR: deadline
        error = refusal(lambda: stub.GetCustomer(request, timeout=0.5))
        # ANCHOR_END: deadline
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, error.code()
        assert time.monotonic() - began < 5


def retry() -> None:
    for config, code in (
        (CONFIG, grpc.StatusCode.OK),
        (None, grpc.StatusCode.UNAVAILABLE),
    ):
        with connect(ADDRESS, WRITER, config) as channel:
            stub = customer_pb2_grpc.CustomerServiceStub(channel)
            request = created(stub)
            plan(DOWN)
            try:
                stub.GetCustomer(request, timeout=20)
                found = grpc.StatusCode.OK
            except grpc.RpcError as error:
                found = error.code()
            assert found is code, found
            heal()


def create_twice() -> None:
    with connect(ADDRESS, WRITER, CONFIG) as channel:
        stub = customer_pb2_grpc.CustomerServiceStub(channel)
        request, before, waits = new("python-lost"), sent(), []
        plan(LOST, BLIND)

        def wait(seconds: float) -> None:
            waits.append(seconds)
            heal()

        customer = create_again(lambda: stub.CreateCustomer(request, timeout=20), wait)
        assert customer.username == "python-lost" and len(waits) == 1, waits
        assert sent() == before + 1, "it was sent again"


def errors() -> None:
    with connect(ADDRESS, WRITER) as channel:
        stub = customer_pb2_grpc.CustomerServiceStub(channel)
        bad = new("ab")
        bad.customer.phone = "1" * 16
        found = problem(refusal(lambda: stub.CreateCustomer(bad)))
        assert found.reason == "INVALID_FIELD" and found.domain == "openfinance", found
        assert sorted(found.violations) == [
            "customer.phone",
            "customer.username",
        ], found
        ask = customer_pb2.GetCustomerApplicationRequest(
            customer_id=created(stub).customer_id
        )
        plan(LIMITED)
        found = problem(refusal(lambda: stub.GetCustomerApplication(ask)))
        assert (
            found.reason == "UPSTREAM_RATE_LIMITED"
            and found.domain == "api.finicity.com"
        ), found
        assert found.retry_delay == 70, found


def paging() -> None:
    with connect(ADDRESS, WRITER) as channel:
        stub = customer_pb2_grpc.CustomerServiceStub(channel)
        wanted = [
            stub.CreateCustomer(new(f"paged-{number}")).customer_id
            for number in range(7)
        ]
        request = customer_pb2.ListCustomersRequest(search="paged-", page_size=3)
        found = [customer.customer_id for customer in customers(stub, request)]
        assert sorted(found) == sorted(wanted), found


def stream_resume() -> None:
    with connect(ADDRESS, WRITER) as channel:
        stub = customer_pb2_grpc.CustomerServiceStub(channel)
        plan(BROKEN)
        request = customer_pb2.StreamCustomersRequest(search=CROWDED)
        found = [customer.customer_id for customer in stream(stub, request)]
        assert len(found) == len(set(found)) == CROWD, len(found)
        assert fired() == 3, "nothing was broken"


def healed(behaviour: Callable[[], None]) -> Callable[[], None]:
    """The behaviour, and no fault of it is left to the next one."""

    def show_it() -> None:
        try:
            behaviour()
        finally:
            heal()

    return show_it


def fired() -> int:
    return sum(fault["fired"] for fault in sandbox("GET", "/faults")["faults"])


def who(caller: str) -> gateway_pb2.CallerIdentity:
    with connect(ADDRESS, caller_from(CREDENTIALS, caller)) as channel:
        stub = gateway_pb2_grpc.GatewayServiceStub(channel)
        return stub.GetCallerIdentity(
            gateway_pb2.GetCallerIdentityRequest(), timeout=10
        )


def mtls() -> None:
    identity = who("service-by-certificate")
    assert identity.method == gateway_pb2.CALLER_METHOD_MTLS and identity.principal, (
        identity
    )


def jwt() -> None:
    identity = who("service-by-token")
    assert identity.method == gateway_pb2.CALLER_METHOD_JWT, identity
    assert identity.principal == "service-by-token", identity


def redact() -> None:
    secrets = (
        "Ermintrude",
        "Quackenbush",
        "434 W Ascension Way",
        "509-31-8642",
        "8642",
        "1937",
        "quackenbush.example",
    )
    with connect(ADDRESS, WRITER) as channel:
        owner = created(customer_pb2_grpc.CustomerServiceStub(channel)).customer_id
        stub = consumer_pb2_grpc.ConsumerServiceStub(channel)
        request = consumer_pb2.CreateConsumerRequest(
            customer_id=owner,
            consumer=consumer_pb2.Consumer(
                first_name="Ermintrude",
                last_name="Quackenbush",
                address="434 W Ascension Way",
                city="Murray",
                state="UT",
                zip="84123",
                phone="801-555-73911",
                ssn="509-31-8642",
                email="ermintrude@quackenbush.example",
                birthday=common_pb2.Date(year=1937, month=11, day=23),
            ),
        )
        consumer = stub.CreateConsumer(request)
        read = stub.GetConsumer(
            consumer_pb2.GetConsumerRequest(consumer_id=consumer.consumer_id)
        )
        listed = customer_pb2.ListCustomersResponse(
            customers=[customer_pb2.Customer(first_name="Ermintrude")]
        )
        for message in (request, read, listed):
            text = redacted(message)
            assert "[redacted]" in text and not any(
                secret in text for secret in secrets
            ), "something is shown"
        text = redacted(read)
        assert read.consumer_id in text and read.last_name == "Quackenbush", (
            "too much is hidden"
        )
        print(text)


def with_asyncio(behaviour: Callable[[Any], Awaitable[None]]) -> Callable[[], None]:
    """A behaviour that is shown over a channel of asyncio."""

    async def show_it() -> None:
        async with connect_aio(ADDRESS, WRITER, CONFIG) as channel:
            await behaviour(customer_pb2_grpc.CustomerServiceStub(channel))

    return lambda: asyncio.run(show_it())


async def created_aio(stub: Any) -> customer_pb2.GetCustomerRequest:
    customer = await stub.CreateCustomer(new(f"python-{uuid.uuid4()}"))
    return customer_pb2.GetCustomerRequest(customer_id=customer.customer_id)


async def idle_aio(stub: Any) -> None:
    request = await created_aio(stub)
    await asyncio.sleep(3.5)
    await stub.GetCustomer(request, timeout=10)


async def deadline_aio(stub: Any) -> None:
    request = await created_aio(stub)
    plan(STALLED)
    try:
        await stub.GetCustomer(request, timeout=0.5)
        raise AssertionError("it was answered")
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, error.code()


async def retry_aio(stub: Any) -> None:
    request = await created_aio(stub)
    plan(DOWN)
    await stub.GetCustomer(request, timeout=20)
    assert fired() == 3, "the vendor was never down"


async def create_twice_aio(stub: Any) -> None:
    request, before, waits = new("python-lost-again"), sent(), []
    plan(LOST, BLIND)

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        heal()

    customer = await create_again_aio(
        lambda: stub.CreateCustomer(request, timeout=20), wait
    )
    assert customer.username == "python-lost-again" and len(waits) == 1, waits
    assert sent() == before + 1, "it was sent again"


async def errors_aio(stub: Any) -> None:
    try:
        await stub.CreateCustomer(new("ab"))
        raise AssertionError("it was answered")
    except grpc.aio.AioRpcError as error:
        found = problem(error)
    assert found.reason == "INVALID_FIELD" and list(found.violations) == [
        "customer.username"
    ], found


async def paging_aio(stub: Any) -> None:
    wanted = {
        (await stub.CreateCustomer(new(f"turned-{number}"))).customer_id
        for number in range(7)
    }
    request = customer_pb2.ListCustomersRequest(search="turned-", page_size=3)
    found = [customer.customer_id async for customer in customers_aio(stub, request)]
    assert len(found) == 7 and set(found) == wanted, found


async def stream_resume_aio(stub: Any) -> None:
    plan(BROKEN)
    request = customer_pb2.StreamCustomersRequest(search=CROWDED)
    found = [customer.customer_id async for customer in stream_aio(stub, request)]
    assert len(found) == len(set(found)) == CROWD, len(found)
    assert fired() == 3, "nothing was broken"


BEHAVIOURS = (
    ("idle", idle),
    ("deadline", deadline),
    ("retry", retry),
    ("create-again", create_twice),
    ("errors", errors),
    ("paging", paging),
    ("stream-resume", stream_resume),
    ("mtls", mtls),
    ("jwt", jwt),
    ("redact", redact),
    ("asyncio-idle", with_asyncio(idle_aio)),
    ("asyncio-deadline", with_asyncio(deadline_aio)),
    ("asyncio-retry", with_asyncio(retry_aio)),
    ("asyncio-create-again", with_asyncio(create_twice_aio)),
    ("asyncio-errors", with_asyncio(errors_aio)),
    ("asyncio-paging", with_asyncio(paging_aio)),
    ("asyncio-stream-resume", with_asyncio(stream_resume_aio)),
)
show((name, healed(behaviour)) for name, behaviour in BEHAVIOURS)
