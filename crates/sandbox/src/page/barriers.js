// Barriers. The control plane lists none, so the page remembers the ids of those that it added, also over a reload.
import { ask, byId, h, list, Refused } from "./dom.js";

const REMEMBERED = "barriers";
let ids = [];
let change;

function remember() {
  sessionStorage.setItem(REMEMBERED, JSON.stringify(ids));
}

function item(barrier) {
  const { id, operation, waiting, released } = barrier;
  const release = () => change(() => ask("POST", `barriers/${id}/release`, {}), `Barrier ${id} is released.`);
  return h("li", { "data-barrier": String(id) },
    h("span", null, `${id} · ${operation} `,
      h("span", { class: released ? "tag" : waiting > 0 ? "tag warn" : "tag good" }, released ? "released" : `${waiting} waiting`)),
    h("button", { type: "button", "data-action": "release", disabled: released, onclick: release, "aria-label": `Release barrier ${id}` }, "Release"));
}

export const barriers = {
  start(changing) {
    change = changing;
    try {
      ids = JSON.parse(sessionStorage.getItem(REMEMBERED) ?? "[]");
    } catch {
      ids = [];
    }
    byId("barrier").addEventListener("submit", (event) => {
      event.preventDefault();
      const operation = byId("barrier-operation").value;
      change(async () => {
        const { id } = await ask("POST", "barriers", { operation });
        ids.push(id);
        remember();
        return id;
      }, (id) => `Calls of ${operation} now wait at barrier ${id}.`);
    });
  },

  /** Asks for each barrier and shows them; those that are gone, as after a reset, are forgotten. */
  async refresh() {
    const answers = [];
    for (const id of ids) {
      try {
        answers.push(await ask("GET", `barriers/${id}`));
      } catch (problem) {
        if (!(problem instanceof Refused && problem.status === 404)) throw problem;
        answers.push({ id, gone: true });
      }
    }
    const gone = new Set(answers.filter((answer) => answer.gone).map((answer) => answer.id));
    if (gone.size > 0) {
      ids = ids.filter((id) => !gone.has(id));
      remember();
    }
    list(byId("barriers"), answers.filter((answer) => !answer.gone), (barrier) => barrier.id, item);
  },
};
