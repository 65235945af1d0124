// The expert view: descriptors, candidates, the Pareto picture, two plans side by side, what-if sliders.
import { download, h, number, post } from "./dom.js";
import { table } from "./answer.js";
import { pareto } from "./charts.js";

const COLUMNS = [
  ["hardware", "GPU"], ["num_devices", "how many", 1], ["layout", "layout"], ["framework", "engine"], ["weight_dtype", "weights"],
  ["provider", "provider"], ["region", "region"], ["usd_month", "USD a month", 1], ["ttft_ms", "TTFT, ms", 1], ["tpot_ms", "TPOT, ms", 1],
  ["capacity_users", "carries at once", 1], ["headroom", "headroom", 1], ["in_domain", "evidence"],
];
const MORE = ["usd_h", "usd_h_sure", "usd_per_m_input", "usd_per_m_output", "e2e_ms", "capacity_tok_s", "capacity_req_s", "replicas",
  "tp", "pp", "dp", "ep", "concurrency", "kv_dtype", "backend", "instance_type", "instances", "price_date", "spot"];

export async function expert(inside, found, one, prediction) {
  const plans = [...new Map([...found.found.plans, ...found.found.front].map((p) => [JSON.stringify([p.hardware, p.num_devices, p.framework, p.weight_dtype, p.kv_dtype, p.provider, p.region, p.tp, p.replicas]), p])).values()];
  const picture = h("div");
  inside.replaceChildren(h("h3", {}, "What if?"), sliders(one, prediction), h("h3", {}, "Candidates"), candidates(plans),
    h("h3", {}, "Price against time"), picture, h("h3", {}, "Two plans side by side"), compare(plans),
    h("h3", {}, "All descriptors"), descriptors(prediction));
  await pareto(picture, found.found);
}

function descriptors(prediction) {
  const rows = Object.entries(prediction.deployment).filter(([, v]) => v !== null && v !== "").map(([k, v]) => [k, String(v), prediction.assumed[k] ? `assumed: ${prediction.assumed[k]}` : "given"]);
  return table("One copy under its share of the load", ["descriptor", "value", ""], rows);
}

function candidates(plans) {
  const body = h("tbody");
  let order = { key: "usd_month", up: true };
  const heads = COLUMNS.map(([key, title, numeric]) => h("th", { scope: "col", class: numeric ? "n" : "" },
    h("button", { type: "button", onclick: () => { order = { key, up: order.key === key ? !order.up : true }; fill(); } }, title)));
  const cell = (p, key) => (typeof p[key] === "number" ? (key === "headroom" ? `${number(100 * p[key])} %` : number(p[key])) : String(p[key] ?? "–"));
  function fill() {
    const sign = order.up ? 1 : -1;
    const by = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a ?? "").localeCompare(String(b ?? "")));
    const sorted = [...plans].sort((a, b) => sign * by(a[order.key], b[order.key]));
    body.replaceChildren(...sorted.map((p) => h("tr", {}, COLUMNS.map(([key, , numeric]) => h("td", { class: numeric ? "n" : "" }, cell(p, key))))));
    heads.forEach((th, i) => th.setAttribute("aria-sort", COLUMNS[i][0] === order.key ? (order.up ? "ascending" : "descending") : "none"));
  }
  fill();
  const quoted = (v) => (/[",\n]/.test(String(v ?? "")) ? `"${String(v).replaceAll('"', '""')}"` : String(v ?? ""));
  const keys = [...COLUMNS.map(([k]) => k), ...MORE];
  const csv = () => [keys.join(","), ...plans.map((p) => keys.map((k) => quoted(p[k])).join(","))].join("\n") + "\n";
  return h("div", {}, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Candidates" },
    h("table", { id: "candidates" }, h("caption", {}, `${plans.length} plans that keep the limits; press a heading to sort`), h("thead", {}, h("tr", {}, heads)), body)),
  h("div", { class: "actions" }, h("button", { type: "button", onclick: () => download("plans.csv", "text/csv", csv()) }, "Save as CSV")));
}

function compare(plans) {
  const name = (p) => `${p.num_devices} x ${p.hardware}, ${p.framework}, ${p.weight_dtype}, ${number(p.usd_month)} USD`;
  const pick = (label, at) => h("select", { "aria-label": label, onchange: fill }, plans.map((p, i) => h("option", { value: String(i), selected: i === at }, name(p))));
  const place = h("div");
  const left = pick("First plan", 0);
  const right = pick("Second plan", Math.min(1, plans.length - 1));
  function fill() {
    const [a, b] = [plans[left.value], plans[right.value]];
    const text = (v) => (typeof v === "number" ? number(v) : String(v ?? "–"));
    const box = table("Side by side; what differs is tinted", ["", "first", "second"], [...COLUMNS.map(([k]) => k), ...MORE].map((k) => [k, text(a[k]), text(b[k])]));
    for (const row of box.querySelectorAll("tbody tr")) if (row.cells[1].textContent !== row.cells[2].textContent) row.className = "differs";
    place.replaceChildren(box);
  }
  fill();
  return h("div", {}, h("div", { class: "two" }, left, right), place);
}

function sliders(one, prediction) {
  const base = { ...one };
  const now = prediction.deployment;
  const specs = [["concurrency", "requests at once", 1, 512], ["input_len", "tokens in", 16, 32768], ["output_len", "tokens out", 2, 4096]]
    .filter(([key]) => base[key] !== undefined);
  const out = h("div", { class: "facts", "aria-live": "polite" });
  const took = h("p", { class: "soft", id: "whatif-ms" });
  let running = null;
  const ask = async () => {
    running?.abort();
    const mine = running = new AbortController();
    const began = performance.now();
    try {
      const found = await post("/v1/predict", { ...base, level: null }, mine.signal);
      facts(found);
      took.textContent = `Answered in ${Math.round(performance.now() - began)} ms.`;
    } catch (error) { if (error.name !== "AbortError") { out.replaceChildren(h("p", { class: "wrong" }, error.message)); took.textContent = ""; } }
  };
  const fact = (title, value) => h("div", {}, h("span", { class: "soft" }, title), h("span", { class: "big" }, value));
  const facts = (p) => out.replaceChildren(...[["TTFT", p.ttft_ms, "ms"], ["TPOT", p.tpot_ms, "ms"], ["all together", p.output_tok_s, "tokens/s"], ["free memory", p.memory.free_gb, "GB"]]
    .filter(([, v]) => v !== null).map(([t, v, u]) => fact(t, `${number(v)} ${u}`)));
  const scale = (min, max) => ({ to: (v) => Math.round(100 * Math.log(v / min) / Math.log(max / min)), from: (s) => Math.round(min * (max / min) ** (s / 100)) });
  const boxes = specs.map(([key, title, min, max]) => {
    const { to, from } = scale(min, max);
    const text = h("output", {}, `${title}: ${number(base[key])}`);
    const slide = h("input", { type: "range", min: "0", max: "100", value: String(to(base[key])), "aria-label": title, "aria-valuetext": `${number(base[key])}`, "data-key": key,
      oninput: () => { base[key] = from(slide.value); text.textContent = `${title}: ${number(base[key])}`; slide.setAttribute("aria-valuetext", number(base[key])); ask(); } });
    return h("div", {}, text, slide);
  });
  const sizes = [1, 2, 4, 8];
  const choose = h("select", { "aria-label": "GPUs of one copy", onchange: () => { base.tp = base.num_devices = Number(choose.value); ask(); } },
    sizes.map((n) => h("option", { value: String(n), selected: n === now.num_devices }, `${n} GPU${n > 1 ? "s" : ""} a copy`)));
  facts(prediction);
  return h("div", {}, h("p", { class: "soft" }, "One copy of the model, under other loads and lengths."), h("div", { class: "sliders" }, boxes, h("div", {}, choose)), out, took);
}
