// Building the page and asking the control plane. Text goes in as text, never as markup: records hold what strangers wrote.

/** An element with attributes and children; text children become text nodes, `null` ones nothing. */
export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Sets the text of an element only if it is another, so that screen readers and selections are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const shown = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, each built by `build`. What has not changed stays in place, and
 * the focus stays on the button with the same `data-action`.
 */
export function list(parent, items, keyOf, build, fixed = 0) {
  const old = new Map([...parent.children].slice(fixed).map((node) => [shown.get(node)?.key, node]));
  const keep = items.map((item) => {
    const key = String(keyOf(item));
    const text = JSON.stringify(item);
    const known = old.get(key);
    old.delete(key);
    if (known && shown.get(known).text === text) return known;
    const node = build(item);
    shown.set(node, { key, text });
    if (known) {
      const action = known.contains(document.activeElement) ? document.activeElement.dataset.action : undefined;
      known.replaceWith(node);
      if (action) node.querySelector(`[data-action="${action}"]`)?.focus();
    }
    return node;
  });
  for (const node of old.values()) node.remove();
  keep.forEach((node, at) => {
    const there = parent.children[at + fixed];
    if (there !== node) parent.insertBefore(node, there ?? null);
  });
}

/** The control plane said no, or nothing; the message is for people. */
export class Refused extends Error {}

/** One request to the control plane. Throws `Refused` with words for a person if it fails. */
export async function ask(method, path, body) {
  let answer;
  let text;
  try {
    answer = await fetch(new URL(`v1/${path}`, document.baseURI), {
      method,
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await answer.text();
  } catch {
    throw new Refused("The sandbox does not answer. Is it still running?");
  }
  let read = null;
  try {
    read = JSON.parse(text);
  } catch {
    // Falls through: an answer that is no JSON is told by its status.
  }
  if (answer.ok && read !== null) return read;
  const why = typeof read?.error === "string" ? read.error : `status ${answer.status}, and no reason`;
  const failure = new Refused(`The sandbox refuses: ${why}.`);
  failure.status = answer.status;
  throw failure;
}

let silence;

/** Tells what was done, or why it was not, for a few seconds. */
export function say(text) {
  const said = byId("said");
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (said.textContent = ""), 6000);
}

/** Does something, tells what became of it, and answers whether it worked. */
export async function attempt(action, done) {
  try {
    const answer = await action();
    const text = typeof done === "function" ? done(answer) : done;
    if (text) say(text);
    return true;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    say(problem.message);
    return false;
  }
}

/** A time of the control plane or of a record, in UTC to the second. */
export function time(value) {
  let date = /^-?\d+$/.test(String(value)) ? new Date(Number(value) * 1000) : null;
  // A time without a zone is meant as UTC, and a browser knows milliseconds at most.
  date ??= new Date(String(value).replace(/(\.\d{3})\d+/, "$1").replace(/(\d)(Z?)$/, "$1Z"));
  if (Number.isNaN(date.getTime())) return String(value);
  return date.toISOString().replace("T", " ").replace(/\.\d+Z$/, "");
}
