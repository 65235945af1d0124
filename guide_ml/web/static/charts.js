// Pictures, by Apache ECharts, which is loaded when the first of them is unfolded.
import { h, number } from "./dom.js";
import { table } from "./answer.js";

let library = null;
const drawn = new Set();
const COLOURS = ["#2f6fbf", "#e0913a", "#4ea375", "#b05bb5", "#d1495b", "#3aa6b9", "#8a6d3b", "#8a8f98"];

function load() {
  library ??= new Promise((done, failed) => {
    const script = h("script", { src: "/static/vendor/echarts.common.min.js", onload: () => done(window.echarts),
      onerror: () => { library = null; failed(new Error("The chart library could not be loaded. Is the service still running?")); } });
    document.head.append(script);
  });
  return library;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Draw a picture with a name that screen readers say; below it, the same as a table. */
export async function draw(inside, label, option, ...after) {
  const echarts = await load();
  const place = h("div", { class: "chart", role: "img", "aria-label": label });
  inside.replaceChildren(place, ...after);
  const chart = echarts.init(place, null, { renderer: "svg" });
  const paint = () => chart.setOption(option(look()), true);
  paint();
  drawn.add({ chart, paint, place });
}

function look() {
  const ink = css("--ink");
  const line = css("--line");
  const axis = { nameTextStyle: { color: ink }, axisLabel: { color: ink }, axisLine: { lineStyle: { color: line } }, splitLine: { lineStyle: { color: line, opacity: 0.5 } } };
  return { ink, axis, base: { animation: false, color: COLOURS, backgroundColor: "transparent", textStyle: { color: ink, fontFamily: getComputedStyle(document.body).fontFamily },
    legend: { textStyle: { color: ink }, top: 0, type: "scroll" }, tooltip: { trigger: "axis", confine: true }, grid: { left: 60, right: 24, top: 52, bottom: 52 } } };
}

document.addEventListener("theme", () => drawn.forEach((one) => (one.place.isConnected ? one.paint() : gone(one))));
addEventListener("resize", () => drawn.forEach((one) => (one.place.isConnected ? one.chart.resize() : gone(one))));
function gone(one) { one.chart.dispose(); drawn.delete(one); }

export async function costs(inside, rows, now, questions) {
  const fits = rows.filter((r) => r.fits);
  if (!fits.length) { inside.replaceChildren(h("p", {}, "Nothing keeps your limits at any of these numbers.")); return; }
  const share = questions.at_once / (questions.people || 50);
  const people = (n) => number(n / share);
  const list = table("Cost by people", ["people", "wait at once", "USD a month", "machines"], rows.map((r) => [people(r.users), number(r.users),
    r.fits ? number(r.usd_month) : "nothing fits", r.fits ? `${r.num_devices} x ${r.hardware}` : "–"]), [0, 1, 2]);
  await draw(inside, `Cost a month against people who wait at once: ${fits.map((r) => `${r.users}: ${number(r.usd_month)} USD`).join(", ")}`, ({ axis, base }) => ({ ...base,
    xAxis: { ...axis, type: "log", name: "people who wait at once", nameLocation: "middle", nameGap: 30 },
    yAxis: { ...axis, type: "value", name: "USD a month", min: 0 },
    series: [{ name: "cheapest plan", type: "line", lineStyle: { type: "dotted" }, symbolSize: 10, data: fits.map((r) => [r.users, r.usd_month]),
      markPoint: { symbolSize: 46, label: { formatter: "now" }, data: fits.filter((r) => r.users === now).map((r) => ({ coord: [r.users, r.usd_month] })) } }] }),
  h("p", { class: "soft" }, "Each dot is a search of its own. Between two dots nothing was computed."), list);
}

export async function latency(inside, told, plan) {
  if (!told.at_once) { inside.replaceChildren(h("p", {}, "Nobody waits here.")); return; }
  const pair = (name) => told.at_once.map((n, i) => [n, told[name][i]]);
  const gap = (name) => told.at_once.map((n, i) => [n, told[`${name}_high`][i] - told[`${name}_low`][i]]);
  const band = (name, at, colour) => [
    { name: "90 % between", type: "line", stack: name, xAxisIndex: at, yAxisIndex: at, symbol: "none", lineStyle: { opacity: 0 }, data: pair(`${name}_low`), silent: true, tooltip: { show: false } },
    { name: "90 % between", type: "line", stack: name, xAxisIndex: at, yAxisIndex: at, symbol: "none", lineStyle: { opacity: 0 }, areaStyle: { color: colour, opacity: 0.18 }, data: gap(name), silent: true, tooltip: { show: false } }];
  const mean = (name, title, at, colour) => ({ name: title, type: "line", xAxisIndex: at, yAxisIndex: at, symbolSize: 6, lineStyle: { width: 3, color: colour }, itemStyle: { color: colour }, data: pair(name),
    markLine: { symbol: "none", label: { formatter: at ? "" : "your load" }, lineStyle: { type: "dashed" }, data: [{ xAxis: plan.concurrency * plan.replicas }] } });
  const rare = (name, at, colour) => ({ name: "99 of 100 are faster", type: "line", xAxisIndex: at, yAxisIndex: at, symbol: "none", lineStyle: { width: 2, type: "dashed", color: colour }, itemStyle: { color: colour }, data: pair(`${name}_p99_ms`) });
  const rows = told.at_once.map((n, i) => [number(n), number(told.ttft_ms[i]), number(told.ttft_p99_ms[i]), number(told.tpot_ms[i]), number(told.tpot_p99_ms[i]), number(told.output_tok_s[i])]);
  await draw(inside, `Time to the first token and per further token over requests at once; at ${told.at_once[0]} at once ${number(told.ttft_ms[0])} ms, at ${told.at_once.at(-1)} at once ${number(told.ttft_ms.at(-1))} ms`, ({ axis, base }) => ({ ...base,
    legend: { ...base.legend, data: ["first words, ms", "each further token, ms", "99 of 100 are faster"] },
    grid: [{ left: 64, right: 24, top: 54, height: 94 }, { left: 64, right: 24, top: 182, height: 94 }],
    xAxis: [0, 1].map((i) => ({ ...axis, type: "log", gridIndex: i, min: told.at_once[0], max: told.at_once.at(-1), ...(i ? { name: "requests at once", nameLocation: "middle", nameGap: 28 } : {}) })),
    yAxis: [0, 1].map((i) => ({ ...axis, type: "value", gridIndex: i, min: 0 })),
    series: [...band("ttft_ms", 0, COLOURS[0]), mean("ttft_ms", "first words, ms", 0, COLOURS[0]), rare("ttft", 0, COLOURS[0]), rare("tpot", 1, COLOURS[1]), ...band("tpot_ms", 1, COLOURS[1]), mean("tpot_ms", "each further token, ms", 1, COLOURS[1])] }),
  h("p", { class: "soft" }, "The line is the mean over requests; 99 of 100 requests are faster than the dashed one. The shaded band holds the mean of nine of ten set-ups like this one."),
  table("Latency over load", ["at once", "TTFT, ms", "99 of 100", "TPOT, ms", "99 of 100", "tokens a second, all"], rows, [0, 1, 2, 3, 4, 5]));
}

const tiny = (value) => (value < 0.01 ? "0" : number(value));

export async function parts(inside, told) {
  const times = Object.values(told);
  const sums = times.map((t) => t.parts.reduce((s, p) => s + p.ms, 0));
  const names = [...new Set(times.flatMap((t) => t.parts.filter((p, i) => p.ms > 0).map((p) => p.words)))];
  const share = (t, i, name) => 100 * (t.parts.find((p) => p.words === name)?.ms ?? 0) / (sums[i] || 1);
  const kept = names.filter((n) => times.some((t, i) => share(t, i, n) >= 0.5));
  const rows = kept.map((name) => [name, ...times.map((t, i) => `${tiny(t.parts.find((p) => p.words === name)?.ms ?? 0)} ms, ${tiny(share(t, i, name))} %`)]);
  await draw(inside, `Where the time goes: ${times.map((t, i) => `${t.title} ${number(sums[i])} ms`).join("; ")}`, ({ axis, base, ink }) => ({ ...base,
    tooltip: { trigger: "item", confine: true, valueFormatter: (v) => `${number(v)} %` }, grid: { left: 12, right: 24, top: 96, bottom: 40, containLabel: true },
    legend: { ...base.legend, type: "plain" },
    xAxis: { ...axis, type: "value", max: 100, axisLabel: { color: ink, formatter: "{value} %" } },
    yAxis: { ...axis, type: "category", inverse: true, axisLabel: { color: ink, lineHeight: 17 }, data: times.map((t, i) => `${t.title.replace(/ \(.*/, "")}\n${number(sums[i])} ms`) },
    series: kept.map((name) => ({ name, type: "bar", stack: "all", barMaxWidth: 46, data: times.map((t, i) => share(t, i, name)) })) }),
  table("Parts of each time", ["", ...times.map((t) => t.title)], rows));
}

export async function pareto(inside, found) {
  const cost = (p) => p.usd_month;
  const time = (p) => (p.e2e_ms ? p.e2e_ms / 1000 : p.capacity_tok_s);
  const unit = found.plans[0].e2e_ms ? "seconds of a whole request" : "tokens a second";
  const dot = (p) => ({ value: [cost(p), time(p)], name: `${p.num_devices} x ${p.hardware}, ${p.framework} ${p.weight_dtype}` });
  await draw(inside, `Price against time: ${found.front.map((p) => `${number(cost(p))} USD a month ${number(time(p))}`).join("; ")}`, ({ axis, base }) => ({ ...base,
    tooltip: { trigger: "item", confine: true, formatter: (d) => `${d.name}<br>${number(d.value[0])} USD a month, ${number(d.value[1])} ${unit}` },
    xAxis: { ...axis, type: "log", name: "USD a month", nameLocation: "middle", nameGap: 30 }, yAxis: { ...axis, type: "log", name: unit },
    series: [{ name: "nothing is cheaper and faster", type: "line", lineStyle: { type: "dotted" }, symbolSize: 11, data: found.front.map(dot) },
      { name: "best of each kind", type: "scatter", symbol: "diamond", symbolSize: 13, data: found.plans.map(dot) }] }));
}
