"""The behaviours of the helpers for asyncio."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from openfinance.v1 import customer_pb2, customer_pb2_grpc

from openfinance_client import (
    connect_aio,
    create_again_aio,
    customers_aio,
    problem,
    stream_aio,
)
from surroundings import ADDRESS
from vendor import (
    BLIND,
    BROKEN,
    CONFIG,
    CROWD,
    CROWDED,
    DOWN,
    LOST,
    STALLED,
    WRITER,
    fired,
    heal,
    new,
    plan,
    sent,
)


def with_asyncio(
    behaviour: Callable[[Any, grpc.aio.Channel], Awaitable[None]],
) -> Callable[[], None]:
    """A behaviour that is shown over a channel of asyncio."""

    async def show_it() -> None:
        async with connect_aio(ADDRESS, WRITER, CONFIG) as channel:
            stub = customer_pb2_grpc.CustomerServiceStub(channel)
            await behaviour(stub, channel)

    return lambda: asyncio.run(show_it())


async def created_aio(stub: Any) -> customer_pb2.GetCustomerRequest:
    customer = await stub.CreateCustomer(new(f"python-{uuid.uuid4()}"))
    return customer_pb2.GetCustomerRequest(customer_id=customer.customer_id)


async def idle_aio(stub: Any, channel: grpc.aio.Channel) -> None:
    request = await created_aio(stub)
    await asyncio.sleep(3.5)
    state = channel.get_state()
    assert state is grpc.ChannelConnectivity.IDLE, (
        f"the connection was not ended: {state}"
    )
    await stub.GetCustomer(request, timeout=10)


async def deadline_aio(stub: Any, _: grpc.aio.Channel) -> None:
    request = await created_aio(stub)
    plan(STALLED)
    try:
        await stub.GetCustomer(request, timeout=0.5)
        raise AssertionError("it was answered")
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, error.code()


async def retry_aio(stub: Any, _: grpc.aio.Channel) -> None:
    request = await created_aio(stub)
    plan(DOWN)
    await stub.GetCustomer(request, timeout=20)
    assert fired() == 3, "the vendor was never down"


async def create_twice_aio(stub: Any, _: grpc.aio.Channel) -> None:
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


async def errors_aio(stub: Any, _: grpc.aio.Channel) -> None:
    try:
        await stub.CreateCustomer(new("ab"))
        raise AssertionError("it was answered")
    except grpc.aio.AioRpcError as error:
        found = problem(error)
    assert found.reason == "INVALID_FIELD" and list(found.violations) == [
        "customer.username"
    ], found


async def paging_aio(stub: Any, _: grpc.aio.Channel) -> None:
    wanted = {
        (await stub.CreateCustomer(new(f"turned-{number}"))).customer_id
        for number in range(7)
    }
    request = customer_pb2.ListCustomersRequest(search="turned-", page_size=3)
    found = [customer.customer_id async for customer in customers_aio(stub, request)]
    assert len(found) == 7 and set(found) == wanted, found


async def stream_resume_aio(stub: Any, _: grpc.aio.Channel) -> None:
    plan(BROKEN)
    request = customer_pb2.StreamCustomersRequest(search=CROWDED)
    found = [customer.customer_id async for customer in stream_aio(stub, request)]
    assert len(found) == len(set(found)) == CROWD, len(found)
    assert fired() == 3, "nothing was broken"


BEHAVIOURS = (
    ("asyncio-idle", with_asyncio(idle_aio)),
    ("asyncio-deadline", with_asyncio(deadline_aio)),
    ("asyncio-retry", with_asyncio(retry_aio)),
    ("asyncio-create-again", with_asyncio(create_twice_aio)),
    ("asyncio-errors", with_asyncio(errors_aio)),
    ("asyncio-paging", with_asyncio(paging_aio)),
    ("asyncio-stream-resume", with_asyncio(stream_resume_aio)),
)
