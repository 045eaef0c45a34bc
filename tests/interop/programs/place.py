"""Places an order and reads it when it is paid, by the client that openapi-python-client makes."""

import sys
import time
import uuid

from olms_client import AuthenticatedClient
from olms_client.api.orders import list_order_events, place_order, read_order
from olms_client.models import Order, PlaceOrder, Problem

url, key, sku = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
line = {"sku": sku, "quantity": 1, "unitPrice": "9.95"}
body = {"currency": "EUR", "items": [line], "payment": {"token": "tok_approve"}}
order = place_order.sync(client=client, body=PlaceOrder.from_dict(body), idempotency_key=str(uuid.uuid4()))
assert isinstance(order, Order), order
while order.status != "COMPLETED":
    time.sleep(0.1)
    order = read_order.sync(client=client, id=order.id)
    assert isinstance(order, Order), order
assert order.payment_status == "CAPTURED" and order.items[0].quantity == 1, order
events = list_order_events.sync(client=client, id=order.id)
assert len(events.items) > 8, events
missing = read_order.sync(client=client, id=str(uuid.uuid4()))
assert isinstance(missing, Problem) and missing.code == "ORDER_NOT_FOUND", missing
print(f"{order.status} {order.total_amount}")
