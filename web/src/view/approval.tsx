// The card that asks for consent. Its words are the host's, made from the
// parsed call. It takes no focus; A, T and D answer it while nothing is typed.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import { act } from "../state/store";
import type { Task } from "../state/fold";
import type { Approval } from "../state/types";
import { PlanEditor } from "./plan";
import { editable } from "./ui";

// A key is not taken before the card could be read.
const armedAfter = 600;

const few = 6;

export function ApprovalCard({ approval: a, more, root, rev }: { approval: Approval; more: number; root: Task; rev: number }) {
  const denying = useSignal(false);
  const reason = useSignal("");
  const busy = useSignal(false);
  const reasonBox = useRef<HTMLInputElement>(null);
  const card = a.card;
  const scopes = card.scopes || [];
  const plan = card.about === "plan";

  const answer = async (allow: boolean, scope = "") => {
    if (busy.value) return;
    busy.value = true;
    await act(a.task, "approvals", { id: a.id, allow, scope, reason: allow ? "" : reason.value.trim(), digest: a.digest });
    busy.value = false;
  };
  const deny = () => {
    if (denying.value) void answer(false);
    else denying.value = true;
  };
  useEffect(() => {
    if (denying.value) reasonBox.current?.focus();
  }, [denying.value]);
  useEffect(() => {
    const armed = Date.now() + armedAfter;
    const keys = (e: KeyboardEvent) => {
      if (editable(e.target) || e.ctrlKey || e.metaKey || e.altKey || e.repeat || Date.now() < armed || document.querySelector("dialog[open]")) return;
      const key = e.key.toLowerCase();
      if (key === "a") void answer(true, "once");
      else if (key === "t" && scopes.includes("task")) void answer(true, "task");
      else if (key === "d") deny();
      else return;
      e.preventDefault();
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  }, [a.id]);

  const details = card.details || [];
  return (
    <section class="card approval" role="group" aria-labelledby="approval-title">
      <header>
        <Icon name={plan ? "menu" : "lock"} />
        <h2 id="approval-title">{card.action}</h2>
        {more > 0 && <span class="badge">{more} more</span>}
      </header>
      <dl>
        {card.target && <><dt>Target</dt><dd class="path">{card.target}</dd></>}
        {card.data && <><dt>Data</dt><dd>{card.data}</dd></>}
        {card.risk && <><dt>Risk</dt><dd class="risk">{card.risk}</dd></>}
        {card.reason && <><dt>Why it asks</dt><dd>{card.reason}</dd></>}
      </dl>
      {plan && root.id === a.task && <PlanEditor t={root} rev={rev} />}
      {details.length > 0 && <Details lines={details} clipped={a.clipped} />}
      {denying.value && (
        <label class="reason">
          Why not? The task reads this and looks for another way.
          <input ref={reasonBox} type="text" value={reason.value} onInput={(e) => (reason.value = e.currentTarget.value)} onKeyDown={(e) => {
            if (e.key === "Enter") void answer(false);
            if (e.key === "Escape") { denying.value = false; e.preventDefault(); }
          }} />
        </label>
      )}
      <footer>
        {denying.value ? (
          <>
            <button type="button" class="danger" disabled={busy.value} onClick={() => void answer(false)}>Deny</button>
            <button type="button" onClick={() => (denying.value = false)}>Back</button>
          </>
        ) : (
          <>
            <button type="button" class="primary" disabled={busy.value} onClick={() => void answer(true, "once")}>{plan ? "Start" : "Allow once"} <kbd>A</kbd></button>
            {scopes.includes("task") && <button type="button" disabled={busy.value} onClick={() => void answer(true, "task")}>For this task <kbd>T</kbd></button>}
            {scopes.includes("always") && <button type="button" disabled={busy.value} onClick={() => void answer(true, "always")}>Always</button>}
            <span class="grow" />
            <button type="button" disabled={busy.value} onClick={deny}>{plan ? "Keep planning" : "Deny"} <kbd>D</kbd></button>
          </>
        )}
      </footer>
    </section>
  );
}

function Details({ lines, clipped }: { lines: string[]; clipped: boolean }) {
  const list = <ul class="details-list">{lines.map((d, i) => <li key={i}>{d}</li>)}</ul>;
  return (
    <>
      {lines.length <= few ? list : <details><summary>{lines.length} items</summary><div class="scroll" tabIndex={0} role="region" aria-label="All items">{list}</div></details>}
      {clipped && <p class="note warning"><Icon name="alert" /> This list is cut. See all of it with <code>cowork task show</code> before you allow it.</p>}
    </>
  );
}
