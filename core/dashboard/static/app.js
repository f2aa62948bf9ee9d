// The frame around the pages: which one is shown, and the stream that keeps it true.

import { NoSession, forgetSession, hasSession, listen, takeUpToken } from "./api.js";
import { glyph, h, replace } from "./dom.js";
import * as about from "./pages/about.js";
import * as account from "./pages/account.js";
import * as locked from "./pages/locked.js";
import * as logs from "./pages/logs.js";
import * as overview from "./pages/overview.js";
import * as settings from "./pages/settings.js";
import * as welcome from "./pages/welcome.js";

const PAGES = { overview, account, settings, logs, about };
const main = document.getElementById("main");
const bar = document.getElementById("bar");

let shown; // { name, update, event, close }
let state;
let stream; // AbortController of the stream that runs
let lost = false;

function nameOf(path) {
  if (path === "/welcome") return "welcome";
  const name = path.replace(/^\/dashboard\//, "");
  return name in PAGES ? name : "overview";
}

async function show(path, { push = false } = {}) {
  const name = nameOf(path);
  if (push) history.pushState(null, "", path);
  shown?.close?.();
  const page = name === "welcome" ? welcome : PAGES[name];
  document.title = `${page.title} · CLIProxyAPI`;
  bar.hidden = false;
  drawPages(name);
  const root = h("div");
  replace(main, root);
  const needsLog = shown?.name === "logs" || name === "logs";
  shown = { name };
  const mine = shown;
  try {
    Object.assign(mine, await page.mount(root, { go, guarded, state: () => state }));
  } catch (error) {
    failed(error, root);
  }
  if (mine !== shown) return mine.close?.();
  if (state) mine.update?.(state);
  if (push) main.focus({ preventScroll: true });
  if (push) scrollTo(0, 0);
  if (!stream || needsLog) follow();
}

function go(path) {
  return show(path, { push: true });
}

/** Run what a click asks for; an error becomes a sentence where the person looks. */
async function guarded(work, tell) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NoSession) lock(error.message);
    else tell(error.message);
    return undefined;
  }
}

function failed(error, root) {
  if (error instanceof NoSession) lock(error.message);
  else replace(root, h("div.notice.bad", { role: "alert" }, h("p", error.message)));
}

function drawPages(current) {
  const links = Object.entries(PAGES).map(([name, page]) =>
    h("a", { href: `/dashboard/${name}`, "aria-current": name === current ? "page" : null }, page.title),
  );
  replace(document.getElementById("pages"), links);
  // On a narrow screen the one that is open may lie outside.
  document.querySelector("#pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function drawPulse() {
  const line = lost ? "Not connected" : state?.headline.line;
  if (line) replace(document.getElementById("pulse"), glyph(lost ? "lost" : state.headline.state), h("span", line));
}

// One stream, and only while somebody looks at this page.

async function follow() {
  stream?.abort();
  if (document.hidden || !hasSession()) {
    stream = undefined;
    return;
  }
  const mine = (stream = new AbortController());
  for (let tries = 0; mine === stream; tries += 1) {
    try {
      await listen(shown?.name === "logs", (topic, data) => {
        tries = 0;
        take(topic, data);
      }, mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error instanceof NoSession) return lock(error.message);
    }
    if (mine.signal.aborted) return;
    lost = true;
    shown?.update?.(state, { lost });
    drawPulse();
    await new Promise((resolve) => setTimeout(resolve, Math.min(400 * 2 ** tries, 5000)));
  }
}

function take(topic, data) {
  if (topic === "state") {
    state = data;
    lost = false;
    drawPulse();
    shown?.update?.(state, { lost });
  } else {
    shown?.event?.(topic, data);
  }
}

function lock(reason) {
  forgetSession();
  stream?.abort();
  stream = undefined;
  shown = undefined;
  bar.hidden = true;
  document.title = "CLIProxyAPI";
  locked.mount(main, reason);
}

document.addEventListener("visibilitychange", follow);
window.addEventListener("popstate", () => hasSession() && show(location.pathname));
window.addEventListener("hashchange", begin);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

async function begin() {
  try {
    await takeUpToken();
  } catch (error) {
    return lock(error.message);
  }
  if (!hasSession()) return lock("");
  return show(location.pathname);
}

begin();
