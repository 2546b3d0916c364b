// What was delivered, and what nobody checked: from the log and the disk, no
// word of it the model's.
import { Icon } from "../icons";
import type { Completion } from "../state/types";
import { baseName, bytes } from "./ui";

export function CompletionRecord({ record: r }: { record: Completion }) {
  const delivered = r.delivered || [];
  const checks = r.checks || [];
  const open = r.not_verified || [];
  if (!delivered.length && !checks.length && !open.length) return null;
  return (
    <section class="entry completion" aria-label="What was delivered">
      <h2>{delivered.length ? "Delivered" : "Checked"}{r.plan_total > 0 && <span class="quiet"> · {r.plan_done} of {r.plan_total} planned steps</span>}</h2>
      <ul>
        {delivered.map((d) => (
          <li key={d.path}>
            <Icon name="file" />
            <span title={d.path}>{baseName(d.path)}</span>
            <span class="quiet">{bytes(d.size)}{d.version > 1 ? ` · version ${d.version}` : ""} · <code title={d.sha256}>{d.sha256.slice(0, 10)}</code></span>
          </li>
        ))}
        {checks.map((c, i) => (
          <li key={"c" + i}>
            <span class={"mark " + (c.status === "passed" ? "ok" : c.status === "failed" ? "error" : "open")}><Icon name={c.status === "passed" ? "check" : c.status === "failed" ? "alert" : "question"} /></span>
            <span>{c.name}{c.path ? " – " + baseName(c.path) : ""}</span>
            <span class="quiet">{c.status === "passed" ? "passed" : c.status === "failed" ? "failed" : "not verified"}{c.detail ? ": " + c.detail : ""}</span>
          </li>
        ))}
      </ul>
      {open.length > 0 && (
        <div class="not-verified">
          <h2>Not verified</h2>
          <ul>{open.map((s, i) => <li key={i}><Icon name="question" /><span>{s}</span></li>)}</ul>
        </div>
      )}
    </section>
  );
}
