// The list of tasks.
import { useSignal } from "@preact/signals";
import { Icon } from "../icons";
import { current, go, heads, listState, loadList, loadOlder, older } from "../state/store";
import type { Head } from "../state/types";
import { StatusDot, statusWord } from "./ui";

export function Sidebar({ onChoose }: { onChoose: () => void }) {
  const filter = useSignal("");
  const words = filter.value.toLowerCase();
  const found = heads.value.filter((h) => h.title.toLowerCase().includes(words));
  return (
    <nav class="sidebar" aria-label="Tasks">
      <p class="brand">Cowork</p>
      <button type="button" class="new-task" aria-current={current.value === "" ? "page" : undefined} onClick={() => { go(""); onChoose(); }}>
        <Icon name="plus" /> New task
      </button>
      {heads.value.length > 8 && <input type="search" aria-label="Filter tasks" placeholder="Filter tasks" value={filter.value} onInput={(e) => (filter.value = e.currentTarget.value)} />}
      <div class="tasks">
        {listState.value === "loading" && <p class="quiet" role="status">Loading tasks…</p>}
        {listState.value === "failed" && (
          <p class="quiet">The tasks could not be loaded. <button type="button" class="link" onClick={() => void loadList()}>Try again</button></p>
        )}
        {listState.value === "ready" && found.length === 0 && <p class="quiet">{words ? "No task has that in its title." : "No tasks yet."}</p>}
        {groups(found).map(([name, list]) => (
          <section key={name} aria-label={name}>
            <h2>{name}</h2>
            <ul>
              {list.map((h) => (
                <li key={h.task}>
                  <a href={"#/task/" + h.task} class="task-link" aria-current={h.task === current.value ? "page" : undefined} onClick={onChoose}>
                    <StatusDot status={h.status} waiting={h.waiting > 0} />
                    <span class="title">{h.title || "Untitled"}</span>
                    {h.waiting > 0 && <span class="waiting-word">{statusWord(h.status, true)}</span>}
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {older.value && <button type="button" class="link" onClick={() => void loadOlder()}>Older tasks</button>}
      </div>
    </nav>
  );
}

// groups puts what waits for the person first, the rest by day.
function groups(list: Head[]): [string, Head[]][] {
  const out = new Map<string, Head[]>();
  const add = (name: string, h: Head) => out.set(name, [...(out.get(name) || []), h]);
  for (const h of list) if (h.waiting > 0) add("Waiting for you", h);
  const today = new Date().setHours(0, 0, 0, 0);
  for (const h of list) {
    if (h.waiting > 0) continue;
    const age = today - new Date(h.created).setHours(0, 0, 0, 0);
    add(age <= 0 ? "Today" : age <= 86_400_000 ? "Yesterday" : age <= 6 * 86_400_000 ? "This week" : "Earlier", h);
  }
  return [...out];
}
