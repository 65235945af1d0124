// The five questions: the form, what it says while it is filled in, and the link that holds it.
import { byId, get, h } from "./dom.js";

let told = null;

const radio = (name, value, checked, title, more, onchange) => h("label", { class: "option" },
  h("input", { type: "radio", name, value, checked, onchange }), h("b", {}, title), more ? h("small", {}, more) : null);

const field = (name, title, attrs = {}) => h("label", { class: "field" }, h("span", {}, title),
  h("input", { type: "number", name, id: `q-${name}`, inputmode: "decimal", min: "0", step: "any", ...attrs }));

export function build(choices, submit) {
  told = choices;
  const form = byId("ask");
  form.replaceChildren(use(), who(), feel(), model(), where(),
    h("div", { class: "actions" }, h("button", { class: "go", type: "submit" }, "Find out"),
      h("button", { type: "reset" }, "Start over")));
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  form.addEventListener("reset", () => setTimeout(() => { history.replaceState(null, "", location.pathname); models(); say(); }));
  form.addEventListener("input", say);
  models();
  say();
}

function use() {
  return h("fieldset", {}, h("legend", {}, "1. What is it for?"),
    h("div", { class: "options" }, Object.entries(told.uses).map(([name, one]) =>
      radio("use", name, name === "chat", one.title, one.example, models))),
    h("div", { class: "row", id: "lengths" },
      field("input_len", "Words of a question, about"), field("output_len", "Words of an answer, about")));
}

function who() {
  return h("fieldset", {}, h("legend", {}, "2. How many people, and how busy?"),
    h("div", { id: "people" },
      h("div", { class: "row" }, field("people", "People who use it", { placeholder: "50" })),
      h("p", { class: "soft", id: "busy-label" }, "They use it …"),
      h("div", { class: "chips", role: "radiogroup", "aria-labelledby": "busy-label" },
        Object.entries(told.busy).map(([name, one]) => radio("busy", name, name === "usual", one.title))),
      h("p", { class: "say", id: "crowd", "aria-live": "polite" }),
      h("div", { class: "row" }, field("at_once", "Wait at the same moment, if you know better"))),
    h("div", { id: "pile" }, h("div", { class: "row" },
      field("documents", "Documents", { placeholder: "10000" }), field("hours", "Hours in which", { placeholder: "8" }))));
}

function feel() {
  const names = Object.keys(told.feel);
  return h("fieldset", { id: "feels" }, h("legend", {}, "3. How fast must it feel?"),
    h("label", { class: "soft", for: "q-feel" }, "From patient to instant"),
    h("input", { type: "range", id: "q-feel", min: "0", max: `${names.length - 1}`, step: "1", value: `${names.indexOf("brisk")}` }),
    h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, "patient"), h("span", {}, "instant")),
    h("p", { class: "say", id: "feel-words", "aria-live": "polite" }));
}

function model() {
  return h("fieldset", {}, h("legend", {}, "4. Which model?"), h("div", { class: "options", id: "models" }),
    h("div", { class: "row" }, h("label", { class: "field" }, h("span", {}, "Or any other name"),
      h("input", { type: "text", name: "model_name", id: "q-model", list: "all-models", maxlength: "300",
        autocomplete: "off", placeholder: "such as llama-3.1-8b-instruct", onfocus: fill("models", "model", "all-models") }))),
    h("datalist", { id: "all-models" }), h("p", { class: "hint" }, `Of these: ${told.models_source}.`));
}

function where() {
  return h("fieldset", {}, h("legend", {}, "5. Where does it run?"),
    h("div", { class: "options" },
      radio("where", "rent", true, "On a rented machine", "at listed prices of many providers"),
      radio("where", "own", false, "On my own machine", "one that you have, or think of buying")),
    h("div", { id: "rent" }, h("div", { class: "row" }, field("budget", "At most, USD a month", { placeholder: "no limit" })),
      h("details", {}, h("summary", {}, "Only in some countries"), h("div", { class: "chips", style: "margin-top:8px" },
        told.places.map((place) => h("label", { class: "option" }, h("input", { type: "checkbox", name: "countries", value: place }), h("b", {}, place)))))),
    h("div", { id: "own" }, h("div", { class: "row" },
      h("label", { class: "field" }, h("span", {}, "Its GPU"), h("input", { type: "text", name: "hardware", id: "q-hardware",
        list: "all-hardware", maxlength: "300", autocomplete: "off", placeholder: "such as rtx-4090", onfocus: fill("hardware", "hardware", "all-hardware") })),
      field("num_devices", "How many of them", { value: "1", min: "1", step: "1" })),
      h("datalist", { id: "all-hardware" }))); 
}

function fill(kind, name, list) {
  let filled = false;
  return async () => {
    if (filled) return;
    filled = true;
    try {
      const { rows } = await get(`/v1/catalogue/${kind}`);
      byId(list).replaceChildren(...rows.map((row) => h("option", { value: row[name] })));
    } catch { filled = false; }
  };
}

const chosen = (name) => byId("ask").querySelector(`[name=${name}]:checked`)?.value;
const value = (name) => { const text = byId(`q-${name}`).value.trim(); return text === "" ? undefined : Number(text); };

/** Offer the models that suit the use. */
function models() {
  const use = chosen("use");
  byId("models").replaceChildren(...told.models.filter((m) => m.uses.includes(use)).map((m) =>
    radio("model", m.model, m.model === told.suggested[use], m.model.split("/").pop(),
      `${m.size}, ${Math.round(m.params_total_b)} billion parameters. For ${m.good_for}. Licence: ${m.licence}.`)));
}

/** Say at once what an answer means. */
export function say() {
  const use = chosen("use");
  const pile = Boolean(told.uses[use].pile);
  const own = chosen("where") === "own";
  byId("people").hidden = byId("feels").hidden = pile;
  byId("pile").hidden = !pile;
  byId("lengths").hidden = use !== "other";
  byId("own").hidden = !own;
  byId("rent").hidden = own;
  const people = value("people") ?? 50;
  const at = value("at_once") ?? Math.max(1, Math.ceil(people * told.busy[chosen("busy")].share - 1e-9));
  byId("crowd").textContent = Number.isFinite(people) && people > 0
    ? `${people.toLocaleString("en")} people: about ${at.toLocaleString("en")} of them wait for an answer at the same moment.` : "How many people? A number above 0.";
  const feel = told.feel[Object.keys(told.feel)[byId("q-feel").value]];
  const words = `${feel.title[0].toUpperCase()}${feel.title.slice(1)}: ${feel.words}.`;
  byId("feel-words").textContent = words;
  byId("q-feel").setAttribute("aria-valuetext", words);
}

/** What was answered, as the service takes it; what was left out is left out. */
export function answers() {
  const use = chosen("use");
  const found = { use, model: byId("q-model").value.trim() || chosen("model") || undefined, where: chosen("where") };
  if (use === "other") for (const n of ["input_len", "output_len"]) if (value(n) !== undefined) found[n] = Math.round(value(n) / told.reading.words_per_token);
  if (told.uses[use].pile) Object.assign(found, { documents: value("documents"), hours: value("hours") });
  else Object.assign(found, { people: value("people"), busy: chosen("busy"), at_once: value("at_once"), feel: Object.keys(told.feel)[byId("q-feel").value] });
  if (found.where === "own") Object.assign(found, { hardware: byId("q-hardware").value.trim() || undefined, num_devices: value("num_devices") ?? 1 });
  else {
    found.budget = value("budget");
    const places = [...byId("ask").querySelectorAll("[name=countries]:checked")].map((c) => c.value);
    if (places.length) found.countries = places;
  }
  return Object.fromEntries(Object.entries(found).filter(([, v]) => v !== undefined));
}

export const link = (asked) => `#${new URLSearchParams(Object.entries(asked).flatMap(([k, v]) => [].concat(v).map((one) => [k, one])))}`;

/** Fill the form from a link; tells whether there was anything. */
export function restore(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  if (!asked.has("use")) return false;
  const form = byId("ask");
  const check = (name) => { for (const v of asked.getAll(name)) { const box = form.querySelector(`[name=${name}][value="${CSS.escape(v)}"]`); if (box) box.checked = true; } };
  check("use");
  models();
  ["busy", "where", "countries", "model"].forEach(check);
  const model = asked.get("model");
  if (model && chosen("model") !== model) byId("q-model").value = model;
  for (const name of ["people", "at_once", "documents", "hours", "budget", "num_devices"]) if (asked.has(name)) byId(`q-${name}`).value = asked.get(name);
  for (const name of ["input_len", "output_len"]) if (asked.has(name)) byId(`q-${name}`).value = Math.round(asked.get(name) * told.reading.words_per_token);
  if (asked.has("hardware")) byId("q-hardware").value = asked.get("hardware");
  const at = Object.keys(told.feel).indexOf(asked.get("feel"));
  if (at >= 0) byId("q-feel").value = at;
  say();
  return true;
}

/** Mark what cannot be; tells the first sentence, or nothing. */
export function wrong(asked) {
  for (const box of byId("ask").querySelectorAll("[aria-invalid]")) box.removeAttribute("aria-invalid");
  const numbers = { people: "people", at_once: "people at once", documents: "documents", hours: "hours", budget: "budget", input_len: "words of a question", output_len: "words of an answer", num_devices: "number of GPUs" };
  for (const [name, words] of Object.entries(numbers)) {
    const box = byId(`q-${name}`);
    const bad = (name in asked && !(asked[name] > 0 && Number.isFinite(asked[name]))) || (box.offsetParent && box.validity.badInput);
    if (bad) return mark(box, `The ${words} must be a number above 0.`);
  }
  if (asked.where === "own" && !asked.hardware) return mark(byId("q-hardware"), "Say which GPU your machine has, such as rtx-4090.");
  if (asked.at_once > asked.people) return mark(byId("q-at_once"), `No more than all ${asked.people} people can wait at once.`);
  return "";
}

function mark(box, text) {
  box.setAttribute("aria-invalid", "true");
  box.focus();
  return text;
}
