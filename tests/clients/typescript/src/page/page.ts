// A page that creates customers, reads one, makes a mistake, and lists and streams, all from the browser.
import { createClient } from "@connectrpc/connect";

import {
  CustomerSchema,
  CustomerService,
  CustomerType,
} from "../../gen/openfinance/v1/customer_pb.js";
import { connectPage } from "../openfinance/browser.js";
import { listed, streamed } from "../openfinance/customers.js";
import { Code, refusalOf } from "../openfinance/errors.js";
import { redacted } from "../openfinance/redact.js";
import { untilSettled } from "../openfinance/repeat.js";

/** Adds a line to the page. */
function say(line: string): void {
  const item = document.createElement("li");
  item.textContent = line;
  document.querySelector("ol")?.append(item);
}

function field(id: string): string {
  return document.querySelector<HTMLInputElement>(`#${id}`)?.value ?? "";
}

async function call(): Promise<void> {
  // ANCHOR: page
  const transport = connectPage({ gateway: field("gateway"), apiKey: field("key") });
  const customers = createClient(CustomerService, transport);

  const search = `page-${Date.now()}-`;
  let customerId = "";
  for (let number = 0; number < 3; number++) {
    const username = `${search}${number}`;
    const customer = {
      username,
      type: CustomerType.TESTING,
      firstName: "Ada",
      lastName: "Lovelace",
    };
    const requestId = crypto.randomUUID();
    ({ customerId } = await untilSettled(() =>
      customers.createCustomer({ requestId, customer }, { timeoutMs: 5_000 }),
    ));
    say(`created ${customerId}`);
  }

  let hidden = "nothing";
  const onHeader = (headers: Headers) => (hidden = headers.get("x-openfinance-redacted") ?? hidden);
  const read = await customers.getCustomer({ customerId }, { onHeader });
  say(`read ${redacted(CustomerSchema, read)}`);
  say(`kept from this caller: ${hidden}`);

  try {
    await customers.createCustomer({ customer: { username: "ada", phone: "1234567890123456" } });
  } catch (error) {
    const { code, reason, fields } = refusalOf(error);
    say(`refused ${Code[code]} ${reason}: ${[...fields.keys()].sort().join(", ")}`);
  }

  let count = 0;
  for await (const _ of listed(customers, { search, pageSize: 2 })) count++;
  say(`listed ${count}`);
  for await (const _ of streamed(customers, { search })) count--;
  say(`not streamed ${count}`);
  // ANCHOR_END: page
}

document.querySelector("form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  call().then(
    () => say("done"),
    (error: unknown) => say(`failed ${Code[refusalOf(error).code]} ${refusalOf(error).reason}`),
  );
});
