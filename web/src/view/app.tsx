// The shell: task list, the task or the composer for a new one, and its rail.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { connection, current, go, task, taskState, toast, waiting } from "../state/store";
import { NewTask } from "./composer";
import { Rail } from "./rail";
import { Sidebar } from "./sidebar";
import { TaskView } from "./task";
import { IconButton, editable } from "./ui";

export function App() {
  const list = useSignal(false); // as drawers, on a narrow page
  const rail = useSignal(false);
  const folded = useSignal({ list: false, rail: false }); // as columns, on a wide one
  useEffect(() => {
    const name = task.value?.title || "Cowork";
    document.title = (waiting.value ? `(${waiting.value}) ` : "") + (current.value ? name + " – Cowork" : "Cowork");
  });
  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      if (e.ctrlKey && e.key === "\\") folded.value = { ...folded.value, list: !folded.value.list };
      else if (e.ctrlKey && e.key === ".") folded.value = { ...folded.value, rail: !folded.value.rail };
      else if (e.key === "Escape") list.value = rail.value = false;
      else if (e.key === "n" && !editable(e.target) && !e.ctrlKey && !e.metaKey && !e.altKey) go("");
      else return;
    };
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  }, []);
  const shown = current.value !== "";
  const classes = ["shell", shown ? "" : "no-rail", folded.value.list ? "list-folded" : "", folded.value.rail ? "rail-folded" : "", list.value ? "list-open" : "", rail.value ? "rail-open" : ""].join(" ");
  return (
    <div class={classes}>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the task</a>
      <header class="topbar">
        <IconButton icon="menu" label="Tasks" expanded={list.value} onClick={() => (list.value = !list.value)} />
        <span class="topbar-title">{shown ? task.value?.title || "Task" : "New task"}</span>
        {shown && <IconButton icon="panel" label="Details" expanded={rail.value} onClick={() => (rail.value = !rail.value)} />}
      </header>
      <Sidebar onChoose={() => (list.value = false)} />
      <main id="main" tabIndex={-1}>
        <Offline />
        {shown ? <TaskView /> : <NewTask />}
        <Toast />
      </main>
      {shown && taskState.value === "ready" && task.value && <Rail task={task.value} />}
      {(list.value || rail.value) && <div class="scrim" onClick={() => (list.value = rail.value = false)} />}
    </div>
  );
}

function Offline() {
  switch (connection.value) {
    case "offline":
      return <div class="banner" role="status">Reconnecting… What is shown may be old; tasks go on.</div>;
    case "login":
      return <div class="banner" role="status">This browser is not let in any more. Run <code>cowork serve</code> and open the link it prints.</div>;
  }
  return null;
}

function Toast() {
  const p = toast.value;
  return (
    <div class="toasts" role="alert">
      {p && (
        <div class="toast">
          <div>
            <strong>{p.message}</strong>
            {p.next && <p>{p.next}</p>}
          </div>
          <IconButton icon="cross" label="Dismiss" onClick={() => (toast.value = null)} />
        </div>
      )}
    </div>
  );
}
