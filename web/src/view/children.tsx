// Sub-agents: a row each with what it does now.
import { act, loadSub, sub, version } from "../state/store";
import type { Child } from "../state/types";
import { StatusDot, count } from "./ui";

export function Children({ list }: { list: Child[] }) {
  const done = list.filter((c) => c.status !== "running").length;
  return (
    <section class="entry children" aria-label="Sub-agents">
      <p class="children-head">{list.length === 1 ? "1 sub-agent" : `${list.length} sub-agents`}{done ? ` · ${done} done` : ""}</p>
      <ul>{list.map((c) => <Row key={c.task} c={c} />)}</ul>
    </section>
  );
}

function Row({ c }: { c: Child }) {
  version.value; // a sub-agent has a state of its own
  const t = sub(c.task);
  const waits = !!t && t.approvals.size + t.questions.size > 0;
  const failed = c.status === "failed" || c.status === "stopped";
  return (
    <li>
      <details onToggle={(e) => { if (e.currentTarget.open && !sub(c.task)) void loadSub(c.task); }}>
        <summary>
          <StatusDot status={c.status} waiting={waits && c.status === "running"} />
          <strong>{c.title || c.agent}</strong>
          <span class="quiet activity-now">{c.status === "running" ? t?.activity || "starting" : ""}</span>
          {t && t.tokens.output > 0 && <span class="quiet">{count(t.tokens.input + t.tokens.output)} tokens</span>}
        </summary>
        <div class="child-body">
          {!t && <p class="quiet">Loading…</p>}
          {t?.items.slice(-30).map((it) => {
            if (it.kind === "text") return <p key={it.key} class="plain-text">{it.text}</p>;
            if (it.kind === "steps") return it.steps.map((s, i) => <p key={it.key + i} class="quiet">{s.title}</p>);
            if (it.kind === "note") return <p key={it.key} class="quiet">{it.text}</p>;
            return null;
          })}
          <p class="row">
            {c.status === "running" && <button type="button" onClick={() => void act(c.task, "stop", { after: false })}>Stop this one</button>}
            {failed && <button type="button" onClick={() => void act(c.task, "retry")}>Try again</button>}
          </p>
        </div>
      </details>
    </li>
  );
}
