// The form for a new fault. The form and the text of the whole rule are kept in step; the text is what is sent, so that
// whatever the control plane takes can be said, also where the form has no field for it.
import { byId, h, setText } from "./dom.js";

const EXAMPLES = [
  ["503 once, nothing done", { operation: "*", commit: "never", effect: { status: 503 } }],
  ["502 once, but the work is done", { operation: "*", effect: { status: 502, body: "<html>Bad gateway</html>", content_type: "text/html" } }],
  ["429 with Retry-After", { operation: "*", commit: "never", effect: { status: 429, headers: { "Retry-After": "1" } } }],
  ["Three answers, 5 s late each", { operation: "*", times: 3, effect: { latency_ms: 5000 } }],
  ["The answer is lost, the work is done", { operation: "*", effect: { reset_at: "response_headers" } }],
  ["The answer is lost, the work is done later", { operation: "*", commit: "late", late_ms: 2000, effect: { reset_at: "response_headers" } }],
  ["The answer stops in the middle", { operation: "*", effect: { stall_at: "response_body" } }],
  ["One call in ten fails", { operation: "*", times: 1000000, probability: 0.1, commit: "never", effect: { status: 500 } }],
  ["An answer that is no JSON", { operation: "*", effect: { malformed: "not_json" } }],
];
const NUMBERS = new Set(["after", "times", "probability", "late_ms", "latency_ms", "status", "truncate_bytes", "drip_bytes_per_s", "visible_after_ms"]);

let planned = {};
const fields = () => document.querySelectorAll("#fault [data-key], #fault [data-effect]");
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** What a field says, `undefined` if it is empty. */
function read(field, key) {
  const text = field.value;
  if (text === "") return undefined;
  if (NUMBERS.has(key)) return Number(text);
  if (key === "body") {
    try {
      const value = JSON.parse(text);
      return typeof value === "object" ? value : text;
    } catch {
      return text;
    }
  }
  if (key === "headers") {
    const pairs = text.split("\n").filter((line) => line.trim() !== "").map((line) => {
      const colon = line.indexOf(":");
      return colon < 0 ? [line.trim(), ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
    return pairs.length > 0 ? Object.fromEntries(pairs) : undefined;
  }
  return text;
}

/** How a value stands in its field. */
function written(key, value) {
  if (value === undefined || value === null) return "";
  if (key === "headers" && isObject(value)) return Object.entries(value).map(([name, text]) => `${name}: ${text}`).join("\n");
  if (key === "commit" && value === "before") return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A field was changed: that key of the rule changes, the others stay as they are. */
function fromField(field) {
  const { key, effect } = field.dataset;
  const into = key ? planned : (isObject(planned.effect) ? planned.effect : (planned.effect = {}));
  const value = read(field, key ?? effect);
  if (value === undefined) delete into[key ?? effect];
  else into[key ?? effect] = value;
  byId("fault-rule").value = JSON.stringify(planned, null, 2);
  problem("");
}

/** The text was changed: the fields follow, unless it is no rule at all. */
function fromText() {
  let read;
  try {
    read = JSON.parse(byId("fault-rule").value);
  } catch {
    return problem("This is not JSON yet.");
  }
  if (!isObject(read)) return problem("A rule is a JSON object.");
  planned = read;
  fill();
  return problem("");
}

function fill() {
  const effects = isObject(planned.effect) ? planned.effect : {};
  for (const field of fields()) {
    const { key, effect } = field.dataset;
    field.value = written(key ?? effect, key ? planned[key] : effects[effect]);
  }
}

function set(to) {
  planned = structuredClone(to);
  byId("fault-rule").value = JSON.stringify(planned, null, 2);
  fill();
  problem("");
}

/** Shows what is wrong with the rule, and answers whether nothing is. */
function problem(text) {
  setText(byId("fault-problem"), text);
  byId("fault-rule").setAttribute("aria-invalid", String(text !== ""));
  return text === "";
}

export const rule = {
  start() {
    byId("fault-example").append(...EXAMPLES.map(([name], at) => h("option", { value: String(at) }, name)));
    byId("fault-example").addEventListener("change", (event) => set(EXAMPLES[Number(event.target.value)][1]));
    for (const field of fields()) {
      // Not every helper that fills forms in tells both.
      for (const event of ["input", "change"]) field.addEventListener(event, () => fromField(field));
    }
    byId("fault-rule").addEventListener("input", fromText);
    set(EXAMPLES[0][1]);
  },

  /** The rule as it stands, `null` if it is none. */
  read() {
    return fromText() ? planned : null;
  },

  problem,
};
