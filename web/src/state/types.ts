// The JSON of the host, as far as the page reads it. The same events are what
// `cowork task show --json` prints.

export interface Event {
  seq: number;
  time: string;
  task: string;
  parent: string;
  kind: string;
  [field: string]: any;
}

export interface Head {
  task: string;
  title: string;
  status: Status;
  created: string;
  updated: string;
  last: number;
  waiting: number;
  parent?: string;
}

export type Status = "running" | "stopping" | "done" | "failed" | "parked" | "stopped";

export interface Problem {
  code: string;
  message: string;
  next?: string;
}

export interface Card {
  about: string;
  tool?: string;
  action: string;
  target?: string;
  data?: string;
  risk?: string;
  details?: string[];
  scopes: string[] | null;
  rule: string;
  reason?: string;
}

export interface Approval {
  task: string;
  id: string;
  digest: string;
  card: Card;
  clipped: boolean;
}

export interface Question {
  task: string;
  step: string;
  id: string;
  text: string;
  choices: { value: string; label: string; detail?: string }[];
}

export interface PlanStep {
  id: string;
  text: string;
  status: "pending" | "active" | "done" | "skipped";
  note?: string;
}

export interface Message {
  id: string;
  text: string;
  when: "now" | "next";
}

export interface Change {
  path: string;
  change: string;
  from?: string;
  step?: string;
  undoable: boolean;
}

export interface Check {
  name: string;
  status: string;
  detail?: string;
  path?: string;
}

export interface Completion {
  asked: string[] | null;
  delivered: { path: string; sha256: string; size: number; version: number }[] | null;
  checks: Check[] | null;
  not_verified: string[] | null;
  plan_done: number;
  plan_total: number;
}

export interface Child {
  task: string;
  agent: string;
  title: string;
  status: Status;
}

export interface Step {
  call: string;
  step: string;
  title: string;
  detail: string;
  status: string;
  ms: number;
  progress?: { label: string; done: number; total: number };
}

// Item is one entry of the transcript. rev grows with every change, so that
// only what changed is drawn again.
export type Item = { key: string; rev: number } & (
  | { kind: "person"; text: string; note?: string }
  | { kind: "text"; text: string; live: boolean }
  | { kind: "thinking"; text: string; live: boolean }
  | { kind: "steps"; steps: Step[] }
  | { kind: "children"; children: Child[] }
  | { kind: "note"; tone: "plain" | "warning" | "error"; text: string; next?: string }
  | { kind: "facts"; facts: { name: string; value: string; unit?: string; source?: string }[] }
  | { kind: "completion"; record: Completion }
);
