// The state of one task: a fold of its events, in the order they come. It is
// the page's only source of truth about a task.
import type { Approval, Change, Child, Completion, Event, Item, Message, PlanStep, Problem, Question, Status, Step } from "./types";
import { addDecimal } from "./decimal";

// The new members of an item of one kind.
type Fields<K extends Item["kind"]> = Omit<Extract<Item, { kind: K }>, "key" | "rev" | "kind">;

export class Task {
  last = 0;
  parent = "";
  title = "";
  input = "";
  folders: string[] = [];
  mode = "";
  status: Status = "running";
  started = "";
  updated = "";
  sandbox = "";
  items: Item[] = [];
  plan: PlanStep[] = [];
  handlerPlan: string[] = [];
  approvals = new Map<string, Approval>();
  questions = new Map<string, Question>();
  queue: Message[] = [];
  children: Child[] = [];
  changes: Change[] = [];
  completion?: Completion;
  error?: Problem;
  activity = ""; // what it does now, in a few words
  tokens = { input: 0, output: 0, cached: 0 };
  cost = "";
  calls = 0;
  context: Record<string, number> = {};
  window = 0;
  settled = 0; // grows when files changed

  private steps = new Map<string, { item: Extract<Item, { kind: "steps" }>; step: Step }>();
  private live = new Map<string, Extract<Item, { kind: "text" | "thinking" }>>();
  private nextKey = 0;

  constructor(readonly id: string) {}

  get over(): boolean {
    return this.status !== "running" && this.status !== "stopping";
  }

  // fold takes in one event; it returns false when events before it are missing.
  fold(e: Event): boolean {
    if (e.seq) {
      if (e.seq <= this.last) return true;
      if (e.seq > this.last + 1) return false;
      this.last = e.seq;
      this.updated = e.time;
    }
    const apply = handlers[e.kind];
    if (apply) apply(this, e);
    return true;
  }

  push<K extends Item["kind"]>(kind: K, fields: Fields<K>): Extract<Item, { kind: K }> {
    const item = { key: String(this.nextKey++), rev: 0, kind, ...fields } as unknown as Extract<Item, { kind: K }>;
    this.items.push(item);
    return item;
  }

  note(text: string, tone: "plain" | "warning" | "error" = "plain", next?: string): void {
    this.push("note", { text, tone, next });
  }

  // grow appends to a message that is still being written.
  grow(kind: "text" | "thinking", call: number, index: number, text: string): void {
    const key = call + "/" + index;
    let item = this.live.get(key);
    if (!item) {
      item = this.push(kind, { text: "", live: true } as Fields<"text">) as Extract<Item, { kind: "text" | "thinking" }>;
      this.live.set(key, item);
    }
    item.text += text;
    item.rev++;
  }

  // settle puts the finished message in the place of what was shown of it.
  settle(e: Event): void {
    if (this.live.size) {
      const grown = new Set<Item>(this.live.values());
      this.live.clear();
      this.items = this.items.filter((it) => !grown.has(it));
    }
    if (e.thinking) this.push("thinking", { text: e.thinking, live: false });
    if (e.text) this.push("text", { text: e.text, live: false });
  }

  step(call: string, first: () => Step): { item: Extract<Item, { kind: "steps" }>; step: Step } {
    let at = this.steps.get(call);
    if (!at) {
      const tail = this.items[this.items.length - 1];
      const item = tail?.kind === "steps" ? tail : this.push("steps", { steps: [] });
      const step = first();
      item.steps.push(step);
      at = { item, step };
      this.steps.set(call, at);
    }
    at.item.rev++;
    return at;
  }

  setQueue(change: (q: Message[]) => Message[]): void {
    this.queue = change(this.queue);
  }

  // interrupt ends what was still growing or running when a run ends.
  interrupt(): void {
    for (const it of this.live.values()) {
      it.live = false;
      it.rev++;
    }
    this.live.clear();
    for (const { item, step } of this.steps.values()) {
      if (step.status === "running") {
        step.status = "stopped";
        item.rev++;
      }
    }
    this.activity = "";
  }
}

const handlers: Record<string, (t: Task, e: Event) => void> = {
  "task.created"(t, e) {
    Object.assign(t, { parent: e.parent, title: e.title || "", input: e.input || "", folders: e.folders || [], mode: e.mode || "", started: e.time, status: "running" });
    t.push("person", { text: t.input });
  },
  "task.resumed"(t) {
    t.status = "running";
    t.error = undefined;
    t.note("Resumed");
  },
  "task.stopping"(t) {
    t.status = "stopping";
    t.activity = "Stopping";
  },
  "task.paused"(t, e) {
    t.note("Paused" + (e.reason ? ": " + e.reason : ""));
  },
  "task.undone"(t, e) {
    const n = (e.reversals || []).length;
    t.note(n === 1 ? "Undid 1 change" : `Undid ${n} changes`);
    t.settled++;
  },
  "task.done"(t, e) {
    t.status = e.status;
    t.sandbox = e.sandbox || t.sandbox;
    t.error = e.error;
    t.interrupt();
    t.settled++;
    if (e.facts?.length) t.push("facts", { facts: e.facts });
    if (e.error && e.status !== "parked") t.note(e.error.message, e.status === "stopped" ? "plain" : "error", e.error.next);
  },
  "sandbox.ready"(t, e) {
    t.sandbox = e.sandbox;
  },
  "turn.started"(t) {
    t.activity = "Thinking";
  },
  "model.called"(t, e) {
    t.activity = e.purpose === "compaction" ? "Summarising what came before" : "Thinking";
    if (e.context) t.context = e.context;
    if (e.window) t.window = e.window;
  },
  "model.delta"(t, e) {
    if (e.what === "text" || e.what === "thinking") t.grow(e.what, e.call, e.index, e.text);
    if (e.what === "text") t.activity = "Writing";
    if (e.what === "input" && e.tool) t.activity = "Preparing " + e.tool;
  },
  "model.retry"(t, e) {
    t.activity = `Trying again in ${Math.ceil(e.wait_ms / 1000)} s: ${e.reason}`;
  },
  "model.message"(t, e) {
    t.settle(e);
  },
  usage(t, e) {
    t.calls++;
    t.tokens.input += (e.input_tokens || 0) + (e.cache_read_tokens || 0) + (e.cache_write_5m_tokens || 0) + (e.cache_write_1h_tokens || 0);
    t.tokens.cached += e.cache_read_tokens || 0;
    t.tokens.output += e.output_tokens || 0;
    t.cost = addDecimal(t.cost, e.cost || "");
  },
  "tool.call"(t, e) {
    const { step } = t.step(e.call, () => ({ call: e.call, step: e.step, title: e.summary || e.tool, detail: "", status: "running", ms: 0 }));
    t.activity = step.title;
  },
  "tool.result"(t, e) {
    const { step } = t.step(e.call, () => ({ call: e.call, step: e.step || "", title: e.tool, detail: "", status: "running", ms: 0 }));
    Object.assign(step, { status: e.status, detail: (e.text || "") + (e.clipped ? "\n(cut; the log has all of it)" : ""), ms: e.duration_ms || 0, progress: undefined });
    t.activity = "Thinking";
    if (e.changes?.length) t.settled++;
  },
  "step.started"(t, e) {
    const title = e.plugin && e.command ? `/${e.command.includes(":") ? e.command : e.plugin + ":" + e.command}` : "step " + e.step;
    const { step } = t.step("step " + e.step, () => ({ call: "", step: e.step, title, detail: "", status: "running", ms: 0 }));
    step.status = "running";
    t.activity = title;
  },
  progress(t, e) {
    const at = t.step("step " + e.step, () => ({ call: "", step: e.step, title: e.label, detail: "", status: "running", ms: 0 }));
    at.step.progress = { label: e.label, done: e.done, total: e.total };
    t.activity = e.label;
  },
  "step.result"(t, e) {
    if (e.brief) t.push("text", { text: e.brief, live: false });
  },
  "step.applied"(t, e) {
    t.step("step " + e.step, () => ({ call: "", step: e.step, title: "step " + e.step, detail: "", status: "ok", ms: 0 })).step.status = "ok";
    t.settled++;
  },
  "step.failed"(t, e) {
    const { step } = t.step("step " + e.step, () => ({ call: "", step: e.step, title: "step " + e.step, detail: "", status: "error", ms: 0 }));
    Object.assign(step, { status: "error", detail: e.error?.message || "" });
    for (const [k, q] of t.questions) if (q.step === e.step) t.questions.delete(k);
  },
  plan(t, e) {
    t.handlerPlan = e.items || [];
  },
  log(t, e) {
    t.note(e.message);
  },
  "plugin.failed"(t, e) {
    t.note(`The plugin ${e.plugin} was stopped: ${e.reason}`, "error");
  },
  "plan.edited"(t, e) {
    for (const op of e.ops || []) editPlan(t.plan, op);
    t.plan = [...t.plan];
  },
  "approval.asked"(t, e) {
    t.approvals.set(e.id, { task: t.id, id: e.id, digest: e.digest || "", card: e.card, clipped: !!e.clipped });
    t.activity = "Waiting for you";
  },
  "approval.answered"(t, e) {
    const asked = t.approvals.get(e.id);
    t.approvals.delete(e.id);
    if (!asked) return;
    t.note((e.allow ? "Allowed: " : "Denied: ") + asked.card.action + (e.reason ? ` (${e.reason})` : ""));
    t.activity = "Thinking";
  },
  question(t, e) {
    t.questions.set(e.step + "/" + e.id, { task: t.id, step: e.step, id: e.id, text: e.text, choices: e.choices || [] });
    t.activity = "Waiting for you";
  },
  answer(t, e) {
    const q = t.questions.get(e.step + "/" + e.id);
    if (!q) return;
    t.questions.delete(e.step + "/" + e.id);
    t.push("person", { text: q.choices.find((c) => c.value === e.value)?.label || e.value, note: q.text });
  },
  "message.queued"(t, e) {
    t.setQueue((q) => [...q, { id: e.id, text: e.text, when: e.when }]);
  },
  "message.changed"(t, e) {
    t.setQueue((q) => changeQueue(q, e));
  },
  "message.delivered"(t, e) {
    const ids: string[] = e.ids || [];
    t.setQueue((q) => q.filter((m) => !ids.includes(m.id)));
    t.push("person", { text: e.text });
  },
  "child.started"(t, e) {
    const child: Child = { task: e.child, agent: e.agent, title: e.title, status: "running" };
    t.children.push(child);
    const tail = t.items[t.items.length - 1];
    const before = t.items[t.items.length - 2];
    const group = tail?.kind === "children" ? tail : before?.kind === "children" && tail?.kind === "steps" ? before : t.push("children", { children: [] });
    group.children.push(child);
    group.rev++;
  },
  "child.done"(t, e) {
    const child = t.children.find((c) => c.task === e.child);
    if (!child) return;
    child.status = e.status;
    for (const it of t.items) if (it.kind === "children" && it.children.includes(child)) it.rev++;
  },
  "context.compacted"(t, e) {
    t.note(`The conversation so far was summarised (${e.before_tokens} → ${e.after_tokens} tokens); all of it stays in the log`);
  },
  finding(t, e) {
    t.note(e.message, e.severity === "error" ? "error" : e.severity === "warning" ? "warning" : "plain");
  },
  completion(t, e) {
    t.completion = e as unknown as Completion;
    t.push("completion", { record: t.completion });
  },
};

// editPlan applies one edit to the plan's steps, as the host does.
function editPlan(plan: PlanStep[], op: any): void {
  const at = plan.findIndex((s) => s.id === op.id);
  const insert = (step: PlanStep) => {
    if (op.after === "start") return plan.unshift(step);
    const i = op.after ? plan.findIndex((s) => s.id === op.after) : -1;
    return i < 0 ? plan.push(step) : plan.splice(i + 1, 0, step);
  };
  switch (op.op) {
    case "add": {
      const used = new Set(plan.map((s) => s.id));
      let n = 1;
      while (used.has(String(n))) n++;
      insert({ id: op.id || String(n), text: op.text || "", status: op.status || "pending", note: op.note });
      return;
    }
    case "edit":
    case "status":
      if (at < 0) return;
      plan[at] = { ...plan[at], text: op.text || plan[at].text, status: op.status || plan[at].status, note: op.note || plan[at].note };
      return;
    case "move":
      if (at >= 0) insert(plan.splice(at, 1)[0]);
      return;
    case "remove":
      if (at >= 0) plan.splice(at, 1);
  }
}

function changeQueue(queue: Message[], e: Event): Message[] {
  const m = queue.find((q) => q.id === e.id);
  if (!m) return queue;
  const rest = queue.filter((q) => q !== m);
  if (e.remove) return rest;
  const changed = { ...m, text: e.text || m.text, when: e.when || m.when };
  if (!e.before) return queue.map((q) => (q === m ? changed : q));
  const i = rest.findIndex((q) => q.id === e.before);
  return i < 0 ? [...rest, changed] : [...rest.slice(0, i), changed, ...rest.slice(i)];
}
