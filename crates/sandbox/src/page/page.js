// The page for people: asks the control plane every two seconds and shows what it says. Records and faults have files
// of their own.
import { ask, attempt, byId, h, list, Refused, setText, time } from "./dom.js";
import { records } from "./records.js";
import { faults } from "./faults.js";
import { barriers } from "./barriers.js";

const PAUSE_MS = 2000;
const SLOWEST_MS = 10000;
const REQUESTS = 50;
const number = new Intl.NumberFormat("en");
const COUNTS = [
  ["customers", "Customers"],
  ["consumers", "Consumers"],
  ["businesses", "Businesses"],
  ["institutionLogins", "Institution logins"],
  ["tokens", "Live tokens"],
];

let timer;
let round = 0;
let paused = false;

/**
 * Asks for everything and shows it; an answer that has been overtaken is dropped. One question at a time needs one
 * connection only, so that faults of new connections are left to those for whom they are meant.
 */
async function refresh() {
  clearTimeout(timer);
  const mine = ++round;
  const begun = performance.now();
  try {
    const operation = byId("requests-operation").value;
    const state = await ask("GET", "state");
    const planned = await ask("GET", "faults");
    const recent = await ask("GET", `requests?last=${REQUESTS}&operation=${operation}`);
    const page = await records.ask();
    await barriers.refresh();
    if (mine !== round) return;
    showState(state);
    showRequests(recent.requests);
    faults.show(planned.faults);
    records.show(page, state.partners);
    trouble("");
  } catch (problem) {
    if (mine !== round) return;
    trouble(problem instanceof Refused ? problem.message : "This page is broken: " + problem);
    if (!(problem instanceof Refused)) throw problem;
  } finally {
    // A sandbox that needs long for its answers, with millions of records, is kept busy for a fiftieth of the time.
    if (mine === round) schedule(Math.max(PAUSE_MS, Math.min(SLOWEST_MS, 50 * (performance.now() - begun))));
  }
}

function schedule(wait) {
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(refresh, wait);
}

function trouble(text) {
  byId("trouble").hidden = text === "";
  setText(byId("trouble"), text);
  const live = byId("live");
  setText(live, text ? "no answer" : paused ? "paused" : "live");
  live.className = text ? "tag bad" : paused ? "tag warn" : "tag good";
}

function showState(state) {
  setText(byId("now"), `${time(state.now)} UTC`);
  byId("now").dateTime = state.now;
  const counts = COUNTS.map(([key, label]) => ({ label, value: number.format(state.counts[key]) }));
  counts.push({ label: "Seed", value: String(state.seed) });
  list(byId("counts"), counts, (count) => count.label, ({ label, value }) =>
    h("div", null, h("dt", null, label), h("dd", null, value)));
  list(byId("partners"), state.partners, (partner) => partner.partnerId, partnerItem);
}

function partnerItem(partner) {
  const { partnerId, locked } = partner;
  const turn = () => change(
    () => ask("POST", "partner", { partnerId, locked: !locked }),
    `Partner ${partnerId} is ${locked ? "unlocked" : "locked"}.`,
  );
  return h("li", { "data-partner": partnerId },
    h("span", null, h("span", { class: "code" }, partnerId), " ",
      h("span", { class: locked ? "tag bad" : "tag good" }, locked ? "locked" : "open")),
    h("button", { type: "button", "data-action": "lock", onclick: turn, "aria-label": `${locked ? "Unlock" : "Lock"} ${partnerId}` },
      locked ? "Unlock" : "Lock"),
    h("small", null, `Logins: ${number.format(partner.tokenRequests)}, refused secrets: ${number.format(partner.failedAuthentications)}, ` +
      `most in a row: ${partner.maxConsecutiveFailedAuthentications}`));
}

function showRequests(requests) {
  byId("requests-none").hidden = requests.length > 0;
  list(byId("requests"), requests.slice().reverse(), (request) => request.sequence, (request) => {
    const { sequence, at, operation, method, path, status, fault } = request;
    const kind = status === null ? "dim" : status < 300 ? "good" : status < 500 ? "warn" : "bad";
    return h("tr", null,
      h("td", { class: "number dim" }, String(sequence)),
      h("td", { class: "code" }, time(at)),
      h("td", operation ? null : { class: "dim" }, operation ?? "none"),
      h("td", { class: "code" }, method),
      h("td", { class: "code long" }, path),
      h("td", { class: `number ${kind}` }, status === null ? "held" : String(status)),
      h("td", null, fault === null ? null : h("span", { class: "tag warn" }, `fault ${fault}`)));
  });
}

/** Changes something and shows the outcome at once. */
async function change(action, done) {
  const worked = await attempt(action, done);
  await refresh();
  return worked;
}

function advance(seconds) {
  return change(() => ask("POST", "clock/advance", { seconds }), ({ now }) => `It is ${time(now)} now.`);
}

for (const button of document.querySelectorAll("[data-advance]")) {
  button.addEventListener("click", () => advance(Number(button.dataset.advance)));
}
byId("advance").addEventListener("submit", (event) => {
  event.preventDefault();
  advance(Number(byId("advance-amount").value) * Number(byId("advance-unit").value));
});
for (const button of document.querySelectorAll("[data-revoke]")) {
  button.addEventListener("click", () => change(
    () => ask("POST", "tokens/revoke", { revoke: button.dataset.revoke }),
    ({ revoked }) => (revoked === 1 ? "One token is revoked." : `${number.format(revoked)} tokens are revoked.`),
  ));
}
byId("reset").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("sure").showModal();
});
byId("sure-no").addEventListener("click", () => byId("sure").close());
byId("sure-yes").addEventListener("click", () => {
  byId("sure").close();
  const seed = byId("reset-seed").value;
  records.rewind();
  change(() => ask("POST", "reset", seed === "" ? {} : { seed: Number(seed) }), ({ seed }) => `All is new, from seed ${seed}.`);
});
byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  trouble("");
  if (paused) clearTimeout(timer);
  else refresh();
});
byId("requests-operation").addEventListener("change", refresh);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : schedule(0)));

records.start(refresh);
faults.start(change);
barriers.start(change);
refresh();
