// The table that all clients execute: its rows, their variables, and how what came is held against what must come.
import type { Refusal } from "../openfinance/errors.js";
import { Code } from "../openfinance/errors.js";
import { hold, type Json } from "./surroundings.js";

/** A row, with its variables replaced. What its members mean stands in the README of the clients. */
export interface Row {
  method: string;
  caller?: string;
  metadata?: Record<string, string>;
  timeout_ms?: number;
  times?: number;
  request?: Json;
  expect: Expectation;
  save?: Record<string, string>;
}

/** A request to the sandbox before a call. */
export interface Order {
  method: string;
  path: string;
  body?: Json;
  save?: Record<string, string>;
}

interface Expectation {
  code: string;
  message?: Json;
  messages?: number;
  headers?: Record<string, string>;
  reason?: string;
  domain?: string;
  metadata?: Record<string, Json>;
  violations?: string[];
  retry_delay?: boolean;
  resource?: string;
}

/** All that came of one call. */
export interface Answer {
  headers: Record<string, string>;
  messages: Json[];
  /** `undefined` if the call went well. */
  refusal?: Refusal;
}

/** What earlier rows have left for later ones. */
export class Variables {
  private readonly known = new Map([["large", "1".repeat(70_000)]]);

  /** Replaces the variables in every text of a value. */
  fill<T>(value: T): T {
    return this.filled(value as Json) as T;
  }

  private filled(value: Json): Json {
    if (typeof value === "string") {
      return value.replace(/\$\{(\w+)\}/g, (_, name: string) => {
        const saved = this.known.get(name);
        hold(saved !== undefined, `no row has saved ${name}`);
        return saved;
      });
    }
    if (Array.isArray(value)) return value.map((element) => this.filled(element));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, this.filled(member)]),
    );
  }

  /** Keeps values of an answer, which are named by their paths. */
  save(paths: Record<string, string> = {}, answer: Json | undefined): void {
    for (const [name, path] of Object.entries(paths)) {
      const value = path.split(".").reduce(member, answer);
      hold(value !== undefined && value !== null, `the answer has no ${path}`);
      this.known.set(name, String(value));
    }
  }
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (Array.isArray(value)) return value[Number(name)];
  return isObject(value) ? value[name] : undefined;
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Holds what came against what must come. */
export function check(expected: Expectation, { headers, messages, refusal }: Answer): void {
  const code = Code[refusal?.code ?? Code.OK];
  hold(code === expected.code, `code ${code} (${refusal?.reason}), expected ${expected.code}`);
  if (refusal) return checkRefusal(expected, refusal);
  const came = messages.length;
  hold(expected.messages === undefined || expected.messages === came, `${came} messages`);
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    const found = headers[name] ?? "";
    hold(value === "*" ? found !== "" : found === value, `header ${name} is ${found}`);
  }
  if (expected.message !== undefined) {
    hold(came > 0, "there is no message");
    compare("message", expected.message, messages[0]);
  }
}

function checkRefusal(expected: Expectation, refusal: Refusal): void {
  if (expected.reason) {
    const domain = expected.domain ?? "openfinance";
    const found = `${refusal.reason} of ${refusal.domain}`;
    hold(
      found === `${expected.reason} of ${domain}`,
      `${found}, expected ${expected.reason} of ${domain}`,
    );
  }
  for (const [name, value] of Object.entries(expected.metadata ?? {})) {
    compare(`metadata.${name}`, value, refusal.metadata[name]);
  }
  const found = [...refusal.fields.keys()].sort().join(", ");
  hold(found === (expected.violations ?? []).toSorted().join(", "), `violations of ${found}`);
  const delay = refusal.retryDelayMs;
  const asExpected = expected.retry_delay ? delay !== undefined && delay > 0 : delay === undefined;
  hold(asExpected, `retry delay ${delay}`);
  const type = refusal.resource?.resourceType;
  hold(!expected.resource || type === expected.resource, `resource ${type}`);
}

/** Holds a value against one that must be there at least. */
function compare(path: string, expected: Json, found: Json | undefined): void {
  if (expected === "*") {
    hold(!isDefault(found), `${path} is missing`);
  } else if (isDefault(expected)) {
    hold(isDefault(found), `${path} is there, expected nothing`);
  } else if (Array.isArray(expected)) {
    hold(
      Array.isArray(found) && found.length === expected.length,
      `${path} has not ${expected.length} elements`,
    );
    expected.forEach((element, index) => compare(`${path}.${index}`, element, found[index]));
  } else if (isObject(expected)) {
    hold(isObject(found), `${path} is no object`);
    Object.entries(expected).forEach(([name, value]) =>
      compare(`${path}.${name}`, value, found[name]),
    );
  } else {
    hold(expected === found, `${path} is not ${expected}`);
  }
}

/** Whether a value means the same as none. */
function isDefault(value: Json | undefined): boolean {
  if (typeof value === "string")
    return value === "" || value === "0" || value.endsWith("_UNSPECIFIED");
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return !value;
}
