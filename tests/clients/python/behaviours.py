"""Shows the behaviours that ../README.md lists, with the helpers of this client."""

import threading
import time
import uuid
from collections.abc import Callable
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

import asynchronous
from openfinance_client import (
    caller_from,
    connect,
    create_again,
    credentials,
    customers,
    problem,
    redacted,
    stream,
)
from surroundings import ADDRESS, CREDENTIALS, show
from vendor import (
    BLIND,
    BROKEN,
    CONFIG,
    CROWD,
    CROWDED,
    DOWN,
    LATE,
    LIMITED,
    LOST,
    STALLED,
    WRITER,
    fired,
    heal,
    new,
    plan,
    sent,
)


def refusal(call: Callable[[], Any]) -> grpc.RpcError:
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it was not refused")


def created(stub: Any) -> customer_pb2.GetCustomerRequest:
    """Creates a customer, and asks for it."""
    customer = stub.CreateCustomer(new(f"python-{uuid.uuid4()}"))
    return customer_pb2.GetCustomerRequest(customer_id=customer.customer_id)


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


def create_late() -> None:
    """What a service does. The vendor creates the customer and does not answer, so that
    the first tries end with their deadlines."""
    before, began, one_try = sent(), time.monotonic(), 1.0
    authority = (CREDENTIALS / "ca.pem").read_bytes()
    key = (CREDENTIALS / "writer.key").read_text().strip()
    plan(LATE)
    recovery = threading.Timer(1.5, heal)
    recovery.start()
    # ANCHOR: together
    # One channel for the life of the program.
    channel = connect(ADDRESS, credentials(authority, api_key=key), CONFIG)
    stub = customer_pb2_grpc.CustomerServiceStub(channel)

    request = customer_pb2.CreateCustomerRequest(
        # Chosen before the first try, and kept with what you want.
        request_id=str(uuid.uuid4()),
        customer=customer_pb2.Customer(
            username="python-late", type=customer_pb2.CUSTOMER_TYPE_TESTING
        ),
    )
    try:
        customer = create_again(lambda: stub.CreateCustomer(request, timeout=one_try))
    except grpc.RpcError as error:
        raise RuntimeError(f"no customer: {problem(error)}") from error
    # ANCHOR_END: together
    recovery.join()
    channel.close()
    assert customer.customer_id and time.monotonic() - began > one_try
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


BEHAVIOURS = (
    ("idle", idle),
    ("deadline", deadline),
    ("retry", retry),
    ("create-again", create_twice),
    ("create-late", create_late),
    ("errors", errors),
    ("paging", paging),
    ("stream-resume", stream_resume),
    ("mtls", mtls),
    ("jwt", jwt),
    ("redact", redact),
)
show(
    (name, healed(behaviour))
    for name, behaviour in BEHAVIOURS + asynchronous.BEHAVIOURS
)
