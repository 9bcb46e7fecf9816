// Shows what the helpers promise, against a gateway and a sandbox that misbehaves on demand.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { create } from "@bufbuild/protobuf";
import { connectivityState } from "@grpc/grpc-js";

import {
  ConsumerSchema,
  ConsumerService,
  CreateConsumerRequestSchema,
} from "../gen/openfinance/v1/consumer_pb.js";
import {
  CustomerService,
  CustomerType,
  ListCustomersResponseSchema,
  type Customer,
} from "../gen/openfinance/v1/customer_pb.js";
import { CallerMethod, GatewayService } from "../gen/openfinance/v1/gateway_pb.js";
import { caller, hold, report, sandbox, variable, type Json } from "./harness/surroundings.js";
import { client, connect, type Client, type Connection } from "./openfinance/connect.js";
import { listed, streamed } from "./openfinance/customers.js";
import { Code, refusalOf, type Refusal } from "./openfinance/errors.js";
import { redacted } from "./openfinance/redact.js";
import { untilSettled } from "./openfinance/repeat.js";

/** Enough for a call that goes well. */
const timeoutMs = 10_000;

type Customers = Client<typeof CustomerService>;

/** Shows something over a connection of this caller, with or without the service config that comes with the protos. */
async function over(
  name: string,
  config: "shipped" | "none",
  show: (connection: Connection, customers: Customers) => Promise<void>,
): Promise<void> {
  const settings = caller(name);
  if (config === "shipped") settings.serviceConfigFile = variable("SERVICE_CONFIG");
  const connection = connect(settings);
  try {
    await show(connection, client(CustomerService, connection));
  } finally {
    connection.close();
    // Also where it has failed half way.
    await sandbox("DELETE", "faults");
  }
}

const fault = (rule: Json) => sandbox("POST", "faults", rule);

/** How often faults have been met since the last were removed. */
async function met(): Promise<number> {
  const { faults } = (await sandbox("GET", "faults")) as { faults: { fired: number }[] };
  return faults.reduce((sum, { fired }) => sum + fired, 0);
}

function newCustomer(
  customers: Customers,
  username = `household-${randomUUID()}`,
): Promise<Customer> {
  return customers.createCustomer(
    { customer: { username, type: CustomerType.TESTING } },
    { timeoutMs },
  );
}

/** What a call is refused with that must not go well. */
async function refused(call: Promise<unknown>): Promise<Refusal> {
  return call.then(
    () => {
      throw new Error("it went well");
    },
    (error: unknown) => refusalOf(error),
  );
}

const idle = () =>
  over("writer", "none", async (connection) => {
    const gateway = client(GatewayService, connection);
    await gateway.getGatewayInfo({}, { timeoutMs });
    await sleep(3_500);
    const state = connection.getChannel().getConnectivityState(false);
    hold(
      state === connectivityState.IDLE,
      `the connection was not ended: ${connectivityState[state]}`,
    );
    await gateway.getGatewayInfo({}, { timeoutMs });
  });

const deadline = () =>
  over("writer", "shipped", async (_, customers) => {
    const { customerId } = await newCustomer(customers);
    await fault({ operation: "GetCustomer", effect: { stall_at: "response_headers" } });
    const begun = Date.now();
    const { code } = await refused(customers.getCustomer({ customerId }, { timeoutMs: 500 }));
    const took = Date.now() - begun;
    hold(code === Code.DEADLINE_EXCEEDED, `ended with ${Code[code]}`);
    hold(took > 400 && took < 5_000, `took ${took} ms`);
  });

async function retry(): Promise<void> {
  const failing = { operation: "GetCustomer", times: 3, commit: "never", effect: { status: 503 } };
  await over("writer", "shipped", async (_, customers) => {
    const { customerId } = await newCustomer(customers);
    await fault(failing);
    await customers.getCustomer({ customerId }, { timeoutMs });
    hold((await met()) === 3, "the faults were not met");
  });
  await over("writer", "none", async (_, customers) => {
    const { customerId } = await newCustomer(customers);
    await fault(failing);
    const { code } = await refused(customers.getCustomer({ customerId }, { timeoutMs }));
    hold(code === Code.UNAVAILABLE, `ended with ${Code[code]}`);
  });
}

/** How many requests for a new customer the sandbox has had. */
async function creates(): Promise<number> {
  const said = await sandbox("GET", "requests?operation=AddTestingCustomer");
  return (said as { requests: unknown[] }).requests.length;
}

const createAgain = () =>
  over("writer", "shipped", async (_, customers) => {
    const before = await creates();
    // The vendor creates the customer, its answer is lost, and nobody can look whether it is there.
    await fault({ operation: "AddTestingCustomer", effect: { reset_at: "response_headers" } });
    await fault({
      operation: "GetCustomers",
      times: 1_000,
      commit: "never",
      effect: { status: 500 },
    });
    const customer = { username: `household-${randomUUID()}`, type: CustomerType.TESTING };
    const requestId = randomUUID();
    const refusals: string[] = [];
    const created = await untilSettled(async () => {
      try {
        return await customers.createCustomer({ customer, requestId }, { timeoutMs });
      } catch (error) {
        const { code, reason } = refusalOf(error);
        refusals.push(`${Code[code]} ${reason}`);
        await sandbox("DELETE", "faults");
        throw error;
      }
    });
    hold(refusals.join() === "UNAVAILABLE OUTCOME_UNKNOWN", `refused with ${refusals.join()}`);
    hold(created.customerId !== "", "nothing was created");
    const asked = (await creates()) - before;
    hold(asked === 1, `the vendor was asked ${asked} times`);
  });

/**
 * What a service does. The vendor creates the customer and does not answer, so that the first tries end with their time
 * limits.
 */
async function createLate(): Promise<void> {
  const before = await creates();
  const { address, authorityFile = "", apiKey = "" } = caller("writer");
  const serviceConfigFile = variable("SERVICE_CONFIG");
  const username = `household-${randomUUID()}`;
  const oneTry = 1_000;
  await fault({ operation: "AddTestingCustomer", effect: { stall_at: "response_headers" } });
  const begun = Date.now();
  const recovery = sleep(1_500).then(() => sandbox("DELETE", "faults"));

  // ANCHOR: together
  // One connection for the life of the program.
  const connection = connect({ address, authorityFile, apiKey, serviceConfigFile });
  const customers = client(CustomerService, connection);

  const request = {
    requestId: randomUUID(), // chosen before the first try, and kept with what you want
    customer: { username, type: CustomerType.TESTING },
  };
  const { customerId } = await untilSettled(() =>
    customers.createCustomer(request, { timeoutMs: oneTry }),
  ).catch((error: unknown) => {
    const { code, reason, fields } = refusalOf(error);
    throw new Error(`no customer: ${Code[code]} ${reason} ${[...fields.keys()].join()}`);
  });
  // ANCHOR_END: together

  connection.close();
  await recovery;
  hold(customerId !== "" && Date.now() - begun > oneTry, "it was not late");
  const asked = (await creates()) - before;
  hold(asked === 1, `the vendor was asked ${asked} times`);
}

const errors = () =>
  over("writer", "shipped", async (_, customers) => {
    const { customerId } = await newCustomer(customers);
    const customer = { username: "ab", phone: "1234567890123456", type: CustomerType.TESTING };
    const wrong = await refused(customers.createCustomer({ customer }, { timeoutMs }));
    hold(wrong.code === Code.INVALID_ARGUMENT, `ended with ${Code[wrong.code]}`);
    hold(wrong.reason === "INVALID_FIELD" && wrong.domain === "openfinance", wrong.reason);
    const fields = [...wrong.fields.keys()].sort().join(" ");
    hold(fields === "customer.phone customer.username", `the fields are ${fields}`);

    await fault({
      operation: "GetCustomerWithAppData",
      commit: "never",
      effect: { status: 429, headers: { "Retry-After": "70" } },
    });
    // The channel waits as little as the gateway does: the reason comes at once.
    const late = await refused(
      customers.getCustomerApplication({ customerId }, { timeoutMs: 5_000 }),
    );
    hold(late.reason === "UPSTREAM_RATE_LIMITED", late.reason);
    hold(late.domain === "api.finicity.com", late.domain);
    hold(late.retryDelayMs === 70_000, `to be repeated after ${late.retryDelayMs} ms`);
  });

/** Holds that each of these came, once. */
async function eachOnce(came: AsyncIterable<Customer>): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { customerId } of came) {
    hold(!found.has(customerId), `customer ${customerId} came twice`);
    found.add(customerId);
  }
  return found;
}

const paging = () =>
  over("writer", "shipped", async (_, customers) => {
    const search = `paged-${randomUUID()}-`;
    const expected = new Set<string>();
    for (let number = 0; number < 7; number++) {
      expected.add((await newCustomer(customers, `${search}${number}`)).customerId);
    }
    const found = await eachOnce(listed(customers, { search, pageSize: 3 }, { timeoutMs }));
    hold(
      found.size === 7 && [...found].every((id) => expected.has(id)),
      `${found.size} customers came`,
    );
  });

const streamResume = () =>
  over("writer", "shipped", async (_, customers) => {
    await fault({
      operation: "GetCustomers",
      after: 1,
      times: 3,
      commit: "never",
      effect: { status: 503 },
    });
    const found = await eachOnce(streamed(customers, { search: "crowd-" }));
    hold(found.size === 2_500, `${found.size} customers came`);
    const faults = await met();
    hold(faults === 3, `${faults} faults were met`);
  });

const identity =
  (name: string, method: CallerMethod, isRight: (principal: string) => boolean) => () =>
    over(name, "none", async (connection) => {
      const found = await client(GatewayService, connection).getCallerIdentity({}, { timeoutMs });
      hold(found.method === method && isRight(found.principal), `known as ${found.principal}`);
    });

const redact = () =>
  over("writer", "none", async (connection, customers) => {
    const consumers = client(ConsumerService, connection);
    const { customerId } = await newCustomer(customers);
    const request = create(CreateConsumerRequestSchema, {
      customerId,
      consumer: {
        firstName: "Ada",
        lastName: "Lovelace",
        suffix: "Countess",
        address: "12 Analytical Row",
        city: "Murray",
        state: "UT",
        zip: "84123",
        phone: "8015550100",
        email: "ada@example.com",
        ssn: "123-45-6789",
        birthday: { year: 1815, month: 12, day: 10 },
      },
    });
    const { consumerId } = await consumers.createConsumer(request, { timeoutMs });
    const read = await consumers.getConsumer({ consumerId }, { timeoutMs });
    // A message in a message, and one in a list.
    const list = create(ListCustomersResponseSchema, {
      customers: [{ customerId, lastName: "Lovelace" }],
    });
    const shown = [
      redacted(CreateConsumerRequestSchema, request),
      redacted(ConsumerSchema, read),
      redacted(ListCustomersResponseSchema, list),
    ].join();
    const rest = shown
      .replaceAll(customerId, "")
      .replaceAll(consumerId, "")
      .replace(/"createTime": ".*"/, "");
    for (const secret of [
      "Ada",
      "Lovelace",
      "Countess",
      "Analytical",
      "Murray",
      "UT",
      "84123",
      "8015550100",
      "ada@",
      "6789",
      "1815",
      "12",
      "10",
    ]) {
      hold(!rest.includes(secret), "what is personal is printed");
    }
    const marks = shown.split("[redacted]").length - 1;
    hold(marks === 23, `${marks} values are redacted`);
    hold(
      shown.includes(customerId) && shown.includes(consumerId),
      "what may be read is not printed",
    );
    hold(read.lastName === "Lovelace", "the message itself was changed");
  });

await report([
  ["idle", idle],
  ["deadline", deadline],
  ["retry", retry],
  ["create-again", createAgain],
  ["create-late", createLate],
  ["errors", errors],
  ["paging", paging],
  ["stream-resume", streamResume],
  ["mtls", identity("service-by-certificate", CallerMethod.MTLS, (principal) => principal !== "")],
  [
    "jwt",
    identity("service-by-token", CallerMethod.JWT, (principal) => principal === "service-by-token"),
  ],
  ["redact", redact],
]);
