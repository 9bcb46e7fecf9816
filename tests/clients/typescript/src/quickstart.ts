// Makes a customer, reads it again, and makes a mistake, at a gateway that was started with `--sandbox`.
import { randomUUID } from "node:crypto";

import {
  CustomerSchema,
  CustomerService,
  CustomerType,
} from "../gen/openfinance/v1/customer_pb.js";
import { client, connect } from "./openfinance/connect.js";
import { Code, refusalOf } from "./openfinance/errors.js";
import { redacted } from "./openfinance/redact.js";
import { untilSettled } from "./openfinance/repeat.js";

// ANCHOR: quickstart
const address = process.env["GATEWAY_PLAINTEXT_ADDRESS"] ?? "127.0.0.1:50051";
const connection = connect({ address, plaintext: true });
const customers = client(CustomerService, connection);

const request = {
  // Makes the call safe to repeat: whatever happens, there is one customer.
  requestId: randomUUID(),
  customer: {
    username: `household-${Date.now()}`,
    type: CustomerType.TESTING,
    firstName: "Ada",
    lastName: "Lovelace",
  },
};
// A call without a time limit gets 20 seconds. Set your own.
const created = await untilSettled(() => customers.createCustomer(request, { timeoutMs: 5_000 }));
const read = await customers.getCustomer({ customerId: created.customerId }, { timeoutMs: 5_000 });
console.log("customer", redacted(CustomerSchema, read));

try {
  await customers.createCustomer(
    { customer: { username: "ada", phone: "1234567890123456" } },
    { timeoutMs: 5_000 },
  );
} catch (error) {
  const { code, reason, fields } = refusalOf(error);
  console.log("refused", Code[code], reason);
  fields.forEach((why, field) => console.log(`  ${field}: ${why}`));
}
connection.close();
// ANCHOR_END: quickstart
