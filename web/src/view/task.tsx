// One task: its transcript, what it asks, and the box to steer it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../icons";
import { act, approvals, attempt, current, open, questions, task, taskState, version } from "../state/store";
import { post, taskPath } from "../state/api";
import type { Task } from "../state/fold";
import { ApprovalCard } from "./approval";
import { Prompt } from "./prompt";
import { QuestionCard } from "./question";
import { Queue } from "./queue";
import { Transcript } from "./transcript";
import { StatusDot, editable, statusWord } from "./ui";

export function TaskView() {
  if (taskState.value === "loading") {
    return <div class="fill" role="status"><p class="quiet">Loading the task…</p></div>;
  }
  const t = task.value;
  if (taskState.value === "failed" || !t) {
    return (
      <div class="fill">
        <p>The task could not be loaded.</p>
        <button type="button" onClick={() => void open(current.value)}>Try again</button>
      </div>
    );
  }
  return <Loaded key={t.id} t={t} rev={version.value} />;
}

function Loaded({ t, rev }: { t: Task; rev: number }) {
  const asked = approvals.value;
  const ask = questions.value;
  const waits = asked.length + ask.length > 0;
  return (
    <div class="task">
      <header class="task-head">
        <h1>{t.title || "Task"}</h1>
        <span class="status-word"><StatusDot status={t.status} waiting={waits} /> {statusWord(t.status, waits)}</span>
        {t.sandbox && <span class="badge" title="Where code and plugins run">{t.sandbox}</span>}
        <span class="grow" />
        <Controls t={t} rev={rev} />
      </header>
      <Transcript t={t} rev={rev} />
      <div class="dock">
        <Activity t={t} waits={waits} />
        {asked.slice(0, 1).map((a) => <ApprovalCard key={a.task + a.id} rev={rev} approval={a} more={asked.length - 1} root={t} />)}
        {asked.length === 0 && ask.slice(0, 1).map((q) => <QuestionCard key={q.task + q.step + q.id} question={q} />)}
        <Queue t={t} rev={rev} />
        <Steer t={t} rev={rev} />
      </div>
    </div>
  );
}

// Activity says what happens now. It is the live region; the transcript is
// not, or a screen reader would read every word as it is written.
function Activity({ t, waits }: { t: Task; waits: boolean }) {
  const n = t.plan.filter((s) => s.status === "done").length;
  const step = t.plan.length ? ` · step ${Math.min(n + 1, t.plan.length)} of ${t.plan.length}` : "";
  const text = waits ? "Waiting for you" : t.over ? "" : (t.activity || "Starting") + step;
  return (
    <p class={waits ? "visually-hidden" : "activity " + (text ? "busy" : "")} role="status">
      {text}
    </p>
  );
}

function Controls({ t }: { t: Task; rev: number }) {
  const busy = useSignal("");
  const run = async (verb: string) => {
    busy.value = verb;
    await act(t.id, verb, verb === "stop" ? { after: false } : {});
    busy.value = "";
  };
  useEffect(() => {
    let last = 0;
    const keys = (e: KeyboardEvent) => {
      if (e.key !== "Escape" || e.defaultPrevented || document.querySelector("dialog[open]") || editable(e.target)) return;
      const now = Date.now();
      if (now - last < 600 && !t.over) void run("stop");
      last = now;
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  }, [t]);
  if (t.over) {
    return t.status === "done" ? null : (
      <button type="button" disabled={busy.value !== ""} onClick={() => void run("resume")}><Icon name="play" /> Resume</button>
    );
  }
  return (
    <>
      <button type="button" disabled={busy.value !== "" || t.status === "stopping"} onClick={() => void run("pause")}><Icon name="pause" /> Pause</button>
      <button type="button" disabled={busy.value === "stop" || t.status === "stopping"} title="Stop (Escape twice); what was done stays" onClick={() => void run("stop")}><Icon name="stop" /> Stop</button>
    </>
  );
}

// drafts keeps what was typed for a task while another is looked at.
const drafts = new Map<string, string>();

function Steer({ t }: { t: Task; rev: number }) {
  const text = useSignal(drafts.get(t.id) || "");
  const busy = useSignal(false);
  drafts.set(t.id, text.value);
  const send = async (later: boolean) => {
    const body = { text: text.value.trim(), when: later ? "next" : "now" };
    if (!body.text || busy.value) return;
    busy.value = true;
    const sent = await attempt(() => post(taskPath(t.id, "messages"), body));
    busy.value = false;
    if (sent !== undefined) text.value = "";
  };
  return (
    <div class="composer slim">
      <Prompt value={text} rows={1} label="Message to the task" placeholder={t.over ? "Ask for a change or go on from here" : "Steer it: this is read at the next step"} onSend={(later) => void send(later)} />
      <div class="composer-bar">
        <span class="quiet">{t.over ? "Enter sends and goes on with the task" : "Enter sends now · Ctrl+Enter queues for afterwards"}</span>
        <span class="grow" />
        {!t.over && <button type="button" disabled={!text.value.trim() || busy.value} onClick={() => void send(true)}>Queue</button>}
        <button type="button" class="primary send" disabled={!text.value.trim() || busy.value} onClick={() => void send(false)}><Icon name="send" /> Send</button>
      </div>
    </div>
  );
}
