// What the two test programs share: where the gateway and the sandbox are, who calls, and how results are printed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Config } from "../openfinance/connect.js";

/** A value of JSON that nobody has looked at. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The variable of the environment with this name. */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the variable ${name} is not set`);
  return value;
}

/** Where the caller with this name connects, and as whom: `GATEWAY_CREDENTIALS` has a key, a token, a certificate, or nothing. */
export function caller(name: string): Config {
  const file = (ending: string) => join(variable("GATEWAY_CREDENTIALS"), `${name}${ending}`);
  const line = (ending: string) => readFileSync(file(ending), "utf8").trim();
  return {
    address: variable("GATEWAY_ADDRESS"),
    authorityFile: join(variable("GATEWAY_CREDENTIALS"), "ca.pem"),
    ...(existsSync(file(".key.pem")) && {
      certificateFile: file(".pem"),
      keyFile: file(".key.pem"),
    }),
    ...(existsSync(file(".key")) && { apiKey: line(".key") }),
    ...(existsSync(file(".jwt")) && { token: () => line(".jwt") }),
  };
}

/** Sends a request to the sandbox's control routes, and answers what it says. */
export async function sandbox(method: string, path: string, body?: Json): Promise<Json> {
  const url = `${variable("SANDBOX_URL")}/__sandbox/v1/${path.replace(/^\//, "")}`;
  const response = await fetch(url, {
    method,
    ...(body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const said = await response.text();
  if (!response.ok) throw new Error(`the sandbox answers ${response.status} to ${path}`);
  return said ? (JSON.parse(said) as Json) : null;
}

/** Runs what has these names, prints what came of each, and ends the program. */
export async function report(all: [string, () => Promise<void>][]): Promise<never> {
  let failed = 0;
  for (const [name, run] of all) {
    try {
      await run();
      console.log(`ok ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  console.log(`${all.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

/** Ends the behaviour or row with this message unless what it says holds. */
export function hold(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}
