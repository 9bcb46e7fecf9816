// Faults: the list of rules, and adding one.
import { ask, byId, h, list, Refused } from "./dom.js";
import { rule } from "./rule.js";

const number = new Intl.NumberFormat("en");
let change;

async function add() {
  const planned = rule.read();
  if (planned === null) return;
  await change(async () => {
    try {
      return await ask("POST", "faults", planned);
    } catch (refusal) {
      // Said beside the rule as well, where it stays until the rule is changed.
      if (refusal instanceof Refused) rule.problem(refusal.message);
      throw refusal;
    }
  }, ({ id }) => `Fault ${id} is planned.`);
}

/** A value of an effect on one line; bodies can be long. */
function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function said(effect) {
  const { status, ...others } = effect;
  const all = status === undefined ? others : { status, ...others };
  return Object.entries(all).map(([key, value]) => `${key} ${short(value)}`).join(" · ");
}

function line(fault) {
  const { id, operation, after, times, probability, commit, late_ms: late, effect, fired } = fault;
  const spent = fired >= times;
  const when = [
    after > 0 ? `after ${after}` : null,
    probability < 1 ? `${+(probability * 100).toFixed(3)} %` : null,
  ].filter((part) => part !== null).join(", ");
  const work = { before: "done", never: "not done", late: `${late} ms late` }[commit] ?? commit;
  const remove = () => change(() => ask("DELETE", `faults/${id}`), `Fault ${id} is removed.`);
  return h("tr", { "data-fault": String(id), class: spent ? "spent" : null },
    h("td", null, String(id)),
    h("td", null, operation === "*" ? "any" : operation),
    h("td", { class: "code long" }, said(effect)),
    h("td", null, work),
    h("td", null, when || "at once"),
    h("td", null, `${number.format(fired)} of ${number.format(times)} `, spent ? h("span", { class: "tag" }, "spent") : null),
    h("td", null, h("button", { type: "button", "data-action": "remove", onclick: remove, "aria-label": `Remove fault ${id}` }, "Remove")));
}

export const faults = {
  start(changing) {
    change = changing;
    rule.start();
    byId("fault").addEventListener("submit", (event) => {
      event.preventDefault();
      add();
    });
    byId("faults-clear").addEventListener("click", () => change(
      () => ask("DELETE", "faults"),
      ({ removed }) => (removed === 1 ? "One fault is removed." : `${removed} faults are removed.`),
    ));
  },

  /** Newest first. */
  show(all) {
    byId("faults-none").hidden = all.length > 0;
    byId("faults-clear").disabled = all.length === 0;
    list(byId("faults"), all.slice().reverse(), (fault) => fault.id, line);
  },
};
