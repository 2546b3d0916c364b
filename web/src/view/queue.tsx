// Messages that wait: to be edited, moved, sent now or removed.
import { useSignal } from "@preact/signals";
import { act } from "../state/store";
import type { Task } from "../state/fold";
import type { Message } from "../state/types";
import { IconButton } from "./ui";

export function Queue({ t }: { t: Task; rev: number }) {
  if (!t.queue.length) return null;
  return (
    <section class="queue" aria-label="Messages that wait">
      <ol>{t.queue.map((m, i) => <Row key={m.id} t={t} m={m} before={t.queue[i - 1]} after={t.queue[i + 2]} last={i === t.queue.length - 1} />)}</ol>
    </section>
  );
}

function Row({ t, m, before, after, last }: { t: Task; m: Message; before?: Message; after?: Message; last: boolean }) {
  const draft = useSignal<string | null>(null);
  const change = (c: object) => void act(t.id, "messages/" + m.id, c);
  const save = () => {
    const text = (draft.value || "").trim();
    if (text && text !== m.text) change({ text });
    draft.value = null;
  };
  if (draft.value !== null) {
    return (
      <li>
        <input type="text" aria-label="Message" value={draft.value} onInput={(e) => (draft.value = e.currentTarget.value)} onKeyDown={(e) => {
          if (e.key === "Enter") save();
          if (e.key === "Escape") draft.value = null;
        }} />
        <IconButton icon="check" label="Save" onClick={save} />
        <IconButton icon="cross" label="Do not change it" onClick={() => (draft.value = null)} />
      </li>
    );
  }
  return (
    <li>
      <span class="when">{m.when === "now" ? "Next step" : "Afterwards"}</span>
      <span class="message" title={m.text}>{m.text}</span>
      {m.when === "next" && <IconButton icon="send" label="Send now" onClick={() => change({ when: "now" })} />}
      <IconButton icon="up" label="Move up" disabled={!before} onClick={() => change({ before: before!.id })} />
      <IconButton icon="down" label="Move down" disabled={last} onClick={() => change({ before: after?.id || "end" })} />
      <IconButton icon="edit" label="Edit" onClick={() => (draft.value = m.text)} />
      <IconButton icon="cross" label="Remove" onClick={() => change({ remove: true })} />
    </li>
  );
}
