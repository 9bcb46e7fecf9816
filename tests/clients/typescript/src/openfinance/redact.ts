// Records that may be logged, the same in Node and in a browser.
import {
  getOption,
  ScalarType,
  toJson,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
} from "@bufbuild/protobuf";

import { data_class, DataClass } from "../../gen/openfinance/v1/options_pb.js";

const REDACTED = "[redacted]";

/**
 * Prints a message for a log: as JSON, with `[redacted]` in place of every value that the protos class as personal or
 * restricted. Text that they do not class is redacted too, and fields that this version does not know are left out.
 */
// ANCHOR: redact
export function redacted<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
): string {
  const json: JsonValue = toJson(schema, message);
  return JSON.stringify(hidden(schema, json), undefined, 2);
}

function hidden(schema: DescMessage | undefined, json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map((element) => hidden(schema, element));
  // What is no message has been looked at as a field, and so has what is written as a text, such as a time.
  if (!schema || !isObject(json)) return json;
  const members = Object.entries(json).map(([name, value]) => {
    const field = schema.fields.find((field) => field.jsonName === name);
    return [name, !field || isSecret(field) ? REDACTED : hidden(field.message, value)];
  });
  return Object.fromEntries(members);
}

function isSecret(field: DescField): boolean {
  switch (getOption(field, data_class)) {
    case DataClass.INTERNAL:
      return false;
    case DataClass.UNSPECIFIED:
      return (
        field.fieldKind === "map" ||
        field.scalar === ScalarType.STRING ||
        field.scalar === ScalarType.BYTES
      );
    default:
      return true;
  }
}
// ANCHOR_END: redact

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
