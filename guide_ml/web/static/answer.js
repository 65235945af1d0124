// The answer: words first, everything else folded away until it is asked for.
import { byId, copy, download, follow, h, number, post } from "./dom.js";
import { costs, latency, parts } from "./charts.js";
import { expert } from "./expert.js";
import { explained } from "./words.js";

const WIDE = new Set(["asked", "care", "ways", "why"]);

export function fold(title, fill) {
  let filled = false;
  const inside = h("div", { class: "inside" });
  const box = h("details", { class: "fold" }, h("summary", {}, title), inside);
  box.addEventListener("toggle", async () => {
    if (!box.open || filled) return;
    filled = true;
    inside.replaceChildren(h("p", { class: "soft", role: "status" }, "One moment …"));
    try { await fill(inside); } catch (error) {
      filled = false;
      inside.replaceChildren(h("p", { class: "wrong", role: "alert" }, error.message));
    }
  });
  return box;
}

export function table(caption, heads, rows, numeric = []) {
  const cls = (i) => (numeric.includes(i) ? "n" : "");
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((x, i) => h("th", { scope: "col", class: cls(i) }, x)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((x, i) => h("td", { class: cls(i) }, x)))))));
}

/** What predict takes, of a plan: one replica under its share of the load. */
export function deployment(plan, request) {
  const { input_len, output_len, context_depth } = request.workload;
  const load = plan.concurrency ? { concurrency: plan.concurrency } : { mode: "offline" };
  return { hardware: plan.hardware, model: request.model, framework: plan.framework, num_devices: plan.tp * plan.pp * plan.dp,
    tp: plan.tp, pp: plan.pp, dp: plan.dp, ep: plan.ep, weight_dtype: plan.weight_dtype, kv_dtype: plan.kv_dtype,
    input_len, output_len, ...(context_depth ? { context_depth } : {}), ...load };
}

export function show(found, asked) {
  const box = byId("answer");
  const [head, ...said] = found.said;
  const heading = h("h2", { tabindex: "-1", id: "headline" }, head.text);
  const seen = new Set();
  box.replaceChildren(
    h("section", { class: `card headline${found.serves ? "" : " no"}`, "aria-labelledby": "headline" }, heading),
    h("div", { class: "said" }, said.map((one) => h("section", { class: `card${WIDE.has(one.key) ? " wide" : ""}` },
      h("h3", {}, one.title[0].toUpperCase() + one.title.slice(1)), one.lines.map((line) => h("p", {}, explained(line, seen)))))),
    h("div", { class: "actions" },
      h("button", { type: "button", onclick: (e) => copy(location.href, e.currentTarget) }, "Copy a link to this question"),
      h("button", { type: "button", onclick: () => print() }, "Print, or save as PDF"),
      h("button", { type: "button", onclick: () => { byId("ask").scrollIntoView(); byId("ask").querySelector("input:checked").focus({ preventScroll: true }); } }, "Change my answers")),
    ...(found.serves ? folds(found, asked) : []));
  box.hidden = false;
  heading.focus({ preventScroll: true });
  box.scrollIntoView();
}

function folds(found, asked) {
  const plan = found.found.plans[0];
  const one = deployment(plan, found.request);
  let told = null;
  const details = () => (told ??= post("/v1/plan/details", { ...one, copies: plan.replicas })).catch((e) => { told = null; throw e; });
  const first = fold("The plan in numbers", (inside) => numbers(inside, plan, found));
  const rent = asked.where !== "own" && plan.concurrency;
  return [h("h2", { class: "noprint" }, "Look closer"), first,
    rent && fold("What it costs with more or fewer people", (inside) => cost(inside, found)),
    plan.concurrency ? fold("How it slows down when more people wait", async (inside) => latency(inside, (await details()).load, plan)) : null,
    fold("Where the time goes", async (inside) => parts(inside, (await details()).parts)),
    fold("What fills the memory of a GPU", async (inside) => memory(inside, await details(), plan)),
    fold("The measurements nearest by", async (inside) => evidence(inside, (await details()).evidence)),
    fold("Start it: command, Compose, Kubernetes", async (inside) => start(inside, (await details()).start, plan)),
    fold("Expert view", async (inside) => expert(inside, found, one, (await details()).prediction))].filter(Boolean);
}

const ROWS = [
  ["What is rented", (p) => `${p.instances} x ${p.instance_type} at ${p.provider}, ${p.region}`],
  ["GPUs", (p) => `${p.num_devices} x ${p.hardware}`], ["Layout", (p) => p.layout],
  ["Engine", (p) => `${p.framework} on ${p.backend}`],
  ["Precision", (p) => `weights in ${p.weight_dtype}, KV cache in ${p.kv_dtype}`],
  ["Price", (p) => `${number(p.usd_h)} USD an hour, ${number(p.usd_month)} USD a month`],
  ["Price of a million tokens", (p) => `${number(p.usd_per_m_input)} USD read, ${number(p.usd_per_m_output)} USD written`],
  ["TTFT", (p) => p.ttft_ms && `${number(p.ttft_ms)} ms`], ["TPOT", (p) => p.tpot_ms && `${number(p.tpot_ms)} ms`],
  ["Whole request", (p) => p.e2e_ms && `${number(p.e2e_ms / 1000)} s`],
  ["Throughput", (p) => `${number(p.capacity_tok_s)} tokens a second at most`],
  ["Headroom", (p) => `${number(100 * p.headroom)} %`],
  ["Day of the price", (p) => p.price_date],
];

function numbers(inside, plan, found) {
  const rows = ROWS.map(([name, say]) => [name, say(plan)]).filter(([, text]) => text);
  inside.replaceChildren(table("The deployment", ["", ""], rows.map(([a, b]) => [h("span", {}, explained(a)), b])),
    h("p", { class: "soft" }, found.found.why[0]));
}

async function cost(inside, found) {
  const now = found.request.load.users;
  const values = [...new Set([0.5, 1, 2, 4, 8].map((f) => Math.max(1, Math.round(now * f))))];
  const bar = h("progress", { max: values.length, "aria-label": "searches done" });
  inside.replaceChildren(h("p", { class: "soft", role: "status" }, "A search for each number of people; a few seconds."), bar);
  const body = { ...found.request, over: "users", values };
  const { rows } = await follow("/v1/sweep", body, ({ done }) => { bar.value = done; });
  await costs(inside, rows, now, found.questions);
}

function memory(inside, { memory: told, engine_log: log }, plan) {
  const total = told.reduce((sum, part) => sum + part.gb, 0);
  const text = told.map((p) => `${p.words} ${number(p.gb)} GB`).join(", ");
  inside.replaceChildren(h("p", {}, `One ${plan.hardware} has ${number(total)} GB.`),
    h("div", { class: "stack", role: "img", "aria-label": text }, told.map((part, i) => h("span", { class: `m${i}`, style: `width:${100 * part.gb / total}%` }))),
    table("Memory of one GPU", ["", "GB", "share"], told.map((part, i) => [
      h("span", {}, h("span", { class: `key m${i}` }), ...explained(part.words)), number(part.gb), `${number(100 * part.gb / total)} %`]), [1, 2]),
    h("p", { class: "soft" }, `${plan.framework} says this when it starts; compare it line by line.`),
    table("As the engine logs it", ["", "each GPU or copy"], log.map((line) => [h("span", {}, explained(line.words)), line.value]), [1]));
}

const FIGURES = { ttft_ms: ["TTFT", "ms"], tpot_ms: ["TPOT", "ms"], output_tok_s: ["throughput", "tokens/s"], batch_latency_s: ["batch latency", "s"] };
const told_as = (name, value) => { const [word, unit] = FIGURES[name] ?? [name, ""]; return `${word} ${number(value)} ${unit}`.trim(); };

function evidence(inside, told) {
  if (!told.length) { inside.replaceChildren(h("p", {}, "Nothing near was measured.")); return; }
  const rows = told.map((e) => { const d = e.deployment; return [
    `${d.model} on ${d.num_devices ?? 1} x ${d.hardware}`, `${d.framework ?? ""} ${d.framework_version ?? ""}`,
    number(d.concurrency ?? d.batch_size), Object.entries(e.measured).map(([k, v]) => told_as(k, v)).join(", "), e.source]; });
  inside.replaceChildren(h("p", { class: "soft" }, "What others measured that is most like this plan. The prediction rests on such rows."),
    table("Measured", ["What", "Engine", "At once", "Figures", "Source"], rows, [2]));
}

function start(inside, told, plan) {
  if (told.refused) { inside.replaceChildren(h("p", {}, told.refused)); return; }
  const kinds = [["command", "Command", "start.sh"], ["compose", "Compose", "compose.yaml"], ["kubernetes", "Kubernetes", "llm.yaml"]];
  const blocks = kinds.map(([key, title, file]) => (told[key]
    ? h("section", {}, h("h3", {}, title), h("pre", { tabindex: "0", id: `start-${key}` }, told[key]),
      h("div", { class: "actions" }, h("button", { type: "button", onclick: (e) => copy(told[key], e.currentTarget) }, `Copy ${title}`),
        h("button", { type: "button", onclick: () => download(file, "text/plain", told[key]) }, `Save ${file}`)))
    : told[`${key}_refused`] ? h("p", { class: "soft" }, told[`${key}_refused`]) : null));
  const copies = plan.replicas > 1 ? h("p", {}, `Start ${plan.replicas} copies, and share the requests out among them.`) : null;
  inside.replaceChildren(h("p", {}, "This starts one copy of the model on the machine that you rented or own. Nothing was run here."),
    ...[copies].filter(Boolean), h("ul", { class: "soft" }, told.notes.map((n) => h("li", {}, n))), ...blocks.filter(Boolean));
}

addEventListener("beforeprint", () => { const one = document.querySelector("#answer details.fold"); if (one) one.open = true; });
