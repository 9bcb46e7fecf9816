// A connection of Node to the gateway, and clients on it whose types are those of the protos.
import { readFileSync } from "node:fs";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

/** Where the gateway is, and who calls it. */
export interface Config {
  /** Host and port. */
  address: string;
  /** Leaves TLS out. For a gateway on the same machine alone; no credential is sent then. */
  plaintext?: boolean;
  /** File with the authorities that the gateway's certificate is checked against; without it, those of Node. */
  authorityFile?: string;
  /** Files with the caller's own certificate and key, for mTLS. */
  certificateFile?: string;
  keyFile?: string;
  /** Sent as `x-api-key`. */
  apiKey?: string;
  /** Answers the JSON Web Token of the moment. Asked before each call, so keep the token until it is about to end. */
  token?: () => string | Promise<string>;
  /** The `service_config.json` that comes with the protos: time limits, and retries of what is safe to repeat. */
  serviceConfigFile?: string;
}

/** A connection to keep for the life of the program. */
export type Connection = grpc.Client;

/**
 * Makes a connection. It connects with the first call, and again whenever the gateway has closed it. `more` goes before
 * what is set here.
 */
// ANCHOR: connect
export function connect(config: Config, more: grpc.ChannelOptions = {}): Connection {
  const options: grpc.ChannelOptions = {
    // A dead network is noticed within 40 seconds, also between calls.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
  };
  if (config.serviceConfigFile) {
    options["grpc.service_config"] = readFileSync(config.serviceConfigFile, "utf8");
  }
  return new grpc.Client(config.address, credentials(config), { ...options, ...more });
}
// ANCHOR_END: connect

// ANCHOR: tls
function credentials(config: Config): grpc.ChannelCredentials {
  if (config.plaintext) return grpc.credentials.createInsecure();
  const read = (file?: string) => (file ? readFileSync(file) : null);
  const tls = grpc.credentials.createSsl(
    read(config.authorityFile),
    read(config.keyFile),
    read(config.certificateFile),
  );
  const caller = grpc.credentials.createFromMetadataGenerator((_, done) => {
    headers(config).then((metadata) => done(null, metadata), done);
  });
  return grpc.credentials.combineChannelCredentials(tls, caller);
}

async function headers({ apiKey, token }: Config): Promise<grpc.Metadata> {
  const metadata = new grpc.Metadata();
  if (apiKey) metadata.set("x-api-key", apiKey);
  if (token) metadata.set("authorization", `Bearer ${await token()}`);
  return metadata;
}
// ANCHOR_END: tls

/** What may be said of one call. */
export interface CallOptions {
  /** How long the call may take, in milliseconds. */
  timeoutMs?: number;
  /** Ends the call early. */
  signal?: AbortSignal | undefined;
  /** More headers. */
  metadata?: Record<string, string>;
  /** Told the headers of the answer. */
  onHeaders?: (headers: grpc.Metadata) => void;
}

/** The methods of a service: a call of one answers a message, or the messages of a stream. */
export type Client<Service extends DescService> = {
  [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary<
    infer I,
    infer O
  >
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : Service["method"][Name] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : never;
};

/** A client of this service over a connection, such as `client(CustomerService, connection).getCustomer({ customerId })`. */
// ANCHOR: client
export function client<Service extends DescService>(
  service: Service,
  on: Connection,
): Client<Service> {
  const methods = service.methods.map((method) => {
    const call = (request: MessageInitShape<DescMessage>, options: CallOptions = {}) => {
      const message = create(method.input, request);
      return method.methodKind === "unary"
        ? unary(on, method, message, options)
        : stream(on, method, message, options);
    };
    return [method.localName, call];
  });
  return Object.fromEntries(methods) as Client<Service>;
}
// ANCHOR_END: client

/** A method without the types of its messages. */
type AnyMethod = DescService["methods"][number];

function ways(method: AnyMethod) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    write: (message: Message) => Buffer.from(toBinary(method.input, message)),
    read: (bytes: Buffer) => fromBinary(method.output, bytes),
  };
}

/** The options of a call as grpc-js takes them. */
function said({ timeoutMs, metadata = {} }: CallOptions): [grpc.Metadata, grpc.CallOptions] {
  const headers = new grpc.Metadata();
  Object.entries(metadata).forEach(([name, value]) => headers.set(name, value));
  return [headers, timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }];
}

function unary(
  on: Connection,
  method: AnyMethod,
  request: Message,
  options: CallOptions,
): Promise<Message> {
  const { path, write, read } = ways(method);
  return new Promise((resolve, reject) => {
    const call = on.makeUnaryRequest(
      path,
      write,
      read,
      request,
      ...said(options),
      (error, answer) => {
        options.signal?.removeEventListener("abort", cancel);
        if (error) reject(error);
        else resolve(answer as Message);
      },
    );
    const cancel = () => call.cancel();
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener("abort", cancel);
    if (options.onHeaders) call.on("metadata", options.onHeaders);
  });
}

async function* stream(on: Connection, method: AnyMethod, request: Message, options: CallOptions) {
  const { path, write, read } = ways(method);
  const call = on.makeServerStreamRequest(path, write, read, request, ...said(options));
  const cancel = () => call.cancel();
  if (options.signal?.aborted) cancel();
  options.signal?.addEventListener("abort", cancel);
  if (options.onHeaders) call.on("metadata", options.onHeaders);
  try {
    yield* call as AsyncIterable<Message>;
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    // A loop that is left early ends the stream.
    call.cancel();
  }
}
