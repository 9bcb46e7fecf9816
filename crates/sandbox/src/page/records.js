// The table of records: one kind at a time, one page at a time, masked until a person asks for more.
import { ask, byId, h, list, setText, time } from "./dom.js";

const MASK = "***";
const number = new Intl.NumberFormat("en");
const text = (value) => value;
const joined = (...parts) => parts.filter((part) => part !== undefined).join(" ");
// A value in which all is masked is shown as one mask.
const unless = (value) => (/^(\*\*\*[ ,/-]*)+$/.test(value) ? MASK : value);

const phone = ({ countryCode, phoneNo } = {}) => joined(countryCode && countryCode !== MASK ? `+${countryCode}` : countryCode, phoneNo);
const street = (address = {}) => (typeof address === "string" ? address : joined(address.addressLine1, address.addressLine2));
const birthday = (date) => date && `${date.year}-${String(date.month).padStart(2, "0")}-${String(date.dayOfMonth).padStart(2, "0")}`;

/** Columns of each kind: heading, value, and `code` for ids. The first one, the id, opens the whole record. */
const COLUMNS = {
  customers: [
    ["Type", (one) => one.type],
    ["Username", (one) => one.username],
    ["Name", (one) => joined(one.firstName, one.lastName)],
    ["Email", (one) => one.email],
    ["Phone", (one) => one.phone],
    ["Created", (one) => one.createdDate && time(one.createdDate)],
    ["Changed", (one) => one.lastModifiedDate && time(one.lastModifiedDate)],
    ["Consumer", (one) => one.consumerId, "code"],
    ["Business", (one) => one.businessId, "code"],
    ["Logins", (one) => one.institutionLoginIds?.length || undefined],
    ["Application", (one) => one.applicationId],
  ],
  consumers: [
    ["Customer", (one) => one.customerId, "code"],
    ["Name", (one) => joined(one.firstName, one.lastName, one.suffix)],
    ["SSN", (one) => one.ssn],
    ["Born", (one) => birthday(one.birthday)],
    ["Address", (one) => joined(one.address, one.city, one.state, one.zip)],
    ["Email", (one) => one.email],
    ["Phone", (one) => one.phone],
    ["Created", (one) => one.createdDate && time(one.createdDate)],
  ],
  businesses: [
    ["Customer", (one) => one.customerId, "code"],
    ["Name", (one) => one.name],
    ["Type", (one) => one.type],
    ["Liable", (one) => (one.personallyLiable ? "personally" : "no")],
    ["Address", (one) => joined(street(one.address), one.address?.city, one.address?.state, one.address?.postalCode, one.address?.country)],
    ["Email", (one) => one.email],
    ["Phone", (one) => phone(one.phoneNumber)],
    ["Tax id", (one) => one.taxId],
    ["Created", (one) => one.createdDate && time(one.createdDate)],
    ["Changed", (one) => one.modifiedDate && time(one.modifiedDate)],
  ],
  institutionLogins: [
    ["Customer", (one) => one.customerId, "code"],
    ["Connection", (one) => one.connection],
    ["From", (one) => time(one.authorizationStartDate)],
    ["Until", (one) => time(one.authorizationEndDate)],
    ["State", (one) => (one.expired ? "expired" : "valid")],
  ],
};

let refresh;
let start = 1;
let found = 0;
let headed = "";
const open = new Set();

const kind = () => document.querySelector("input[name=kind]:checked").value;
const size = () => Number(byId("page-size").value);
const personal = () => (byId("personal").checked ? "shown" : "masked");
const partner = () => byId("records-partner").value;

function go(to) {
  start = Math.max(1, Math.min(to, Math.floor(Math.max(found - 1, 0) / size()) * size() + 1));
  refresh();
}

function cell([, value, style], one) {
  const content = unless(String(value(one) ?? ""));
  const classes = [style === "code" ? "code" : "text", content === MASK ? "masked" : ""].join(" ").trim();
  if (style === "code" && content.length > 12) return h("td", { class: classes, title: content }, `${content.slice(0, 8)}…`);
  return h("td", { class: classes, title: content.length > 30 ? content : null }, content);
}

/** One record is one body of the table: its line, and the whole of it when opened. */
function body(columns, one, several) {
  const whole = h("tr", { class: "all", hidden: !open.has(one.id) },
    h("td", { colspan: String(columns.length + 2) }, h("pre", null, JSON.stringify(one, null, 2))));
  const turn = () => {
    whole.hidden = !whole.hidden;
    button.setAttribute("aria-expanded", String(!whole.hidden));
    if (whole.hidden) open.delete(one.id);
    else open.add(one.id);
  };
  const button = h("button", {
    type: "button", class: "id", "data-action": "open", "aria-expanded": String(open.has(one.id)), onclick: turn, title: one.id,
    "aria-label": `The whole of ${one.id}`,
  }, one.id.length > 12 ? `${one.id.slice(0, 8)}…` : one.id);
  return h("tbody", { "data-record": one.id },
    h("tr", null, h("td", null, button), columns.map((column) => cell(column, one)), several ? h("td", { class: "code" }, one.partnerId) : null),
    whole);
}

export const records = {
  start(refreshing) {
    refresh = refreshing;
    const anew = () => {
      start = 1;
      refresh();
    };
    for (const radio of document.querySelectorAll("input[name=kind]")) radio.addEventListener("change", anew);
    byId("records-partner").addEventListener("change", anew);
    byId("page-size").addEventListener("change", anew);
    byId("personal").addEventListener("change", () => {
      // Nothing personal stays on the page for even a moment after it is no longer wanted.
      if (personal() === "masked") clear();
      refresh();
    });
    byId("page-first").addEventListener("click", () => go(1));
    byId("page-previous").addEventListener("click", () => go(start - size()));
    byId("page-next").addEventListener("click", () => go(start + size()));
    byId("page-last").addEventListener("click", () => go(Infinity));
  },

  /** Back to the first page, of all partners, with nothing open. */
  rewind() {
    start = 1;
    open.clear();
    byId("records-partner").value = "";
  },

  async ask() {
    const asked = { kind: kind(), personal: personal() };
    const query = new URLSearchParams({ ...asked, partner: partner(), start, limit: size() });
    return { ...asked, ...(await ask("GET", `records?${query}`)) };
  },

  show(page, partners) {
    if (page.kind !== kind() || page.personal !== personal()) return;
    found = page.found;
    const several = partners.length > 1;
    const columns = COLUMNS[page.kind];
    head(page.kind, columns, several);
    list(byId("records"), page.records, (one) => `${page.kind} ${several} ${one.id}`, (one) => body(columns, one, several), 1);
    byId("records-none").hidden = page.records.length > 0;
    const last = start + page.records.length - 1;
    setText(byId("page-where"), found === 0 ? "0" : `${number.format(start)}–${number.format(last)} of ${number.format(found)}`);
    byId("page-first").disabled = byId("page-previous").disabled = start === 1;
    byId("page-next").disabled = byId("page-last").disabled = last >= found;
    byId("records-partner-label").hidden = !several;
    list(byId("records-partner"), partners.map((one) => one.partnerId), text, (id) => h("option", { value: id }, id), 1);
    // Records can go while one looks at the last of them.
    if (page.records.length === 0 && start > 1) go(found);
  },
};

function clear() {
  for (const one of byId("records").querySelectorAll("tbody")) one.remove();
}

function head(of, columns, several) {
  if (headed === `${of} ${several}`) return;
  headed = `${of} ${several}`;
  clear();
  const headings = ["Id", ...columns.map(([heading]) => heading), ...(several ? ["Partner"] : [])];
  byId("records").tHead.replaceChildren(h("tr", null, headings.map((heading) => h("th", { scope: "col" }, heading))));
}
