// The first run, in one place: where it is, how requests reach Claude, whether that works, and what programs need.

import { get, post } from "../api.js";
import { copyButton, duration, h, live, replace } from "../dom.js";
import { accountParts } from "./account.js";
import { autostartRow } from "./settings.js";

export const title = "Welcome";

export async function mount(root, { guarded }) {
  const found = h("p.quiet");
  const parts = accountParts(guarded, { firstRun: true, onChange: (account) => replace(found, foundText(account)) });
  const controls = await get("controls");
  root.append(
    h("div.page-head", h("h1", "Welcome to CLIProxyAPI"), h("p", "One place on this machine where your programs reach Claude.")),
    h(
      "ol.steps",
      h("li.card.lines.step", h("h2", "It runs"), h("p", controls.icon_place ?? "It runs without an icon here. This page opens with cliproxyapi open."), h("p.quiet", `Programs reach it at ${location.origin}/v1, from this machine only.`)),
      h("li.stack", h("div.card.lines.step", h("h2", "How should requests reach Claude?"), found), parts.progress, parts.routes, parts.signIns, parts.terms),
      h("li.card.lines.step", h("h2", "Does it work?"), trial(guarded)),
      h("li.card.lines.step", h("h2", "Set up a program"), clients()),
      controls.autostart !== null && h("li.card.lines.step", h("h2", "Start at login?"), autostartRow(controls.autostart, guarded)),
    ),
    h("div.row", { class: "finish" }, h("a.button.main", { href: "/dashboard/overview" }, "Go to the Dashboard")),
  );
  await parts.load();
  return { update: parts.update };
}

function foundText(account) {
  const ready = account.options.filter((option) => option.source && ["signed_in", "expired"].includes(option.state));
  const asks = account.options.some((option) => option.consent_needed && option.source);
  if (!ready.length) return "No sign-in was found on this machine yet. Choose one below, or look around with the demo.";
  const names = ready.map((option) => `${option.label} (${option.source})`).join(", ");
  return `Found on this machine: ${names}.${asks ? " The Claude sign-in is used directly only after you agreed to it." : ""}`;
}

function trial(guarded) {
  const result = h("div", { role: "status" });
  const show = live(result, resultOf);
  const ask = async () => {
    button.disabled = true;
    show({ waiting: true });
    show((await guarded(() => post("test"), (text) => show({ ok: false, text }))) ?? { gone: true });
    button.disabled = false;
  };
  const button = h("button.main", { type: "button", onclick: ask }, "Send a Test Message");
  return [h("p.quiet", "One short, real request through the proxy, as a program would send it. It costs what such a request costs."), h("div.row", button), result];
}

function resultOf(result) {
  if (result.waiting) return h("p", "Waiting for the answer…");
  if (result.gone || result.text === undefined) return [];
  const facts = [result.model, result.route && `route ${result.route}`, result.status && `status ${result.status}`, result.milliseconds !== undefined && duration(result.milliseconds)];
  return h(result.ok ? "div.notice" : "div.notice.bad", h("p", result.text), h("p.small.quiet", facts.filter(Boolean).join(" · ")));
}

const MODEL = "claude-sonnet-4-6";

function snippets() {
  const base = location.origin;
  return {
    OpenClaw: `{
  models: { mode: "merge", providers: { "claude-proxy": {
    baseUrl: "${base}/v1",
    apiKey: "not-needed",
    api: "openai-completions",
    models: [{ id: "${MODEL}", name: "Claude Sonnet 4.6", input: ["text", "image"],
               contextWindow: 200000, maxTokens: 32000 }],
  } } },
  agents: { defaults: { model: { primary: "claude-proxy/${MODEL}" } } },
}`,
    "OpenAI client": `from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key="not-needed")`,
    "Anthropic client": `from anthropic import Anthropic

client = Anthropic(base_url="${base}", api_key="not-needed")`,
    curl: `curl ${base}/v1/chat/completions -H 'content-type: application/json' \\
  -d '{"model": "${MODEL}", "messages": [{"role": "user", "content": "Hello!"}]}'`,
  };
}

function clients() {
  const all = snippets();
  const text = h("pre", { tabindex: "0", "aria-label": "Configuration" });
  const tabs = Object.keys(all).map((name) => h("button", { type: "button", onclick: () => pick(name) }, name));
  const pick = (name) => {
    text.textContent = all[name];
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
  };
  pick("OpenClaw");
  return [h("div.tabs", tabs), text, h("div.row", copyButton(() => text.textContent, "the configuration"))];
}
