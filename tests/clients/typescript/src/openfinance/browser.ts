// What a page has in the place of a connection: a transport by gRPC-Web. Clients are made on it by Connect's `createClient`.
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

/** Where the gateway is, and who calls it. */
export interface PageConfig {
  /** Such as `https://gateway.example.com`. */
  gateway: string;
  /** Sent as `x-api-key`. Everybody who can load the page can read it: give people tokens instead. */
  apiKey?: string;
  /** Answers the JSON Web Token of the moment. Asked before each call. */
  token?: () => string | Promise<string>;
}

/** How long a call may take that says nothing else, in milliseconds. */
const LONGEST = 20_000;

/** Makes a transport, to keep for the life of the page. */
// ANCHOR: connect
export function connectPage({ gateway, apiKey, token }: PageConfig): Transport {
  const caller: Interceptor = (next) => async (request) => {
    if (apiKey) request.header.set("x-api-key", apiKey);
    if (token) request.header.set("authorization", `Bearer ${await token()}`);
    return next(request);
  };
  return createGrpcWebTransport({
    baseUrl: gateway,
    interceptors: [caller],
    defaultTimeoutMs: LONGEST,
  });
}
// ANCHOR_END: connect
