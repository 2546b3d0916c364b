// Tool calls, one quiet line each; what came back is behind it.
import { Icon, type IconName } from "../icons";
import type { Step } from "../state/types";
import { duration } from "./ui";

const marks: Record<string, { icon: IconName; word: string }> = {
  running: { icon: "now", word: "running" },
  ok: { icon: "check", word: "done" },
  error: { icon: "alert", word: "failed" },
  invalid: { icon: "alert", word: "not possible" },
  denied: { icon: "lock", word: "denied" },
  interrupted: { icon: "stop", word: "interrupted" },
  stopped: { icon: "stop", word: "stopped" },
};

export function Steps({ steps, open }: { steps: Step[]; open: boolean; rev: number }) {
  if (open || steps.length <= 3) return <ol class="entry steps">{steps.map((s, i) => <Line key={i} s={s} />)}</ol>;
  const bad = steps.filter((s) => s.status !== "ok" && s.status !== "running").length;
  const ms = steps.reduce((n, s) => n + s.ms, 0);
  return (
    <details class="entry steps-group">
      <summary>{[`${steps.length} steps`, duration(ms), bad ? `${bad} not done` : ""].filter(Boolean).join(" · ")}</summary>
      <ol class="steps">{steps.map((s, i) => <Line key={i} s={s} />)}</ol>
    </details>
  );
}

function Line({ s }: { s: Step }) {
  const mark = marks[s.status] || marks.error;
  const head = (
    <>
      <span class={"mark " + s.status} role="img" aria-label={mark.word}><Icon name={mark.icon} /></span>
      <span class="step-title">{s.title}</span>
      {s.progress && s.progress.total > 0 && <progress aria-label={s.progress.label} max={s.progress.total} value={s.progress.done} />}
      {s.ms >= 1000 && <span class="quiet">{duration(s.ms)}</span>}
    </>
  );
  if (!s.detail) return <li><div class="step">{head}</div></li>;
  return (
    <li>
      <details>
        <summary class="step">{head}</summary>
        <pre tabIndex={0}>{s.detail}</pre>
      </details>
    </li>
  );
}
