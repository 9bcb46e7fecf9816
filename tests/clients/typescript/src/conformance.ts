// Executes the table that all clients share. It knows no method: it finds each in the descriptors, by its name.
import { readFileSync } from "node:fs";

import { createRegistry, fromJson, toJson, type Message } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";

import { file_openfinance_v1_authorization } from "../gen/openfinance/v1/authorization_pb.js";
import { file_openfinance_v1_business } from "../gen/openfinance/v1/business_pb.js";
import { file_openfinance_v1_consumer } from "../gen/openfinance/v1/consumer_pb.js";
import { file_openfinance_v1_customer } from "../gen/openfinance/v1/customer_pb.js";
import { file_openfinance_v1_gateway } from "../gen/openfinance/v1/gateway_pb.js";
import { file_openfinance_v1_onboarding } from "../gen/openfinance/v1/onboarding_pb.js";
import { file_openfinance_v1_partner } from "../gen/openfinance/v1/partner_pb.js";
import { caller, hold, report, sandbox, variable, type Json } from "./harness/surroundings.js";
import { check, Variables, type Answer, type Order, type Row } from "./harness/table.js";
import { client, connect, type CallOptions, type Connection } from "./openfinance/connect.js";
import { refusalOf } from "./openfinance/errors.js";

const registry = createRegistry(
  file_openfinance_v1_authorization,
  file_openfinance_v1_business,
  file_openfinance_v1_consumer,
  file_openfinance_v1_customer,
  file_openfinance_v1_gateway,
  file_openfinance_v1_onboarding,
  file_openfinance_v1_partner,
);

const variables = new Variables();
const connections = new Map<string, Connection>();

/** The connection of this caller. It repeats nothing by itself. */
function connection(name: string): Connection {
  const known = connections.get(name) ?? connect(caller(name), { "grpc.enable_retries": 0 });
  connections.set(name, known);
  return known;
}

/** Any method of a client, by its name. */
type AnyMethod = (
  request: Message,
  options: CallOptions,
) => Promise<Message> | AsyncIterable<Message>;

async function call(row: Row): Promise<Answer> {
  const [service = "", name] = row.method.split("/");
  const described = registry.getService(service);
  const method = described?.methods.find((method) => method.name === name);
  hold(described !== undefined && method !== undefined, `there is no method ${row.method}`);
  const methods = client(described, connection(row.caller ?? "writer"));
  const run = (methods as Record<string, AnyMethod>)[method.localName];
  hold(run !== undefined, `${row.method} is neither unary nor a stream of the server`);

  const answer: Answer = { headers: {}, messages: [] };
  const options: CallOptions = {
    timeoutMs: row.timeout_ms ?? 10_000,
    metadata: row.metadata ?? {},
    onHeaders: (headers) => {
      for (const name of Object.keys(headers.getMap()))
        answer.headers[name] = headers.get(name).join(",");
    },
  };
  const request = fromJson(method.input, (row.request ?? {}) as JsonValue);
  try {
    const came = run(request, options);
    const all = Symbol.asyncIterator in came ? came : [await came];
    for await (const message of all) answer.messages.push(toJson(method.output, message) as Json);
  } catch (error) {
    answer.refusal = refusalOf(error);
  }
  return answer;
}

async function execute(raw: { sandbox?: Order[] } & Row): Promise<void> {
  for (const step of raw.sandbox ?? []) {
    const { method, path, body, save } = variables.fill(step);
    variables.save(save, await sandbox(method, path, body));
  }
  // What the sandbox has said may be used by the row itself.
  const { sandbox: _, ...rest } = raw;
  const row: Row = variables.fill(rest);
  for (let left = row.times ?? 1; left > 1; left--) await call(row);
  const answer = await call(row);
  check(row.expect, answer);
  variables.save(row.save, answer.messages[0]);
}

const table = JSON.parse(readFileSync(variable("CONFORMANCE_TABLE"), "utf8")) as {
  rows: (Row & { name: string; sandbox?: Order[] })[];
};
await report(table.rows.map((row) => [row.name, () => execute(row)]));
