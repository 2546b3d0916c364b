// A question of the task: its choices, or free text.
import { useSignal } from "@preact/signals";
import { Icon } from "../icons";
import { act } from "../state/store";
import type { Question } from "../state/types";

export function QuestionCard({ question: q }: { question: Question }) {
  const text = useSignal("");
  const busy = useSignal(false);
  const answer = async (value: string) => {
    if (busy.value) return;
    busy.value = true;
    await act(q.task, "answers", { id: q.id, value });
    busy.value = false;
  };
  return (
    <section class="card question" role="group" aria-labelledby="question-title">
      <header>
        <Icon name="question" />
        <h2 id="question-title">{q.text}</h2>
      </header>
      {q.choices.length > 0 ? (
        <div class="choices">
          {q.choices.map((c) => (
            <button type="button" key={c.value} disabled={busy.value} onClick={() => void answer(c.value)}>
              <strong>{c.label || c.value}</strong>
              {c.detail && <span class="quiet">{c.detail}</span>}
            </button>
          ))}
        </div>
      ) : (
        <form class="row" onSubmit={(e) => { e.preventDefault(); void answer(text.value.trim()); }}>
          <input type="text" aria-label="Your answer" value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
          <button type="submit" class="primary" disabled={!text.value.trim() || busy.value}>Answer</button>
        </form>
      )}
    </section>
  );
}
