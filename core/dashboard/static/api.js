// The session, and what is asked with it.

const KEY = "cliproxyapi-session";
const HEADER = "x-cliproxyapi-session";

/** The page has no session, or one that ended: a new link is needed. */
export class NoSession extends Error {}

export function hasSession() {
  return localStorage.getItem(KEY) !== null;
}

export function forgetSession() {
  localStorage.removeItem(KEY);
}

/** Exchange the one-time token of the address, if there is one. It leaves the address and the history at once. */
export async function takeUpToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  try {
    localStorage.setItem(KEY, (await ask("POST", "session", { token })).session);
  } catch (error) {
    // A link that was used before is no harm to a page that has a session.
    if (!hasSession()) throw error;
  }
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/api/${path}`, {
      method,
      headers: headers(body === undefined ? {} : { "content-type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
    });
  } catch {
    throw new Error("The proxy does not answer. It may be stopped or starting anew.");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  throw failure(answer.status, told.error);
}

function failure(status, error) {
  if (status === 401 && error?.code === "dashboard_session_needed") return new NoSession(error.message);
  const failed = new Error(error?.message ?? `The answer was an error (status ${status}).`);
  failed.code = error?.code;
  return failed;
}

function headers(more) {
  const session = localStorage.getItem(KEY);
  return session ? { ...more, [HEADER]: session } : more;
}

/** Read the one stream of events until it ends or `signal` says so; `EventSource` could send no header. */
export async function listen(withLog, take, signal) {
  const answer = await fetch(`/api/events${withLog ? "?log=1" : ""}`, {
    headers: headers({}),
    credentials: "omit",
    cache: "no-store",
    signal,
  });
  if (!answer.ok) throw failure(answer.status, (await answer.json().catch(() => ({}))).error);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (pending + value).split("\n\n");
    pending = events.pop();
    for (const event of events) {
      const topic = /^event: (.*)$/m.exec(event)?.[1];
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (topic && data) take(topic, JSON.parse(data));
    }
  }
}
