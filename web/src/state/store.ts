// What the page knows: one store, fed by the stream and by what is loaded. Views
// read signals; a batch of events changes them once per frame.
import { batch, computed, signal } from "@preact/signals";
import { HostError, get, lines, post, taskPath } from "./api";
import { Task } from "./fold";
import { listen } from "./stream";
import type { Approval, Change, Event, Head, Problem, Question } from "./types";

export type Load = "loading" | "ready" | "failed";

export const connection = signal<"connecting" | "live" | "offline" | "login">("connecting");
export const heads = signal<Head[]>([]);
export const older = signal(""); // where the list goes on, if it does
export const listState = signal<Load>("loading");
export const current = signal(""); // the task that is shown; "": a new one
export const taskState = signal<Load>("loading");
export const version = signal(0); // grows with every change of a loaded task
export const changes = signal<Change[]>([]);
export const folders = signal<string[]>([]);
export const toast = signal<Problem | null>(null);

export interface Command {
  id: string;
  hint: string;
  summary: string;
  plugin: string;
  needsModel: boolean;
}
export const commands = signal<Command[]>([]);

const loaded = new Map<string, Task>();
const parents = new Map<string, string>();

// task is the one that is shown.
export const task = computed<Task | undefined>(() => {
  version.value;
  return loaded.get(current.value);
});

// tree is a task and its sub-agents, as far as they are loaded.
export function tree(t: Task): Task[] {
  const out = [t];
  for (const c of t.children) {
    const child = loaded.get(c.task);
    if (child && !out.includes(child)) out.push(...tree(child));
  }
  return out;
}

export const sub = (id: string): Task | undefined => loaded.get(id);

// all joins something of the task that is shown and its sub-agents. A task is
// the same object all its life: what depends on it depends on the version.
function all<T>(of: (t: Task) => Iterable<T>): T[] {
  version.value;
  return task.value ? tree(task.value).flatMap((t) => [...of(t)]) : [];
}

export const approvals = computed<Approval[]>(() => all((t) => t.approvals.values()));
export const questions = computed<Question[]>(() => all((t) => t.questions.values()));
export const waiting = computed(() => heads.value.reduce((n, h) => n + (h.waiting > 0 && h.task !== current.value ? 1 : 0), 0) + (approvals.value.length + questions.value.length > 0 ? 1 : 0));

// report shows an error to the person.
export function report(err: unknown): void {
  toast.value = err instanceof HostError ? err.problem : { code: "failed", message: String(err) };
}

// attempt runs a command and shows what goes wrong; undefined: it did.
export async function attempt<T>(f: () => Promise<T>): Promise<T | undefined> {
  try {
    const v = await f();
    toast.value = null;
    return v;
  } catch (err) {
    report(err);
    return undefined;
  }
}

export const act = (id: string, verb: string, body: unknown = {}): Promise<unknown> => attempt(() => post(taskPath(id, verb), body));

// open shows a task, which it loads if it must.
export async function open(id: string): Promise<void> {
  current.value = id;
  changes.value = [];
  if (!id) return;
  if (loaded.has(id)) {
    taskState.value = "ready";
    void loadChanges(id);
    return;
  }
  taskState.value = "loading";
  performance.mark("task-asked");
  try {
    await load(id);
    if (current.value !== id) return;
    taskState.value = "ready";
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("task-painted")));
    void loadChanges(id);
  } catch (err) {
    if (current.value === id) taskState.value = "failed";
    report(err);
  }
}

const loading = new Map<string, Promise<void>>();

// load brings a task up to its last stored event, and the sub-agents at work.
function load(id: string): Promise<void> {
  let p = loading.get(id);
  if (!p) {
    p = catchUp(id).finally(() => loading.delete(id));
    loading.set(id, p);
  }
  return p;
}

async function catchUp(id: string): Promise<void> {
  const t = loaded.get(id) || new Task(id);
  const events = await lines<Event>(taskPath(id, "events?from=" + (t.last + 1)));
  for (const e of events) t.fold(e);
  loaded.set(id, t);
  version.value++;
  // A sub-agent that has no log yet is taken in when its first event comes.
  await Promise.allSettled(t.children.filter((c) => !loaded.has(c.task) && c.status === "running").map((c) => load(c.task)));
}

// loadSub loads a finished sub-agent when its row is opened.
export const loadSub = (id: string): Promise<unknown> => attempt(() => load(id));

let changesTimer = 0;
let listTimer = 0;
async function loadChanges(id: string): Promise<void> {
  try {
    const found = await get<Change[]>(taskPath(id, "changes"));
    if (current.value === id) changes.value = found || [];
  } catch {
    // The list stays as it was; the next change asks again.
  }
}

export async function loadList(): Promise<void> {
  try {
    const page = await get<{ tasks: Head[]; next: string }>("/api/tasks");
    batch(() => {
      heads.value = page.tasks;
      older.value = page.next;
      listState.value = "ready";
    });
  } catch (err) {
    listState.value = heads.value.length ? "ready" : "failed";
    if (!(err instanceof HostError && err.problem.code === "login")) report(err);
  }
}

export async function loadOlder(): Promise<void> {
  const page = await attempt(() => get<{ tasks: Head[]; next: string }>("/api/tasks?before=" + encodeURIComponent(older.value)));
  if (!page) return;
  batch(() => {
    heads.value = [...heads.value, ...page.tasks];
    older.value = page.next;
  });
}

export async function loadPalette(): Promise<void> {
  try {
    const found = await get<any[]>("/api/plugins");
    const out: Command[] = [];
    for (const p of found || []) {
      if (p.state !== "enabled") continue;
      for (const c of p.commands || []) out.push({ id: c.id, hint: c.argument_hint || "", summary: c.summary || "", plugin: p.name, needsModel: !!c.needs_model });
      for (const s of p.skills || []) {
        if (s.user_invocable && !out.some((c) => c.id === s.id)) out.push({ id: s.id, hint: s.argument_hint || "", summary: s.description || "", plugin: p.name, needsModel: true });
      }
    }
    commands.value = out;
  } catch {
    // The palette stays empty; typed commands work all the same.
  }
}

export async function loadFolders(): Promise<void> {
  try {
    folders.value = (await get<{ folders: string[] }>("/api/folders")).folders;
  } catch {
    // A folder can be typed.
  }
}

let queue: Event[] = [];

// flush takes in the events of one frame.
function flush(): void {
  const events = queue;
  queue = [];
  batch(() => {
    let touched = false;
    let list = heads.value;
    for (const e of events) {
      if (e.parent) parents.set(e.task, e.parent);
      list = foldList(list, e);
      const t = loaded.get(e.task) || adopt(e);
      if (!t) continue;
      const settled = t.settled;
      if (t.fold(e)) touched = true;
      else void attempt(() => load(e.task));
      if (t.settled !== settled && rootOf(t.id) === current.value) {
        clearTimeout(changesTimer);
        changesTimer = window.setTimeout(() => void loadChanges(current.value), 150);
      }
    }
    heads.value = list;
    if (touched) version.value++;
  });
}

// adopt takes a new sub-agent of a loaded task in from its first event on.
function adopt(e: Event): Task | undefined {
  if (e.seq !== 1 || !e.parent || !loaded.has(e.parent)) return undefined;
  const t = new Task(e.task);
  loaded.set(e.task, t);
  return t;
}

function rootOf(id: string): string {
  for (let up = parents.get(id) || loaded.get(id)?.parent; up; up = parents.get(id) || loaded.get(id)?.parent) id = up;
  return id;
}

// foldList keeps the list of tasks current.
function foldList(list: Head[], e: Event): Head[] {
  if (!e.seq) return list;
  const root = rootOf(e.task);
  const at = list.findIndex((h) => h.task === root);
  if (at < 0) {
    if (e.kind !== "task.created" || e.parent) return list;
    const h: Head = { task: e.task, title: e.title, status: "running", created: e.time, updated: e.time, last: e.seq, waiting: 0 };
    return [h, ...list];
  }
  const h = list[at];
  if (e.task === root && e.seq <= h.last) return list;
  const next = { ...h, updated: e.time };
  if (e.task === root) {
    next.last = e.seq;
  } else if (/^(approval|question|answer)/.test(e.kind)) {
    clearTimeout(listTimer); // what a sub-agent asks is counted by the host
    listTimer = window.setTimeout(() => void loadList(), 200);
    return list;
  }
  switch (e.kind) {
    case "approval.asked":
    case "question":
      next.waiting++;
      break;
    case "approval.answered":
    case "answer":
      next.waiting = Math.max(0, next.waiting - 1);
      break;
    case "task.resumed":
      if (e.task === root) next.status = "running";
      break;
    case "task.stopping":
      if (e.task === root) next.status = "stopping";
      break;
    case "task.done":
      if (e.task !== root) break;
      next.status = e.status;
      if (e.status !== "parked") next.waiting = 0;
      break;
  }
  return [...list.slice(0, at), next, ...list.slice(at + 1)];
}

// reload brings everything up to date after events were missed.
function reload(): void {
  void loadList();
  for (const id of loaded.keys()) void attempt(() => load(id));
}

export function start(): void {
  const route = () => void open(/^#\/task\/([\w.-]+)$/.exec(location.hash)?.[1] || "");
  window.addEventListener("hashchange", route);
  listen({
    event(e) {
      if (queue.push(e) === 1) schedule();
    },
    lost: reload,
    state(s) {
      connection.value = s;
    },
  });
  void loadList();
  void loadPalette();
  void loadFolders();
  route();
}

// schedule flushes in the next frame; a hidden page has none, so a timer backs
// it up.
function schedule(): void {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    flush();
  };
  requestAnimationFrame(once);
  setTimeout(once, 250);
}

export function go(id: string): void {
  location.hash = id ? "#/task/" + encodeURIComponent(id) : "#/new";
}
