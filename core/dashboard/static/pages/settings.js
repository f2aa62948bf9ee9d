// Every setting, where its value comes from, and changing it.

import { get, post } from "../api.js";
import { confirmed, h, live, replace, toast } from "../dom.js";
import { restartNotice } from "./overview.js";

export const title = "Settings";

export async function mount(root, { guarded }) {
  const file = h("p");
  const restart = h("div");
  const groups = h("div.stack");
  root.append(h("div.page-head", h("h1", title), file), h("div.stack", restart, groups));
  const drawers = new Map();

  function draw(view) {
    replace(file, "Kept in ", h("code", view.file));
    for (const setting of view.settings) drawers.get(setting.name)?.(setting);
    const pending = view.settings.filter((setting) => setting.needs_restart).map((setting) => setting.name);
    drawRestart(pending);
    restart.hidden = !pending.length;
  }
  const drawRestart = live(restart, (names) => (names.length ? restartNotice(names, guarded) : []));

  const [view, controls] = await Promise.all([get("settings"), get("controls")]);
  const names = [...new Set(view.settings.map((setting) => setting.group))];
  for (const name of names) {
    const card = h("section.card", { "aria-label": name }, h("h2", name));
    for (const setting of view.settings.filter((one) => one.group === name)) {
      const row = h("div.setting");
      drawers.set(setting.name, live(row, (value) => settingOf(value, guarded, draw)));
      card.append(row);
    }
    if (name === "The program") card.append(...programRows(controls, guarded));
    groups.append(card);
  }
  draw(view);
  return { event: (topic) => topic === "settings" && guarded(async () => draw(await get("settings")), toast) };
}

function settingOf(setting, guarded, draw) {
  const id = `setting-${setting.name}`;
  const after = h("p.after", { id: `${id}-after`, role: "status" }, sourceOf(setting));
  const save = async (value) => {
    const tell = (text) => {
      after.textContent = text;
      after.classList.add("bad");
    };
    const view = await guarded(() => change(setting.name, value), tell);
    if (!view) return again();
    draw(view);
    const changed = view.settings.find((one) => one.name === setting.name);
    toast(changed.needs_restart ? `${setting.label}: saved. It counts once the server starts anew.` : `${setting.label}: saved, and in force.`);
  };
  // What the control shows is what is in force, also after a no.
  const again = () => {
    const field = document.getElementById(id);
    if (setting.kind === "switch") field.checked = setting.value;
    else if (setting.kind === "choice") field.value = setting.value;
  };
  return [
    h("div.about", h("h3", h("label", { for: id }, setting.label)), setting.help && h("p", { id: `${id}-help` }, setting.help)),
    h("div.field", fieldOf(setting, id, save), after),
  ];
}

/** Change a setting; what needs a yes is asked for with its words. Undefined for a no. */
async function change(name, value) {
  try {
    return await post("settings", { [name]: value });
  } catch (error) {
    if (error.code !== "consent_needed") throw error;
    if (!(await confirmed({ title: "Use the Claude sign-in directly?", text: error.message, yes: "Yes, Use It" }))) return undefined;
    if (name === "route") await post("account/route", { route: value, consent: true });
    else await post("account/consent", { yes: true });
    return get("settings");
  }
}

function sourceOf(setting) {
  if (setting.set_by) return `Set by ${setting.set_by}, which counts before the file.`;
  const from = setting.source === "default" ? "Default" : "From the file";
  return setting.needs_restart ? `${from}. Waits for a restart of the server.` : `${from}.`;
}

function fieldOf(setting, id, save) {
  const common = { id, name: setting.name, disabled: Boolean(setting.set_by), "data-key": id, "aria-describedby": `${id}-help ${id}-after` };
  if (setting.kind === "switch") {
    return h("input", { ...common, type: "checkbox", checked: setting.value, onchange: (event) => save(event.target.checked || null) });
  }
  if (setting.kind === "choice") {
    const options = setting.choices.map((choice) => h("option", { value: choice.value, selected: choice.value === setting.value }, choice.label));
    return h("select", { ...common, onchange: (event) => save(event.target.value === setting.default ? null : event.target.value) }, options);
  }
  const many = setting.kind === "list" || setting.kind === "table";
  const shown = textOf(setting);
  const field = h(many ? "textarea" : "input", { ...common, type: many ? null : inputType(setting.kind), value: shown, autocomplete: "off", spellcheck: "false", placeholder: placeholderOf(setting), rows: many ? 1 : null, oninput: () => sync() });
  const button = h("button", { type: "button", onclick: () => save(readingOf(setting, field.value)), "data-key": `${id}-save`, "aria-label": `Save ${setting.label}` }, "Save");
  const clear = setting.kind === "secret" && setting.is_set && h("button", { type: "button", disabled: common.disabled, onclick: () => save(null), "data-key": `${id}-clear`, "aria-label": `Remove ${setting.label}` }, "Remove");
  const sync = () => {
    button.hidden = field.value === shown;
    if (many) field.rows = field.value.split("\n").length;
  };
  if (!many) field.addEventListener("keydown", (event) => event.key === "Enter" && !button.hidden && button.click());
  sync();
  return [field, button, clear];
}

function inputType(kind) {
  return { secret: "password", number: "number" }[kind] ?? "text";
}

function placeholderOf(setting) {
  if (setting.kind === "secret") return setting.is_set ? "set, and not shown" : "none";
  return setting.default === null || typeof setting.default === "object" ? "none" : String(setting.default);
}

function textOf(setting) {
  if (setting.kind === "secret" || setting.value === null) return "";
  if (setting.kind === "list") return setting.value.join("\n");
  if (setting.kind === "table") return Object.entries(setting.value).map(([name, value]) => `${name} = ${value}`).join("\n");
  return String(setting.value);
}

function readingOf(setting, text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (setting.kind === "list") return lines;
  if (setting.kind === "number") return text.trim() === "" ? null : Number(text);
  if (setting.kind !== "table") return text.trim() === String(setting.default) ? null : text.trim();
  return Object.fromEntries(lines.map((line) => [line.slice(0, Math.max(0, line.indexOf("="))).trim() || line, line.includes("=") ? line.slice(line.indexOf("=") + 1).trim() : ""]));
}

function programRows(controls, guarded) {
  const rows = [];
  if (controls.autostart !== null) rows.push(autostartRow(controls.autostart, guarded));
  const verbs = [["restart", "Restart Server", "The server starts anew; open answers end with an error."]];
  if (controls.can_stop) verbs.push(["stop", "Stop Server", "Programs cannot reach Claude, and this page ends too. Start it again from the icon."]);
  if (controls.can_open_logs) verbs.push(["open-logs", "Open Log Folder", "In the file manager."]);
  verbs.push(["quit", "Quit CLIProxyAPI", "The server and this page end."]);
  for (const [verb, label, what] of verbs) rows.push(verbRow(verb, label, what, guarded));
  return rows;
}

export function autostartRow(enabled, guarded) {
  const after = h("p.after", { role: "status" });
  const change = async () => {
    const now = await guarded(() => startAtLogin(box.checked), (text) => (after.textContent = text));
    // What the system will do, read back.
    box.checked = now ? now.autostart : !box.checked;
    if (now) after.textContent = now.autostart ? "Starts when you log in." : "Does not start by itself.";
  };
  const box = h("input", { type: "checkbox", id: "autostart", checked: enabled, onchange: change });
  return h("div.setting", h("div.about", h("h3", h("label", { for: "autostart" }, "Start at login")), h("p", "As the system has it.")), h("div.field", box, after));
}

/** Switch it; what another program has put in our place goes only with a yes of its own. */
async function startAtLogin(yes) {
  try {
    return await post("controls/autostart", { yes });
  } catch (error) {
    if (error.code !== "autostart_foreign") throw error;
    const title = "Another program starts there";
    if (!(await confirmed({ title, text: error.message, yes: "Replace It", danger: true }))) throw error;
    return post("controls/autostart", { yes, replace: true });
  }
}

function verbRow(verb, label, what, guarded) {
  const after = h("p.after", { role: "status" });
  const act = () => guarded(async () => { await post(`controls/${verb}`); after.textContent = "Done."; }, (text) => (after.textContent = text));
  return h("div.setting", h("div.about", h("h3", label), h("p", what)), h("div.field", h("button", { type: "button", onclick: act, "data-key": `verb-${verb}` }, label), after));
}
