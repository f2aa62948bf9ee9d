// The log as it is written: who asked and how it went, never what was said.

import { get } from "../api.js";
import { h } from "../dom.js";

export const title = "Logs";

const MOST_LINES = 1000;

export async function mount(root) {
  const follow = h("input", { type: "checkbox", checked: true, id: "follow" });
  const search = h("input", { type: "search", placeholder: "Show lines with…", "aria-label": "Show lines with", oninput: () => sift() });
  const list = h("div.log", { role: "log", "aria-label": "Lines of the log", tabindex: "0" });
  const file = h("code");
  root.append(
    h("div.page-head", h("h1", title), h("p", "Who asked and how it went, never what was said. ", file)),
    h("section.card.flush", h("div.card-head", h("div.grow", search), h("label.check.small", follow, "Follow")), list),
  );

  const wanted = (line) => !search.value || line.textContent.toLowerCase().includes(search.value.toLowerCase());
  const sift = () => {
    for (const line of list.children) line.hidden = !wanted(line);
    end();
  };
  const end = () => follow.checked && (list.scrollTop = list.scrollHeight);
  const add = (lines) => {
    list.querySelector(".empty")?.remove();
    for (const text of lines) {
      const line = lineOf(text);
      line.hidden = !wanted(line);
      list.append(line);
    }
    while (list.children.length > MOST_LINES) list.firstChild.remove();
    end();
  };
  follow.addEventListener("change", end);

  const view = await get("logs?lines=0");
  file.textContent = view.file;
  return {
    event(topic, data) {
      if (topic !== "log") return;
      // The stream begins, or begins again, with the end of the log.
      if (data.begins) list.replaceChildren();
      if (data.lines.length) add(data.lines);
      else list.append(h("p.empty", "Nothing is logged yet."));
    },
  };
}

// Date, level and logger are there to be read, in the second place.
function lineOf(text) {
  const [, head, rest] = /^(\d\S+ \S+ [A-Z]+ \S+: )(.*)$/.exec(text) ?? [null, "", text];
  return h("div", { class: levelOf(text) }, head && h("span", head), rest);
}

function levelOf(text) {
  const level = /^\S+ \S+ (WARNING|ERROR|CRITICAL) /.exec(text)?.[1];
  return level === "WARNING" ? "warning" : level ? "error" : null;
}
