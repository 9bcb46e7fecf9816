// What a program decides by when a call has failed, the same in Node and in a browser.
import { createRegistry, fromBinary, isMessage } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { base64Decode } from "@bufbuild/protobuf/wire";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
  type ResourceInfo,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";

/** The codes of gRPC, as `Code.NOT_FOUND`; `Code[5]` is the name. */
export enum Code {
  OK,
  CANCELLED,
  UNKNOWN,
  INVALID_ARGUMENT,
  DEADLINE_EXCEEDED,
  NOT_FOUND,
  ALREADY_EXISTS,
  PERMISSION_DENIED,
  RESOURCE_EXHAUSTED,
  FAILED_PRECONDITION,
  ABORTED,
  OUT_OF_RANGE,
  UNIMPLEMENTED,
  INTERNAL,
  UNAVAILABLE,
  DATA_LOSS,
  UNAUTHENTICATED,
}

/** Why a call failed. The reasons are those of the gateway's error catalogue. */
export interface Refusal {
  code: Code;
  /** Empty if the gateway did not answer, and so is the domain. */
  reason: string;
  domain: string;
  /** `vendor_code`, `http_status` and `operation` where they are known. */
  metadata: Record<string, string>;
  /** What is wrong with which field of the request. */
  fields: Map<string, string>;
  /** How long to wait before the same call may be repeated, in milliseconds. */
  retryDelayMs?: number;
  /** The record that it is about. */
  resource?: ResourceInfo;
}

const details = createRegistry(
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
);

/** Reads the details of an error of grpc-js or of Connect. */
// ANCHOR: errors
export function refusalOf(error: unknown): Refusal {
  const { code = Code.UNKNOWN, metadata } = error as Failure;
  const refusal: Refusal = { code, reason: "", domain: "", metadata: {}, fields: new Map() };
  // Bytes in a list in Node, and a text in base64 in browsers.
  const [said] = [metadata?.get("grpc-status-details-bin")].flat();
  if (!said) return refusal;
  const status = fromBinary(StatusSchema, typeof said === "string" ? base64Decode(said) : said);
  for (const detail of status.details.map((any) => anyUnpack(any, details))) {
    if (isMessage(detail, ErrorInfoSchema)) {
      const { reason, domain, metadata } = detail;
      Object.assign(refusal, { reason, domain, metadata });
    } else if (isMessage(detail, BadRequestSchema)) {
      detail.fieldViolations.forEach(({ field, description }) =>
        refusal.fields.set(field, description),
      );
    } else if (isMessage(detail, RetryInfoSchema) && detail.retryDelay) {
      refusal.retryDelayMs = durationMs(detail.retryDelay);
    } else if (isMessage(detail, ResourceInfoSchema)) {
      refusal.resource = detail;
    }
  }
  return refusal;
}
// ANCHOR_END: errors

/** What the errors of both libraries have. */
interface Failure {
  code?: Code;
  metadata?: { get(name: string): (string | Uint8Array)[] | string | null };
}

/** Whether the same call may be made again: a read, or a write with the same `request_id`. */
export function mayRepeat(refusal: Refusal): boolean {
  return refusal.code === Code.UNAVAILABLE || refusal.retryDelayMs !== undefined;
}
