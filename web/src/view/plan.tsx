// The plan: shown in the rail, and to be edited while it waits for consent.
import { useSignal } from "@preact/signals";
import { Icon, type IconName } from "../icons";
import { act } from "../state/store";
import type { Task } from "../state/fold";
import type { PlanStep } from "../state/types";
import { IconButton } from "./ui";

const marks: Record<PlanStep["status"], { icon: IconName; word: string }> = {
  pending: { icon: "skip", word: "to do" },
  active: { icon: "now", word: "now" },
  done: { icon: "check", word: "done" },
  skipped: { icon: "cross", word: "skipped" },
};

export function PlanList({ t }: { t: Task }) {
  if (t.plan.length) {
    return (
      <ol class="plan">
        {t.plan.map((s) => (
          <li key={s.id} class={s.status} aria-current={s.status === "active" ? "step" : undefined}>
            <span class={"mark " + s.status} role="img" aria-label={marks[s.status]?.word}><Icon name={marks[s.status]?.icon || "skip"} /></span>
            <span>{s.text}{s.note && <span class="quiet"> {s.note}</span>}</span>
          </li>
        ))}
      </ol>
    );
  }
  if (t.handlerPlan.length) return <ol class="plan">{t.handlerPlan.map((s, i) => <li key={i}><span class="mark"><Icon name="skip" /></span><span>{s}</span></li>)}</ol>;
  return <p class="quiet">{t.over ? "There was no plan." : "No plan yet."}</p>;
}

export function PlanEditor({ t }: { t: Task; rev: number }) {
  const added = useSignal("");
  const edit = (op: object) => void act(t.id, "plan", { ops: [op] });
  const add = () => {
    const text = added.value.trim();
    if (text) edit({ op: "add", text });
    added.value = "";
  };
  return (
    <div class="plan-editor">
      <ol>
        {t.plan.map((s, i) => (
          <li key={s.id}>
            <input type="text" aria-label={`Step ${i + 1}`} value={s.text} onChange={(e) => {
              const text = e.currentTarget.value.trim();
              if (text && text !== s.text) edit({ op: "edit", id: s.id, text });
            }} />
            <IconButton icon="up" label={`Move step ${i + 1} up`} disabled={i === 0} onClick={() => edit({ op: "move", id: s.id, after: i > 1 ? t.plan[i - 2].id : "start" })} />
            <IconButton icon="down" label={`Move step ${i + 1} down`} disabled={i === t.plan.length - 1} onClick={() => edit({ op: "move", id: s.id, after: t.plan[i + 1].id })} />
            <IconButton icon="cross" label={`Remove step ${i + 1}`} onClick={() => edit({ op: "remove", id: s.id })} />
          </li>
        ))}
      </ol>
      <div class="row">
        <input type="text" aria-label="New step" placeholder="Add a step" value={added.value} onInput={(e) => (added.value = e.currentTarget.value)} onKeyDown={(e) => { if (e.key === "Enter") add(); }} />
        <button type="button" disabled={!added.value.trim()} onClick={add}>Add</button>
      </div>
    </div>
  );
}
