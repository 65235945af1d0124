// Puts the page together: theme, questions, waiting, answer, problems.
import { answers, build, link, restore, wrong } from "./ask.js";
import { byId, follow, get, h, token } from "./dom.js";
import { show } from "./answer.js";
import { load } from "./words.js";

let running = null;

function theme() {
  const button = byId("theme");
  const set = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
    document.dispatchEvent(new Event("theme"));
  };
  const kept = localStorage.getItem("guide-theme");
  set(kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  button.addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme !== "dark";
    localStorage.setItem("guide-theme", dark ? "dark" : "light");
    set(dark);
  });
}

function problem(error, again) {
  const box = byId("problem");
  const retry = again ? h("button", { type: "button", onclick: () => { box.replaceChildren(); again(); } }, "Try again") : null;
  if (error.status === 401) {
    const key = h("input", { type: "password", id: "token", autocomplete: "current-password" });
    box.replaceChildren(h("p", {}, "This service needs a token. Ask those who run it."),
      h("div", { class: "row" }, h("label", { class: "field" }, h("span", {}, "Token"), key),
        h("button", { type: "button", onclick: () => { token.set(key.value); box.replaceChildren(); again(); } }, "Go on")));
    return;
  }
  box.replaceChildren(h("p", {}, error.message), ...(retry ? [retry] : []));
  box.scrollIntoView({ block: "center" });
}

async function ask() {
  const asked = answers();
  byId("problem").replaceChildren();
  const sentence = wrong(asked);
  if (sentence) { problem(new Error(sentence)); return; }
  history.replaceState(null, "", link(asked));
  running?.abort();
  const mine = running = new AbortController();
  byId("answer").hidden = true;
  wait(true);
  try {
    const found = await follow("/v1/plan", asked, progress, mine.signal);
    wait(false);
    show(found, asked);
  } catch (error) {
    if (running !== mine) return;
    wait(false);
    if (error.name !== "AbortError") problem(error, error.status === 0 || error.status === 401 || error.status === 503 ? ask : null);
  }
}

function wait(on) {
  byId("wait").hidden = !on;
  byId("bar").removeAttribute("value");
  byId("wait-text").textContent = on ? "Usually this takes one to three seconds." : "";
  if (on) byId("wait").scrollIntoView({ block: "center" });
}

function progress({ done, total, text }) {
  const bar = byId("bar");
  if (total > 0) { bar.max = total; bar.value = done; }
  if (text && text !== "starting") byId("wait-text").textContent = `${text}: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
}

async function start() {
  let choices;
  try { [choices] = await Promise.all([get("/v1/plan/choices"), load()]); } catch (error) { problem(error, start); return; }
  build(choices, ask);
  if (restore(location.hash)) ask();
}

theme();
byId("cancel").addEventListener("click", () => { running?.abort(); wait(false); });
addEventListener("hashchange", () => { if (restore(location.hash)) ask(); });
start();
