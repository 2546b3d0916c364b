// Requests to the host. A command carries a key of its own, so that sending it
// again after a lost connection does not do it twice.
import type { Problem } from "./types";

export class HostError extends Error {
  constructor(readonly problem: Problem, readonly status: number) {
    super(problem.message);
  }
}

async function check(resp: Response): Promise<Response> {
  if (resp.ok) return resp;
  let problem: Problem = { code: "failed", message: `the host answered ${resp.status}` };
  if (resp.status === 401 || resp.status === 429) {
    problem = { code: "login", message: "this browser is not let in any more", next: "run `cowork serve` and open the link it prints" };
  } else {
    try {
      problem = (await resp.json()).error || problem;
    } catch {
      // not an answer of the host's
    }
  }
  throw new HostError(problem, resp.status);
}

async function send(path: string, init?: RequestInit): Promise<Response> {
  let resp: Response;
  try {
    resp = await fetch(path, init);
  } catch {
    throw new HostError({ code: "offline", message: "the host does not answer", next: "run `cowork serve` again if it has ended" }, 0);
  }
  return check(resp);
}

export async function get<T>(path: string): Promise<T> {
  return (await send(path)).json();
}

export async function lines<T>(path: string): Promise<T[]> {
  const text = await (await send(path)).text();
  const out: T[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    if (end < 0) break;
    out.push(JSON.parse(text.slice(at, end)));
    at = end + 1;
  }
  return out;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  const key = crypto.randomUUID();
  const init: RequestInit = {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify(body),
  };
  try {
    return await (await send(path, init)).json();
  } catch (err) {
    if (!(err instanceof HostError) || err.problem.code !== "offline") throw err;
    return (await send(path, init)).json(); // the same key: the host does it once
  }
}

export const taskPath = (id: string, verb = ""): string => "/api/tasks/" + encodeURIComponent(id) + (verb && "/" + verb);
