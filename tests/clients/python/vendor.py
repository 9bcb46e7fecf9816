"""What the vendor does in the behaviours, and what it has seen of them."""

import os
import uuid
from pathlib import Path
from typing import Any

from openfinance.v1 import customer_pb2

from openfinance_client import caller_from
from surroundings import CREDENTIALS, sandbox

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
LATE = {"operation": "AddTestingCustomer", "effect": {"stall_at": "response_headers"}}
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


def fired() -> int:
    return sum(fault["fired"] for fault in sandbox("GET", "/faults")["faults"])


def sent() -> int:
    return len(sandbox("GET", "/requests?operation=AddTestingCustomer")["requests"])


def new(username: str) -> customer_pb2.CreateCustomerRequest:
    customer = customer_pb2.Customer(
        username=username, type=customer_pb2.CUSTOMER_TYPE_TESTING
    )
    return customer_pb2.CreateCustomerRequest(
        customer=customer, request_id=str(uuid.uuid4())
    )
