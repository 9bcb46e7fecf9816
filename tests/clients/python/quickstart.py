"""A first call: creates a customer at a gateway that was started with `--sandbox`, and
reads it."""

import os
import uuid

import grpc
from openfinance.v1 import customer_pb2, customer_pb2_grpc

from openfinance_client import create_again, problem, redacted

address = os.environ.get("GATEWAY_PLAINTEXT_ADDRESS", "127.0.0.1:50051")
# ANCHOR: quickstart
with grpc.insecure_channel(address) as channel:
    customers = customer_pb2_grpc.CustomerServiceStub(channel)
    request = customer_pb2.CreateCustomerRequest(
        # Makes the call safe to repeat: whatever happens, there is one customer.
        request_id=str(uuid.uuid4()),
        customer=customer_pb2.Customer(
            username=f"python-{uuid.uuid4()}",
            type=customer_pb2.CUSTOMER_TYPE_TESTING,
            first_name="Ada",
            last_name="Lovelace",
        ),
    )
    created = create_again(lambda: customers.CreateCustomer(request, timeout=5))
    read = customers.GetCustomer(
        customer_pb2.GetCustomerRequest(customer_id=created.customer_id), timeout=10
    )
    print(redacted(read))
    try:
        customers.GetCustomer(
            customer_pb2.GetCustomerRequest(customer_id="1"), timeout=10
        )
    except grpc.RpcError as error:
        print(problem(error).reason)  # CUSTOMER_NOT_FOUND
# ANCHOR_END: quickstart
