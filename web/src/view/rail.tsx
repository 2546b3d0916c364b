// The right rail: what it will do, what it changed, what it can reach, what it
// costs.
import { Icon } from "../icons";
import { tree, version } from "../state/store";
import { addDecimal, dollars } from "../state/decimal";
import type { Task } from "../state/fold";
import { Changes } from "./changes";
import { PlanList } from "./plan";
import { Panel, baseName, count } from "./ui";

export function Rail({ task: t }: { task: Task }) {
  const rev = version.value;
  const done = t.plan.filter((s) => s.status === "done").length;
  return (
    <aside class="rail" aria-label="Details">
      <Panel title="Progress" aside={t.plan.length ? `${done} of ${t.plan.length}` : undefined}>
        {t.plan.length > 0 && <progress aria-label="Steps done" max={t.plan.length} value={done} />}
        <PlanList t={t} />
      </Panel>
      <Panel title="Working files">
        <Changes t={t} rev={rev} />
      </Panel>
      <Panel title="Access">
        <ul class="plain">
          {t.folders.map((f) => <li key={f} class="path" title={f}><Icon name="folder" /> {baseName(f)}</li>)}
        </ul>
        {t.folders.length === 0 && <p class="quiet">No folder is granted.</p>}
      </Panel>
      {Object.keys(t.context).length > 0 && <Context t={t} />}
      {t.calls > 0 && <Usage t={t} />}
    </aside>
  );
}

const parts: [string, string][] = [["system", "Instructions"], ["tools", "Tools"], ["skills", "Skills"], ["files", "Files"], ["history", "Conversation"], ["results", "Results"]];

function Context({ t }: { t: Task }) {
  const used = Object.values(t.context).reduce((a, b) => a + b, 0);
  const share = t.window ? Math.round((100 * used) / t.window) : 0;
  return (
    <Panel title="Context" aside={t.window ? `${share}%` : count(used)}>
      {t.window > 0 && <meter aria-label="Part of the model's window in use" min={0} max={t.window} high={t.window * 0.8} value={used} />}
      <dl class="figures">
        {parts.filter(([k]) => t.context[k]).map(([k, name]) => <div key={k}><dt>{name}</dt><dd>{count(t.context[k])}</dd></div>)}
      </dl>
    </Panel>
  );
}

function Usage({ t }: { t: Task }) {
  const all = tree(t);
  const cost = all.reduce((sum, c) => addDecimal(sum, c.cost), "");
  const sum = (f: (c: Task) => number) => all.reduce((n, c) => n + f(c), 0);
  return (
    <Panel title="Usage" aside={dollars(cost) || undefined}>
      <dl class="figures">
        <div><dt>Model calls</dt><dd>{count(sum((c) => c.calls))}</dd></div>
        <div><dt>Tokens read</dt><dd>{count(sum((c) => c.tokens.input))}</dd></div>
        <div><dt>of them cached</dt><dd>{count(sum((c) => c.tokens.cached))}</dd></div>
        <div><dt>Tokens written</dt><dd>{count(sum((c) => c.tokens.output))}</dd></div>
      </dl>
    </Panel>
  );
}
